"""Settings of an academy whose files lie in a bucket, and what browsers send straight there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from academy.kit.ids import new_id
from tests.servers.moto import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, running_moto
from tests.simulators.gcs import BUCKET, running_gcs


@contextmanager
def s3_variables() -> Iterator[dict[str, str]]:
    """Gives the settings of a new bucket of moto."""
    with running_moto() as moto:
        bucket = f"files-{new_id()}"
        moto.make_bucket(bucket)
        yield {
            "S3_BUCKET": bucket,
            "S3_REGION": REGION,
            "S3_ENDPOINT": moto.url,
            "S3_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "S3_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "STORAGE_PROVIDER": "s3",
        }


@contextmanager
def gcs_variables() -> Iterator[dict[str, str]]:
    """Gives the settings of the simulated bucket of Google's, which checks signatures."""
    with running_gcs() as gcs:
        yield {
            "GCS_BUCKET": BUCKET,
            "GCS_CREDENTIALS": gcs.account_key,
            "GCS_ENDPOINT": gcs.url,
            "STORAGE_PROVIDER": "gcs",
        }


async def send_form(url: str, fields: Mapping[str, str], content: bytes, name: str = "file") -> httpx.Response:
    """Sends a file by the form of a bucket, as a browser does."""
    async with httpx.AsyncClient() as client:
        return await client.post(url, data=dict(fields), files={"file": (name, content)})
