"""Reads what servers answer without trusting them: no more of it than is needed."""

import httpx
import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding JSON from outside raises: not JSON, not of the declared shape, not UTF-8, too deep."""


async def beginning_of(answer: httpx.Response, most: int) -> bytes:
    """Returns the first `most` bytes of the body of a streamed answer, as they came, and reads no further.

    The request has to ask for no compression: a small body could hide a huge one. Raises httpx.HTTPError.
    """
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) >= most:
            break
    return bytes(body[:most])
