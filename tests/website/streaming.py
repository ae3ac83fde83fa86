"""A lesson's video as HLS in two qualities, with captions, chapters and thumbnails, put into the player's page."""

import json
import re
from collections.abc import Callable
from fractions import Fraction
from html import escape, unescape
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image
from playwright.async_api import Page, Route

from tests.website.watching import Site

SEGMENT_SECONDS = 2
QUALITIES = {180: 320, 360: 640}
BANDWIDTH = {180: 300_000, 360: 900_000}
FOLDER = "/media/videos/stream/hls/"
FIRST, FRESH = "expires=1&signature=first", "expires=2&signature=fresh"
TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mp4": "video/mp4",
    ".m4s": "video/mp4",
    ".vtt": "text/vtt",
    ".png": "image/png",
}
CAPTIONS = {
    "en": "WEBVTT\n\n00:00.000 --> 00:08.000\nPrograms wait.\n\n"
    "00:08.000 --> 00:16.000\nThen they go on <i>at once</i>.\n",
    "hi": "WEBVTT\n\n00:00.000 --> 00:16.000\nप्रोग्राम रुकते हैं।\n",
}
CHAPTERS = "WEBVTT\n\n00:00.000 --> 00:06.000\nWaiting\n\n00:06.000 --> 00:16.000\nGoing on\n"
THUMBNAILS = "WEBVTT\n\n" + "\n\n".join(
    f"00:{start:02}.000 --> 00:{start + 4:02}.000\nsprite.png#xywh={start * 40},0,160,90" for start in range(0, 16, 4)
)


def make_stream(film: Path, folder: Path) -> None:
    """Writes a master playlist and its two renditions, captions, chapters and thumbnails into `folder`."""
    folder.mkdir(parents=True)
    master = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for height, width in QUALITIES.items():
        _make_rendition(film, folder / f"{height}.m3u8", width, height)
        codecs = 'CODECS="avc1.42c01e,mp4a.40.2"'
        master += [f"#EXT-X-STREAM-INF:BANDWIDTH={BANDWIDTH[height]},RESOLUTION={width}x{height},{codecs}"]
        master += [f"{height}.m3u8"]
    (folder / "master.m3u8").write_text("\n".join(master) + "\n")
    for language, text in CAPTIONS.items():
        (folder / f"{language}.vtt").write_text(text, "utf-8")
    (folder / "chapters.vtt").write_text(CHAPTERS)
    (folder / "thumbnails.vtt").write_text(THUMBNAILS)
    sprite = Image.new("RGB", (640, 90))
    for index, colour in enumerate(("#c33", "#3a3", "#36c", "#b80")):
        sprite.paste(colour, (index * 160, 0, index * 160 + 160, 90))
    sprite.save(folder / "sprite.png")


def _make_rendition(film: Path, target: Path, width: int, height: int) -> None:
    options = {
        "hls_segment_type": "fmp4",
        "hls_time": str(SEGMENT_SECONDS),
        "hls_playlist_type": "vod",
        "hls_fmp4_init_filename": f"{height}-init.mp4",
        "hls_segment_filename": str(target.with_name(f"{height}-%d.m4s")),
    }
    with av.open(str(film)) as source, av.open(str(target), "w", format="hls", options=options) as output:
        video = output.add_stream("libx264", rate=24)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"preset": "ultrafast", "profile": "baseline", "g": "48", "sc_threshold": "0"}
        audio = output.add_stream("aac", rate=48_000)
        assert isinstance(audio, AudioStream)
        for frame in source.decode(source.streams.video[0], source.streams.audio[0]):
            if isinstance(frame, av.VideoFrame):
                small = frame.reformat(width=width, height=height)
                small.pts, small.time_base = frame.pts, frame.time_base or Fraction(1, 24)
                output.mux(video.encode(small))
            elif isinstance(frame, av.AudioFrame):
                output.mux(audio.encode(frame))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


class Streamed:
    """The stream as the page's server gives it: addresses need the signature that holds at the moment.

    Attributes:
        signature: the query that is accepted.
        asked: paths below the folder that were asked for, with the answer's status.
        answer: decides about a request before it is answered; None lets it through.
    """

    def __init__(self, folder: Path, *, file_url: str | None = None) -> None:
        self._folder = folder
        self._file_url = file_url
        self.signature = FIRST
        self.asked: list[tuple[str, int]] = []
        self.renewed = 0
        self.answer: Callable[[str], int | None] = lambda name: None

    async def put_into(self, page: Page, site: Site) -> None:
        """Makes the lesson's page show the stream instead of its file."""
        await page.route(re.compile(re.escape(site.watch) + r"(\?.*)?$"), self._page)
        await page.route(f"**{site.watch}/playback", self._renewal)
        await page.route(f"**{FOLDER}**", self._file)

    def told(self, text: str) -> str:
        """What the page tells its script, with the stream in it."""
        told = json.loads(text)
        if self._file_url is not None:
            told["url"] = self._file_url
        told |= {
            "hls_url": f"{FOLDER}master.m3u8?{self.signature}",
            "thumbnails_url": f"{FOLDER}thumbnails.vtt?{self.signature}",
            "qualities": sorted(QUALITIES),
        }
        return json.dumps(told)

    async def _page(self, route: Route) -> None:
        answer = await route.fetch()
        text = await answer.text()
        told = re.search(r'data-playback="([^"]*)"', text)
        assert told
        text = text.replace(told.group(1), escape(self.told(unescape(told.group(1)))))
        text = text.replace('preload="metadata"', 'preload="none"').replace("</video>", f"{self._tracks()}</video>")
        await route.fulfill(response=answer, body=text)

    def _tracks(self) -> str:
        def track(kind: str, name: str, label: str) -> str:
            source = f"{FOLDER}{name}.vtt?{self.signature}"
            return f'<track kind="{kind}" srclang="{name[:2]}" label="{label}" src="{source}">'

        chapters = track("chapters", "chapters", "Chapters")
        return track("captions", "en", "English") + track("captions", "hi", "हिन्दी") + chapters

    async def _renewal(self, route: Route) -> None:
        self.renewed += 1
        answer = await route.fetch()
        if answer.ok:
            await route.fulfill(response=answer, body=self.told(await answer.text()))
        else:
            await route.fulfill(response=answer)

    async def _file(self, route: Route) -> None:
        path, _, query = route.request.url.partition("?")
        name = path.rpartition("/")[2]
        status = self.answer(name)
        if status is None:
            is_signed = query == self.signature or not name.endswith((".m3u8", ".m4s", "-init.mp4"))
            status = 200 if is_signed else 403
        self.asked.append((name, status))
        if status == 0:
            await route.abort()
        elif status == 200:
            body = (self._folder / name).read_bytes()
            await route.fulfill(body=body, content_type=TYPES[Path(name).suffix])
        else:
            await route.fulfill(status=status, body="No.")
