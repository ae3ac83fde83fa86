// Controls stand back while the video plays and nobody moves; what the pointer and the finger do on the picture; waiting.

const IDLE_MS = 2500;
const DOUBLE_TAP_MS = 300;
const SHOW_WAITING_MS = 300;
const LONG_WAITING_MS = 6000;
const TAP_SECONDS = 10;

export function setUpVisibility(video, frame) {
  const controls = document.getElementById("controls");
  let timer = 0;

  function isInUse() {
    return video.paused || frame.querySelector(":popover-open") || controls.querySelector(":focus-visible, :active");
  }

  function wake() {
    frame.classList.remove("is-idle");
    clearTimeout(timer);
    timer = setTimeout(rest, IDLE_MS);
  }

  function rest() {
    if (isInUse()) wake();
    else frame.classList.add("is-idle");
  }

  for (const event of ["pointermove", "keydown", "focusin"]) {
    frame.addEventListener(event, (one) => one.pointerType !== "touch" && wake());
  }
  for (const event of ["play", "pause", "seeking"]) video.addEventListener(event, wake);
  controls.addEventListener("pointerdown", wake);
  frame.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !isInUse() && rest());
  wake();
  return { wake, rest };
}

/** A click plays, two fill the screen; a tap shows the controls, two at a side go 10 seconds back or ahead. */
export function setUpPointer(video, { togglePlay, toggleFullscreen, seekBy }, { wake, rest }, frame) {
  let pointer = "mouse";
  let last = { at: -Infinity, side: 0 };
  video.addEventListener("pointerdown", (event) => (pointer = event.pointerType));
  video.addEventListener("click", (event) => {
    if (pointer === "mouse") {
      togglePlay();
      return;
    }
    const { left, width } = video.getBoundingClientRect();
    const side = Math.floor(((event.clientX - left) / width) * 3) - 1; // -1, 0 or 1
    const isDouble = event.timeStamp - last.at < DOUBLE_TAP_MS && side === last.side;
    last = { at: event.timeStamp, side };
    if (isDouble && side) seekBy(side * TAP_SECONDS);
    else if (isDouble) togglePlay();
    else if (frame.classList.contains("is-idle")) wake();
    else rest();
  });
  video.addEventListener("dblclick", () => pointer === "mouse" && toggleFullscreen());
}

/** Shows that it loads, and says so when it takes long. */
export function setUpWaiting(video, say) {
  const sign = document.getElementById("loading");
  let timers = [];

  function stop() {
    timers.forEach(clearTimeout);
    timers = [];
    sign.hidden = true;
  }

  function wait() {
    if (timers.length) return;
    const words = "Loading takes long. The connection may be slow or lost; it is tried again.";
    timers = [setTimeout(() => (sign.hidden = false), SHOW_WAITING_MS), setTimeout(() => say(words), LONG_WAITING_MS)];
  }

  video.addEventListener("waiting", wait);
  video.addEventListener("play", () => video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && wait());
  for (const event of ["playing", "canplay", "pause", "error", "ended"]) video.addEventListener(event, stop);
}
