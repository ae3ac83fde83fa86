"""`/media/` gives all files of a converted video under one signature, and of nothing else."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from academy.kit.ids import new_id
from tests.contracts.media.test_delivery import Site

VIDEO_ID, OTHER_ID = new_id(), new_id()
FOLDER = f"videos/{VIDEO_ID}/hls/"
MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Original",URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001f"
360p/index.m3u8
"""
MEDIA = """#EXTM3U
#EXT-X-MAP:URI="init.mp4"
#EXTINF:6.000000,
00000.m4s
#EXT-X-ENDLIST
"""
TRACK = """WEBVTT

00:00:00.000 --> 00:00:02.000
thumbnails.webp#xywh=0,0,160,90
"""
FILES = {
    "master.m3u8": MASTER.encode(),
    "360p/index.m3u8": MEDIA.encode(),
    "360p/init.mp4": b"init",
    "360p/00000.m4s": b"segment",
    "thumbnails.vtt": TRACK.encode(),
    "thumbnails.webp": b"picture",
}


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    await site.storage.initialize()
    others = {f"videos/{VIDEO_ID}/original.mp4": b"original", f"videos/{OTHER_ID}/hls/360p/00000.m4s": b"other"}
    for key, content in {**{f"{FOLDER}{name}": content for name, content in FILES.items()}, **others}.items():
        await site.storage.upload(key, chunks(content), limit=1000, content_type="x/y")
    return site


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_a_player_finds_everything_from_the_master_on(site: Site) -> None:
    url = site.url(f"{FOLDER}master.m3u8")
    base, _, token = url.partition("?")
    master = await site.get(url)
    assert master.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert f'URI="audio/index.m3u8?{token}"' in master.text
    assert master.text.splitlines()[-1] == f"360p/index.m3u8?{token}"
    folder = base.removesuffix("master.m3u8")
    media = await site.get(f"{folder}{master.text.splitlines()[-1]}")
    assert f'#EXT-X-MAP:URI="init.mp4?{token}"' in media.text
    assert "#EXTINF:6.000000,\n" in media.text
    segment = await site.get(f"{folder}360p/{media.text.splitlines()[3]}", range="bytes=0-2")
    assert (segment.status_code, segment.content) == (206, b"seg")
    assert segment.headers["content-type"] == "video/iso.segment"
    assert "content-disposition" not in segment.headers


async def test_thumbnails_are_found_from_their_track_on(site: Site) -> None:
    track = await site.get(site.url(f"{FOLDER}thumbnails.vtt"))
    assert track.headers["content-type"].startswith("text/vtt")
    found = re.search(r"^(thumbnails\.webp\?\S+)#xywh=0,0,160,90$", track.text, re.MULTILINE)
    assert found
    picture = await site.get(f"/media/{FOLDER}{found[1]}")
    assert (picture.content, picture.headers["content-type"]) == (b"picture", "image/webp")


async def test_a_head_request_has_no_body(site: Site) -> None:
    url = site.url(f"{FOLDER}master.m3u8")
    whole, head = await site.get(url), await site.get(url, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


async def test_the_signature_is_good_for_nothing_else(site: Site) -> None:
    token = site.url(f"{FOLDER}master.m3u8").partition("?")[2]
    for path in (
        f"videos/{VIDEO_ID}/original.mp4",
        f"videos/{OTHER_ID}/hls/360p/00000.m4s",
        f"videos/{VIDEO_ID}/hls",
        f"videos/{VIDEO_ID}/hls/",
        f"videos/{VIDEO_ID}/hls/../original.mp4",
        f"videos/{VIDEO_ID}/hls/%2e%2e/original.mp4",
        f"videos/{VIDEO_ID}/hls/none.m3u8",
        f"videos/{VIDEO_ID}/hls/none.m4s",
    ):
        async with site.client() as client:
            request = client.build_request("GET", "http://academy.test/media/x")
            request.url = request.url.copy_with(raw_path=f"/media/{path}?{token}".encode())
            answer = await client.send(request)
        assert answer.status_code in {403, 404}, path
        assert answer.content not in {b"original", b"other"}
    of_the_original = site.url(f"videos/{VIDEO_ID}/original.mp4").partition("?")[2]
    assert (await site.get(f"/media/{FOLDER}master.m3u8?{of_the_original}")).status_code == 403


async def test_it_ends(site: Site) -> None:
    url = site.url(f"{FOLDER}master.m3u8")
    site.clock.moment += timedelta(hours=7)
    for address in (url, url.replace("master.m3u8", "360p/00000.m4s")):
        assert (await site.get(address)).status_code == 403
    assert (await site.get(f"/media/{FOLDER}master.m3u8")).status_code == 403
