// The bar: where it is, what is loaded, what is where; drawn over a range input, which gives keyboard and speech for free.

import { Chapters } from "./chapters.js";
import { Thumbnails } from "./thumbnails.js";
import { clock, spoken } from "./wording.js";

export function setUpSeekBar(video, frame, playback) {
  const bar = document.getElementById("seek");
  const part = (name) => frame.querySelector(`.seek-${name}`);
  const preview = part("preview");
  const thumbnails = new Thumbnails(video, playback);
  const chapters = new Chapters(video, part("chapters"), showTime);
  let isDragged = false;
  let isPointed = false;

  const length = () => (Number.isFinite(video.duration) ? video.duration : Number(bar.max));
  const share = (seconds) => `${length() ? Math.min(seconds / length(), 1) * 100 : 0}%`;

  function showTime() {
    // Not loaded yet: it stands where it will start.
    const now = bar.dataset.start ? Number(bar.dataset.start) : video.currentTime;
    if (!isDragged) bar.value = now;
    part("played").style.inlineSize = share(isDragged ? Number(bar.value) : now);
    document.getElementById("time-now").textContent = clock(now);
    document.getElementById("time-all").textContent = clock(length());
    document.getElementById("chapter-now").textContent = chapters.at(now);
    const title = chapters.at(Number(bar.value));
    const place = `${spoken(Number(bar.value))} of ${spoken(length())}`;
    bar.setAttribute("aria-valuetext", title ? `${place}, ${title}` : place);
    if (!isPointed) showPreview();
  }

  function showBuffered() {
    const { buffered, currentTime } = video;
    let end = 0;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) <= currentTime + 0.5) end = Math.max(end, buffered.end(index));
    }
    part("buffered").style.inlineSize = share(end);
  }

  /** Shows what is at a second, by default where the focus moved the bar to. */
  function showPreview(second = Number(bar.value)) {
    preview.hidden = !(isPointed || isDragged || bar.matches(":focus-visible"));
    if (preview.hidden) return;
    part("time").textContent = clock(second);
    part("chapter").textContent = chapters.at(second);
    thumbnails.show(second, part("picture"));
    const track = part("track").getBoundingClientRect();
    const half = preview.offsetWidth / 2;
    const place = (length() ? second / length() : 0) * track.width + track.left;
    const box = bar.getBoundingClientRect();
    const inside = Math.min(Math.max(place, box.left + half), box.right - half);
    preview.style.insetInlineStart = `${inside - box.left}px`;
  }

  function isBuffered(second) {
    const { buffered } = video;
    for (let index = 0; index < buffered.length; index += 1) {
      if (buffered.start(index) <= second && second < buffered.end(index)) return true;
    }
    return false;
  }

  bar.parentElement.addEventListener("pointermove", (event) => {
    const track = part("track").getBoundingClientRect();
    const place = Math.min(Math.max((event.clientX - track.left) / track.width, 0), 1);
    isPointed = event.pointerType === "mouse" || isDragged;
    showPreview(isDragged ? Number(bar.value) : place * length());
  });
  bar.parentElement.addEventListener("pointerleave", () => {
    isPointed = false;
    showPreview();
  });
  bar.addEventListener("input", () => {
    isDragged = true;
    // What is here already moves along; the rest is fetched when the hand rests.
    if (!video.seeking && isBuffered(Number(bar.value))) video.currentTime = Number(bar.value);
    showTime();
    showPreview();
  });
  bar.addEventListener("change", () => {
    isDragged = false;
    video.currentTime = Number(bar.value);
    showPreview();
  });
  // Whoever takes the keys means them, wherever the pointer rests.
  bar.addEventListener("keydown", () => (isPointed = false));
  bar.addEventListener("focus", () => showPreview());
  bar.addEventListener("blur", () => showPreview());
  video.addEventListener("durationchange", () => {
    bar.max = length();
    showTime();
  });
  for (const event of ["canplay", "seeking"]) video.addEventListener(event, () => delete bar.dataset.start, { once: true });
  for (const event of ["timeupdate", "seeking", "seeked"]) video.addEventListener(event, showTime);
  for (const event of ["progress", "timeupdate", "seeked", "emptied"]) video.addEventListener(event, showBuffered);
  bar.dataset.start = frame.dataset.start;
  showTime();
  showBuffered();
}
