"""The requests of a client of tus 1.0, each made by hand so that tests can make it wrong."""

import base64
from collections.abc import AsyncIterator, Mapping

import httpx

VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {**VERSION, "Content-Type": "application/offset+octet-stream"}


def encoded(values: Mapping[str, str]) -> str:
    """Upload-Metadata that holds these values."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def creation(name: str, length: int, **metadata: str) -> dict[str, str]:
    """The headers that begin an upload."""
    return {**VERSION, "Upload-Length": str(length), "Upload-Metadata": encoded({"filename": name, **metadata})}


async def begin(client: httpx.AsyncClient, name: str, length: int, **metadata: str) -> str:
    """Begins an upload; returns its address, for the same client."""
    answer = await client.post("uploads", headers=creation(name, length, **metadata))
    assert answer.status_code == 201, answer.text
    return f"uploads/{answer.headers['Location'].rpartition('/')[2]}"


async def send(
    client: httpx.AsyncClient, address: str, offset: int, content: bytes | AsyncIterator[bytes], **more: str
) -> httpx.Response:
    """Sends bytes of an upload; `more` are further headers, with `_` for `-`."""
    headers = {**BYTES, "Upload-Offset": str(offset), **{name.replace("_", "-"): value for name, value in more.items()}}
    return await client.patch(address, headers=headers, content=content)


async def upload(client: httpx.AsyncClient, name: str, content: bytes, **metadata: str) -> str:
    """Uploads a whole file in one piece; returns its address."""
    address = await begin(client, name, len(content), **metadata)
    answer = await send(client, address, 0, content)
    assert answer.status_code == 204, answer.text
    return address


async def offset(client: httpx.AsyncClient, address: str) -> int:
    """How many bytes the server says it has."""
    answer = await client.head(address, headers=VERSION)
    assert answer.status_code == 200, answer.status_code
    return int(answer.headers["Upload-Offset"])
