// What the browser's own video controls lack: a speed that is remembered, picture in picture, and keyboard shortcuts.

const STEP_SECONDS = { j: -10, l: 10, ArrowLeft: -5, ArrowRight: 5 };

const video = document.getElementById("video");
const speed = document.getElementById("speed");
const dialog = document.getElementById("keys");
const shortcutsOn = document.getElementById("keys-on");

function remember(name, value) {
  try {
    localStorage.setItem(`academy.${name}`, value);
  } catch {
    // Storage is forbidden: it holds for this page.
  }
}

function remembered(name) {
  try {
    return localStorage.getItem(`academy.${name}`);
  } catch {
    return null;
  }
}

// Speed

function setSpeed(rate) {
  video.defaultPlaybackRate = rate; // Outlasts a change of the video's address.
  video.playbackRate = rate;
}

const speeds = [...speed.options].map((option) => Number(option.value));
const usual = Number(remembered("speed"));
if (speeds.includes(usual)) setSpeed(usual);
speed.value = String(video.playbackRate);
speed.addEventListener("change", () => setSpeed(Number(speed.value)));
// The browser's own menu changes it, too.
video.addEventListener("ratechange", () => {
  speed.value = String(video.playbackRate);
  remember("speed", video.playbackRate);
});

function changeSpeed(steps) {
  const index = speeds.indexOf(video.playbackRate) + steps;
  if (index in speeds) setSpeed(speeds[index]);
}

// Picture in picture

const miniPlayer = document.getElementById("mini-player");
miniPlayer.hidden = !document.pictureInPictureEnabled;
miniPlayer.addEventListener("click", async () => {
  try {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await video.requestPictureInPicture();
  } catch {
    // Not before the video is loaded; pressing again helps.
  }
});

// Keyboard shortcuts. They can be turned off (WCAG 2.1.4), since speech input "types" single letters.

shortcutsOn.checked = remembered("shortcuts") !== "off";
shortcutsOn.addEventListener("change", () => remember("shortcuts", shortcutsOn.checked ? "on" : "off"));
document.getElementById("show-keys").addEventListener("click", () => dialog.showModal());

// What the browser refuses (nothing is loaded yet, no full screen in a frame) it shows by doing nothing.
const refused = () => {};

function togglePlay() {
  if (video.paused) video.play().catch(refused);
  else video.pause();
}

function toggleFullscreen() {
  const change = document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen();
  change.catch(refused);
}

function seekBy(seconds) {
  const end = Number.isFinite(video.duration) ? video.duration : 0;
  video.currentTime = Math.min(Math.max(video.currentTime + seconds, 0), end);
}

const ACTIONS = {
  " ": togglePlay,
  k: togglePlay,
  f: toggleFullscreen,
  m: () => (video.muted = !video.muted),
  "<": () => changeSpeed(-1),
  ">": () => changeSpeed(1),
  "?": () => dialog.showModal(),
};

document.addEventListener(
  "keydown",
  (event) => {
    if (!shortcutsOn.checked || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
    // Where the space key presses something or opens it, it still does.
    if (event.key === " " && event.target.closest("a, button, summary")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = key in STEP_SECONDS ? () => seekBy(STEP_SECONDS[key]) : ACTIONS[key];
    if (!action) return;
    // Also keeps the browser's own controls, which know some of these keys, from doing it a second time.
    event.preventDefault();
    action();
  },
  { capture: true },
);
