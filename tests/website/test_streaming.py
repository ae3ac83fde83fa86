"""A converted video in a real browser, fed as players for HLS do it: from the master playlist on."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.academies.films import Film, make
from tests.scenarios.people import People, people_of
from tests.servers.academy import ServedAcademy, served_academy
from tests.waiting import wait_for
from tests.website.conftest import Visitor

SECONDS = 14

PLAY = """async (address) => {
  const addresses = async (playlist) => {
    const lines = (await (await fetch(playlist)).text()).split("\\n");
    const tags = lines.map((line) => line.match(/URI="([^"]+)"/)).filter(Boolean).map((found) => found[1]);
    const plain = lines.filter((line) => line && !line.startsWith("#"));
    return { tags, plain, codecs: lines.join().match(/CODECS="([^,]+),([^"]+)"/) };
  };
  const below = (playlist, name) => playlist.slice(0, playlist.split("?")[0].lastIndexOf("/") + 1) + name;
  const master = await addresses(address);
  const source = new MediaSource();
  const video = document.createElement("video");
  video.muted = true;
  video.src = URL.createObjectURL(source);
  document.body.append(video);
  await new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
  const kinds = [
    [`video/mp4; codecs="${master.codecs[1]}"`, master.plain[0]],
    [`audio/mp4; codecs="${master.codecs[2]}"`, master.tags[0]],
  ];
  const buffers = kinds.map(([kind]) => source.addSourceBuffer(kind));
  for (const [index, [, name]] of kinds.entries()) {
    const playlist = below(address, name);
    const { tags, plain } = await addresses(playlist);
    for (const part of [...tags, ...plain]) {
      const bytes = await (await fetch(below(playlist, part))).arrayBuffer();
      const done = new Promise((resolve) => buffers[index].addEventListener("updateend", resolve, { once: true }));
      buffers[index].appendBuffer(bytes);
      await done;
    }
  }
  const ranges = ({ buffered }) =>
    Array.from({ length: buffered.length }, (_, n) => [buffered.start(n), buffered.end(n)]);
  const filled = buffers.map(ranges);
  source.endOfStream();
  video.playbackRate = 8;
  const ended = new Promise((resolve) => video.addEventListener("ended", resolve));
  await video.play();
  await ended;
  return { filled, size: [video.videoWidth, video.videoHeight], end: video.currentTime };
}"""


@pytest.fixture
def academy(tmp_path: Path) -> Iterator[ServedAcademy]:
    with served_academy(tmp_path / "home") as served:
        yield served


@pytest.fixture
def people(academy: ServedAcademy) -> Iterator[People]:
    with people_of(academy) as found:
        yield found


def converted(teacher: httpx.Client, film: bytes) -> str:
    """Uploads a film, waits until it is converted, and returns the address of its master playlist."""
    sent = teacher.post("videos", files={"file": ("old.avi", film)})
    assert sent.status_code == 201, sent.text
    address = f"videos/{sent.json()['id']}"
    assert wait_for(lambda: teacher.get(address).json()["status"] == "ready", 60)
    found: str = teacher.get(f"{address}/playback").json()["hls_url"]
    return found


async def test_a_browser_plays_a_converted_video_without_a_gap(
    academy: ServedAcademy, people: People, visitor: Visitor, tmp_path: Path
) -> None:
    teacher = people.made_by_operator("teacher@example.com", "Asha Rao", "instructor")
    film = make(tmp_path / "old.avi", Film(codec="mpeg4", seconds=SECONDS, sound=("mp3", 44_100, "stereo")))
    address = converted(teacher, film.read_bytes())
    page = await visitor(academy.url)
    await page.goto("/courses")
    played = await page.evaluate(PLAY, address)
    for ranges in played["filled"]:
        assert len(ranges) == 1, "no gap"
        assert ranges[0] == pytest.approx([0, SECONDS], abs=0.2)
    assert played["size"] == [160, 90]
    assert played["end"] == pytest.approx(SECONDS, abs=0.2)
