"""A bucket that takes everything and keeps nothing, by as much of S3's protocol as an upload needs.

`python -m benchmarks.sink PORT`.
"""

import asyncio
import contextlib
import sys

_BEGUN = b"<InitiateMultipartUploadResult><UploadId>measured</UploadId></InitiateMultipartUploadResult>"
_COMPLETED = b'<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>'


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            left = int(head.partition("content-length:")[2].partition("\r\n")[0] or "0")
            while left:
                left -= len(await reader.read(min(left, 1 << 20)))
            body = b""
            if head.startswith("post"):
                body = _BEGUN if "?uploads" in head else _COMPLETED
            writer.write(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n%b' % (len(body), body))
            await writer.drain()
    writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_converse, "127.0.0.1", port, limit=1 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
