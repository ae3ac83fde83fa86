// The video player: puts its parts together and shows its controls instead of the browser's.

import { setUpCaptions } from "./captions.js";
import { setUpControls } from "./controls.js";
import { setUpEnd } from "./end.js";
import { hintIn } from "./hint.js";
import { setUpKeys } from "./keys.js";
import { setUpMediaSession } from "./media-session.js";
import { setUpPlace } from "./place.js";
import { Playback } from "./playback.js";
import { setUpProgress } from "./progress.js";
import { setUpQuality } from "./quality.js";
import { setUpSeekBar } from "./seek-bar.js";
import { Source } from "./source.js";
import { setUpSpeed } from "./speed.js";
import { setUpViews } from "./views.js";
import { setUpPointer, setUpVisibility, setUpWaiting } from "./visibility.js";

/** Says what keeps the video from playing, and what can be done. */
function setUpTrouble(source) {
  const note = document.getElementById("video-trouble");
  const again = document.getElementById("load-again");
  source.addEventListener("trouble", ({ detail: { kind, text } }) => {
    document.getElementById("trouble-text").textContent = text;
    again.hidden = kind === "refused";
    document.getElementById("load-page").hidden = kind !== "refused";
    note.hidden = false;
  });
  source.addEventListener("fine", () => (note.hidden = true));
  again.addEventListener("click", () => source.retry());
  window.addEventListener("online", () => !note.hidden && !again.hidden && source.retry());
}

/** Links to a second of this lesson go there without loading the page again. */
function followLinksToSeconds(video, seekTo) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || link.pathname !== location.pathname || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const second = new URL(link.href).searchParams.get("t");
    if (second === null || !Number.isFinite(Number(second)) || !video.readyState) return;
    event.preventDefault();
    seekTo(Number(second));
    video.play().catch(() => {}); // The browser may want a press of its own.
  });
}

function setUp(video, frame) {
  const { dataset } = frame;
  const playback = new Playback(JSON.parse(dataset.playback), dataset.renew);
  const say = hintIn(document.getElementById("hint"));
  const source = new Source(video, playback, dataset.streaming, Number(dataset.start));
  const controls = setUpControls(video, frame, say);
  const changeSpeed = setUpSpeed(video, say);
  const toggleCaptions = setUpCaptions(video, say);
  setUpQuality(source);
  setUpSeekBar(video, frame, playback);
  setUpPointer(video, controls, setUpVisibility(video, frame), frame);
  setUpWaiting(video, say);
  setUpTrouble(source);
  setUpPlace(video, playback, source);
  setUpKeys(video, frame, { ...controls, changeSpeed, toggleCaptions });
  setUpEnd(video, frame);
  setUpProgress(video, dataset.csrf);
  setUpViews(video, dataset);
  setUpMediaSession(video, dataset, playback.told.poster_url, controls);
  followLinksToSeconds(video, controls.seekTo);
  video.controls = false;
  document.getElementById("controls").hidden = false;
  source.begin();
}

setUp(document.getElementById("video"), document.getElementById("screen"));
