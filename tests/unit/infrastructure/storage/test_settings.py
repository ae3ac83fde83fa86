"""What is wrong with the settings of a storage is told at the start, all of it, and never with a secret in it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from academy.infrastructure.storage.service_account import read_service_account
from academy.settings import SettingsError, load_settings
from tests.simulators.gcs import EMAIL, Gcs

S3 = {"STORAGE_PROVIDER": "s3", "S3_BUCKET": "files", "S3_REGION": "ap-south-1"}
GCS = {"STORAGE_PROVIDER": "gcs", "GCS_BUCKET": "files"}


@pytest.fixture(scope="module")
def account_key() -> str:
    return Gcs().account_key


def mistakes(variables: Mapping[str, str]) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(variables)
    return caught.value.mistakes


def test_a_folder_needs_nothing() -> None:
    assert load_settings({}).storage.storage_provider == "local"


def test_a_bucket_of_s3_needs_its_name_and_place() -> None:
    told = mistakes({"STORAGE_PROVIDER": "s3"})
    assert set(told) == {"S3_BUCKET", "S3_REGION"}
    assert all("STORAGE_PROVIDER=s3" in text for text in told.values())
    load_settings(S3)
    load_settings({"STORAGE_PROVIDER": "s3", "S3_BUCKET": "files", "S3_ENDPOINT": "https://minio.example.com"})


@pytest.mark.parametrize("given", ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"])
def test_half_a_key_is_none(given: str) -> None:
    assert set(mistakes({**S3, given: "something"})) == {"S3_SECRET_ACCESS_KEY"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STORAGE_PROVIDER", "memory"),
        ("STORAGE_TIMEOUT_SECONDS", "0"),
        ("S3_BUCKET", "Files"),
        ("S3_BUCKET", "a/b"),
        ("S3_REGION", "ap south"),
        ("S3_ENDPOINT", "minio.example.com"),
        ("S3_ENDPOINT", "https://minio.example.com/files"),
        ("GCS_BUCKET", "gs://files"),
        ("GCS_ENDPOINT", "storage.googleapis.com"),
        ("CDN_URL", "cdn.example.com"),
        ("CDN_URL", "https://cdn.example.com/"),
        ("CDN_URL", "https://cdn.example.com/a?b"),
    ],
)
def test_what_cannot_be_is_told(variable: str, value: str) -> None:
    assert variable in mistakes({**S3, variable: value})


def test_a_delivery_network_needs_a_bucket() -> None:
    assert set(mistakes({"CDN_URL": "https://cdn.example.com"})) == {"CDN_URL"}
    load_settings({**S3, "CDN_URL": "https://cdn.example.com/academy"})


def test_a_bucket_of_google_needs_its_name_and_a_key() -> None:
    assert set(mistakes({"STORAGE_PROVIDER": "gcs"})) == {"GCS_BUCKET", "GCS_CREDENTIALS"}


def test_the_key_is_given_as_a_file_or_as_it_is(tmp_path: Path, account_key: str) -> None:
    file = tmp_path / "key.json"
    file.write_text(account_key)
    for given in (str(file), account_key, f"\n{account_key}"):
        assert load_settings({**GCS, "GCS_CREDENTIALS": given}).gcs.credentials == given.strip()
        assert read_service_account(given).client_email == EMAIL


def test_what_is_no_key_is_told_without_a_word_of_it(tmp_path: Path, account_key: str) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    elliptic = other.decode().replace("\n", "\\n")
    spoilt = account_key.replace("BEGIN PRIVATE", "BEGIN SPOILT")
    wrong = {
        "no such file": str(tmp_path / "none.json"),
        "a folder": str(tmp_path),
        "no JSON": '{"client_email": ',
        "another JSON": '{"type": "authorized_user"}',
        "a spoilt key": spoilt,
        "another kind of key": f'{{"client_email": "a@b", "private_key_id": "1", "private_key": "{elliptic}"}}',
        "far too long for a path": "x" * 10_000,
        "no path": "a\0b",
    }
    for what, given in wrong.items():
        told = mistakes({**GCS, "GCS_CREDENTIALS": given})
        assert set(told) == {"GCS_CREDENTIALS"}, what
        assert "key" in told["GCS_CREDENTIALS"]
        assert "PRIVATE" not in told["GCS_CREDENTIALS"]
        assert len(told["GCS_CREDENTIALS"]) < 200
