"""Settings: read from variables, refused all at once, and kept quiet where they are secret."""

import asyncio
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.settings import (
    HomeSettings,
    Settings,
    SettingsError,
    Variable,
    declared_variables,
    load_settings,
    secret_key,
)
from academy.web.settings import WebSettings

VARIABLES = {variable.name: variable for variable in declared_variables()}
KEY = "k" * 32
WRONG = {
    "PORT": "99999",
    "WORKERS": "many",
    "BCRYPT_ROUNDS": "12.5",
    "BASE_URL": "https://rtechacademy.com/",
    "ENVIRONMENT": "staging",
    "LOG_LEVEL": "verbose",
    "ACCENT_COLOR": "red",
    "JOB_WORKER_IN_SERVER": "perhaps",
    "MONGODB_TIMEOUT_SECONDS": "soon",
    "EMAIL_FROM": "nobody",
    "SECRET_KEY": "short-and-secret",
}


def mistakes(environment: Mapping[str, str]) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment)
    return caught.value.mistakes


def test_nothing_has_to_be_set() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.web.port, settings.web.currency, settings.web.environment) == (8000, "INR", "development")
    assert settings.sqlite_path == Path("academy-data/academy.sqlite3")
    assert settings.storage_path == Path("academy-data/files")


def test_values_are_read_as_what_they_are() -> None:
    settings = load_settings(
        {
            "PORT": " 8080 ",
            "JOB_POLL_SECONDS": "0.5",
            "JOB_WORKER_IN_SERVER": "false",
            "ACADEMY_NAME": "Rao Academy",
            "CURRENCY": "USD",
            "ACADEMY_HOME": "/srv/academy",
            "LOG_LEVEL": "warn",
            "UNKNOWN": "ignored",
        }
    )
    assert (settings.web.port, settings.jobs.poll_seconds, settings.jobs.in_process) == (8080, 0.5, False)
    assert (settings.web.academy_name, settings.web.currency, settings.web.log_level) == ("Rao Academy", "USD", "warn")
    assert settings.sqlite_path == Path("/srv/academy/academy.sqlite3")


def test_paths_can_be_moved() -> None:
    settings = load_settings({"SQLITE_PATH": "/fast/a.sqlite3", "STORAGE_PATH": "/large"})
    assert (settings.sqlite_path, settings.storage_path) == (Path("/fast/a.sqlite3"), Path("/large"))


@pytest.mark.parametrize("nothing", ["", "  ", "\t\n"])
def test_an_empty_variable_counts_as_not_set(nothing: str) -> None:
    assert load_settings(dict.fromkeys(VARIABLES, nothing)) == Settings()


def test_all_mistakes_are_told_at_once_by_name_with_what_to_do() -> None:
    told = mistakes({**WRONG, "CODE_TRIES": "3"})
    assert set(told) == set(WRONG)
    for name, text in told.items():
        assert VARIABLES[name].expected in text
        assert VARIABLES[name].description in text
    assert told["PORT"] == "'99999' does not fit. It takes a whole number from 1 up to 65535. Port to listen on."
    with pytest.raises(SettingsError) as caught:
        load_settings(WRONG)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + len(WRONG)
    assert all(any(line.startswith(f"  {name}: ") for line in lines) for name in WRONG)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PORT", "a whole number from 1 up to 65535"),
        ("JOB_POLL_SECONDS", "a number above 0 up to 60"),
        ("MAX_VIDEO_BYTES", "a whole number from 1 up"),
        ("JOB_WORKER_IN_SERVER", "true or false"),
        ("ENVIRONMENT", "one of development, production"),
        ("BASE_URL", "a text such as https://rtechacademy.com"),
        ("ACCENT_COLOR", "a text such as #3d5afe"),
        ("LOGO_URL", "a text"),
    ],
)
def test_what_a_variable_takes_is_said_in_words(name: str, words: str) -> None:
    assert VARIABLES[name].expected == words


def test_the_wrong_value_is_shown_when_it_is_no_secret() -> None:
    assert mistakes({"PORT": "80a"})["PORT"].startswith("'80a' does not fit.")


@pytest.mark.parametrize(
    ("name", "value"),
    [("SECRET_KEY", "tell-nobody"), ("PORT", "mongodb://me:tell-nobody@db"), ("PASSWORD_MIN_LENGTH", "tell-nobody")],
)
def test_a_secret_is_never_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    assert "tell-nobody" not in str(caught.value)
    assert "not shown" in str(caught.value)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "NaN", "Infinity"])
def test_a_number_is_finite(value: str) -> None:
    assert set(mistakes({"JOB_POLL_SECONDS": value})) == {"JOB_POLL_SECONDS"}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(VARIABLES)), st.text(max_size=20), max_size=5))
def test_any_text_is_a_setting_or_a_mistake(environment: dict[str, str]) -> None:
    told: set[str] = set()
    try:
        settings = load_settings(environment)
    except SettingsError as error:
        told = set(error.mistakes)
    else:
        assert msgspec.convert(msgspec.to_builtins(settings), Settings) == settings
    assert told <= set(environment)


def test_production_asks_for_what_it_needs() -> None:
    told = mistakes({"ENVIRONMENT": "production"})
    assert set(told) == {"SECRET_KEY", "BASE_URL", "EMAIL_PROVIDER", "PAYMENT_GATEWAYS"}
    assert "required in production" in told["SECRET_KEY"]
    assert "required in production" in told["BASE_URL"]
    assert "inbox" in told["EMAIL_PROVIDER"]
    assert "rehearsal" in told["PAYMENT_GATEWAYS"]
    given_two = {"ENVIRONMENT": "production", "SECRET_KEY": KEY, "BASE_URL": "https://a.example"}
    assert set(mistakes(given_two)) == {"EMAIL_PROVIDER", "PAYMENT_GATEWAYS"}


def test_production_tells_its_needs_with_the_other_mistakes() -> None:
    told = mistakes({"ENVIRONMENT": "production", "SECRET_KEY": "short", "PORT": "x"})
    assert set(told) == {"SECRET_KEY", "PORT", "BASE_URL", "EMAIL_PROVIDER", "PAYMENT_GATEWAYS"}
    assert "does not fit" in told["SECRET_KEY"]


def test_a_gateway_asks_for_its_keys() -> None:
    told = mistakes({"PAYMENT_GATEWAYS": "stripe, razorpay", "STRIPE_SECRET_KEY": "sk_test_x"})
    assert set(told) == {
        "STRIPE_WEBHOOK_SECRET",
        "RAZORPAY_KEY_ID",
        "RAZORPAY_KEY_SECRET",
        "RAZORPAY_WEBHOOK_SECRET",
    }
    assert "does not fit" in mistakes({"PAYMENT_GATEWAYS": "paypal"})["PAYMENT_GATEWAYS"]
    assert load_settings({"PAYMENT_GATEWAYS": "none"}).gateways.offered == ()


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"SELLER_TAX_ID": "27AAAAA0000A1Z6"}, "SELLER_TAX_ID"),
        ({"SELLER_STATE": "99"}, "SELLER_STATE"),
        ({"SELLER_TAX_ID": "27AAPFU0939F1ZV", "SELLER_STATE": "29"}, "SELLER_STATE"),
        ({"SELLER_COUNTRY": "DE", "SELLER_TAX_ID": "DE12"}, "SELLER_TAX_ID"),
    ],
)
def test_a_seller_that_cannot_be_is_refused(given: dict[str, str], wrong: str) -> None:
    assert set(mistakes(given)) == {wrong}


def test_a_seller_that_can_be_is_taken() -> None:
    assert load_settings({"SELLER_TAX_ID": "27AAPFU0939F1ZV", "SELLER_STATE": "27"}).payments.seller_state == "27"


# --- the declarations ---


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=list(VARIABLES))
def test_a_variable_is_declared_whole(variable: Variable) -> None:
    assert re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", variable.name)
    assert len(variable.description) > 15
    assert variable.description.endswith((".", ")", "`"))
    assert get_args(variable.annotation), "its type carries its limits"
    assert variable.default is not msgspec.NODEFAULT, "the academy starts with nothing set"
    assert msgspec.convert(variable.default, variable.annotation) == variable.default
    kind = get_args(variable.annotation)[0]
    if kind in (int, float):
        assert variable.meta.ge is not None or variable.meta.gt is not None
    if kind is float:
        assert variable.meta.le is not None, "so that nothing infinite fits"
    for example in variable.meta.examples or ():
        assert msgspec.convert(str(example), variable.annotation, strict=False) == example


def test_every_variable_is_declared_once() -> None:
    names = [variable.name for variable in declared_variables()]
    assert len(names) == len(set(names)) >= 40
    fields = [(variable.group, variable.field) for variable in declared_variables()]
    assert len(fields) == len(set(fields))


def test_every_field_of_every_group_is_a_variable() -> None:
    for group in msgspec.structs.fields(Settings):
        declared = {variable.field for variable in declared_variables() if variable.group == group.name}
        assert declared == {field.name for field in msgspec.structs.fields(type(group.default))}


# --- where the academy is reached ---


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("academy.local", "http://academy.local:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("::", "http://[::1]:8000"),
        ("fd00::7", "http://[fd00::7]:8000"),
    ],
)
def test_links_lead_somewhere_without_a_base_url(host: str, url: str) -> None:
    assert WebSettings(host=host).public_url == url


def test_the_base_url_is_the_public_address() -> None:
    assert WebSettings(host="::", base_url="https://a.example").public_url == "https://a.example"


# --- the secret key ---


def at_home(home: Path, key: str = "") -> Settings:
    return Settings(home=HomeSettings(academy_home=str(home)), web=WebSettings(secret_key=key))


def test_a_key_that_is_set_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    assert secret_key(at_home(tmp_path / "home", KEY)) == KEY.encode()
    assert not (tmp_path / "home").exists()


def test_a_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    settings = at_home(tmp_path / "new" / "home")
    key = secret_key(settings)
    assert len(key) >= 48
    assert secret_key(settings) == key
    (file,) = (tmp_path / "new" / "home").iterdir()
    assert file.read_bytes() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_key(at_home(tmp_path / "other")) != key


@pytest.mark.parametrize("content", [b"", b"\n", b"half a key"])
def test_a_spoilt_key_is_told_and_not_used(tmp_path: Path, content: bytes) -> None:
    settings = at_home(tmp_path)
    secret_key(settings)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="Remove the file") as caught:
        secret_key(settings)
    assert "half a key" not in str(caught.value)


def test_a_home_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="ACADEMY_HOME"):
        secret_key(at_home(tmp_path / "file" / "home"))


SECRET_KEY_PROGRAM = """
import sys
from pathlib import Path
from academy.settings import HomeSettings, Settings, secret_key
settings = Settings(home=HomeSettings(academy_home=sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(secret_key(settings).decode())
"""


async def test_processes_that_start_together_end_with_one_key(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    home = tmp_path / "home"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", SECRET_KEY_PROGRAM, str(home), stdin=pipe, stdout=pipe
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    keys = {out for out, _ in answers}
    assert len(keys) == 1
    assert [path.name for path in home.iterdir()] == ["secret-key"]
    assert (home / "secret-key").read_bytes() == keys.pop().strip()


async def test_threads_that_start_together_end_with_one_key(tmp_path: Path) -> None:
    for number in range(20):
        settings = at_home(tmp_path / str(number))
        keys = await asyncio.gather(*(asyncio.to_thread(secret_key, settings) for _ in range(6)))
        assert len(set(keys)) == 1
        assert len(list((tmp_path / str(number)).iterdir())) == 1


@pytest.mark.parametrize(
    ("server", "wrong"),
    [
        ("999.1.1.1", "'999.1.1.1' is no IPv4 address"),
        ("9.9.9.09", "'9.9.9.09' is no IPv4 address"),
        ("9.9.9.9:0", "'0' is no port"),
        ("9.9.9.9:65536", "'65536' is no port"),
        ("dns.example.com", "'dns.example.com' does not fit"),
        ("9.9.9.9:\u0665\u0663", "does not fit"),
        ("\uff19.9.9.9", "does not fit"),
    ],
)
def test_a_name_server_that_cannot_be_is_told_with_the_part_that_is_wrong(server: str, wrong: str) -> None:
    told = mistakes({"EMAIL_DNS_SERVER": server})
    assert set(told) == {"EMAIL_DNS_SERVER"}
    assert wrong in told["EMAIL_DNS_SERVER"]


@pytest.mark.parametrize("server", ["", "9.9.9.9", "127.0.0.1:65535"])
def test_a_name_server_that_can_be_is_taken(server: str) -> None:
    assert load_settings({"EMAIL_DNS_SERVER": server}).email.dns_server == server
