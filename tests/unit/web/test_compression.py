import gzip

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.web.compression import CompressionMiddleware, Encoding, preferred_encoding
from tests.unit.web.asgi import FixedApp, ask

LONG = b"<p>a course about courses</p>" * 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", Encoding.IDENTITY),
        ("identity", Encoding.IDENTITY),
        ("br", Encoding.BROTLI),
        ("gzip", Encoding.GZIP),
        ("gzip, deflate, br, zstd", Encoding.BROTLI),
        ("GZIP, Deflate", Encoding.GZIP),
        ("br;q=0", Encoding.IDENTITY),
        ("br;q=0, gzip", Encoding.GZIP),
        ("br; q=0.2, gzip; q=0.8", Encoding.GZIP),
        ("gzip;q=0.0, br;q=0.000", Encoding.IDENTITY),
        ("*", Encoding.BROTLI),
        ("*;q=0", Encoding.IDENTITY),
        ("*;q=0.5, br;q=0", Encoding.GZIP),
        ("identity;q=1, gzip;q=0.5", Encoding.IDENTITY),
        ("identity;q=0.1, gzip;q=0.5", Encoding.GZIP),
        ("brotli, x-gzip", Encoding.IDENTITY),
        ("gzip;q=much", Encoding.IDENTITY),
        ("br;q=nan", Encoding.IDENTITY),
        ("deflate", Encoding.IDENTITY),
    ],
)
def test_the_encoding_is_the_one_the_client_likes_best(accepted: str, encoding: Encoding) -> None:
    assert preferred_encoding(accepted.encode()) is encoding


@given(st.binary(max_size=400))
def test_no_header_breaks_the_choice(accepted: bytes) -> None:
    chosen = preferred_encoding(accepted)
    assert chosen is Encoding.IDENTITY or chosen.encode() in accepted.lower() or b"*" in accepted


async def test_text_is_compressed_for_the_client_that_asks() -> None:
    app = CompressionMiddleware(FixedApp(LONG))
    by_brotli = await ask(app, accept_encoding="br")
    assert by_brotli.headers["content-encoding"] == "br"
    assert int(by_brotli.headers["content-length"]) == len(by_brotli.body) < len(LONG)
    assert brotli.decompress(by_brotli.body) == LONG
    by_gzip = await ask(app, accept_encoding="gzip")
    assert by_gzip.headers["content-encoding"] == "gzip"
    assert gzip.decompress(by_gzip.body) == LONG
    plain = await ask(app)
    assert "content-encoding" not in plain.headers
    assert plain.body == LONG
    assert {reply.headers["vary"] for reply in (by_brotli, by_gzip, plain)} == {"Accept-Encoding"}


async def test_a_very_long_text_is_compressed_as_well() -> None:
    body = b"0123456789abcdef" * 40_000
    reply = await ask(CompressionMiddleware(FixedApp(body)), accept_encoding="br")
    assert brotli.decompress(reply.body) == body


@pytest.mark.parametrize(
    "app",
    [
        FixedApp(b"short"),
        FixedApp(LONG, headers={"content-type": "image/webp"}),
        FixedApp(LONG, headers={"content-type": "text/css", "content-encoding": "gzip"}),
        FixedApp(LONG[:100], LONG[100:], headers={"content-type": "text/plain"}),
        FixedApp(LONG, headers={"x-nothing": "no type at all"}),
    ],
    ids=["short", "image", "compressed already", "streamed", "untyped"],
)
async def test_what_cannot_win_by_it_passes_as_it_is(app: FixedApp) -> None:
    reply = await ask(CompressionMiddleware(app), accept_encoding="br, gzip")
    assert reply.body == b"".join(app.pieces)
    assert reply.headers.get("content-encoding") == app.headers.get("content-encoding")


async def test_vary_names_what_it_named_before() -> None:
    app = FixedApp(LONG, headers={"content-type": "text/html", "vary": "Cookie"})
    assert (await ask(CompressionMiddleware(app), accept_encoding="br")).headers["vary"] == "Cookie, Accept-Encoding"
