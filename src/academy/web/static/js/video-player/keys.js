// Keyboard shortcuts. They can be turned off (WCAG 2.1.4), since speech input "types" single letters.

import { remember, remembered } from "./memory.js";

const STEP_SECONDS = { j: -10, l: 10, ArrowLeft: -5, ArrowRight: 5 };
const VOLUME_STEPS = { ArrowUp: 5, ArrowDown: -5 };

export function setUpKeys(video, frame, actions) {
  const dialog = document.getElementById("keys");
  const shortcutsOn = document.getElementById("keys-on");
  const showKeys = () => {
    // In full screen nothing but the video can be seen; a dialog stands above it.
    if (!dialog.open) dialog.showModal();
  };
  const simple = {
    " ": actions.togglePlay,
    k: actions.togglePlay,
    f: actions.toggleFullscreen,
    p: actions.toggleMiniPlayer,
    m: actions.toggleMute,
    c: actions.toggleCaptions,
    "<": () => actions.changeSpeed(-1),
    ">": () => actions.changeSpeed(1),
    "?": showKeys,
  };

  /** What a key does, if anything: those that scroll the page only while the focus is in the video. */
  function actionOf(key, target) {
    const isInside = frame.contains(target) || document.fullscreenElement === frame;
    if (key in STEP_SECONDS) return () => actions.seekBy(STEP_SECONDS[key]);
    if (/^[0-9]$/.test(key)) return () => actions.seekTo((video.duration * Number(key)) / 10);
    if (isInside && key in VOLUME_STEPS && !target.closest("[aria-haspopup]")) {
      // A slider's arrows all move it.
      if (target.id === "seek") return () => actions.seekBy(VOLUME_STEPS[key]);
      return () => actions.changeVolume(VOLUME_STEPS[key]);
    }
    if (isInside && key === "Home") return () => actions.seekTo(0);
    if (isInside && key === "End") return () => actions.seekTo(video.duration);
    return simple[key];
  }

  shortcutsOn.checked = remembered("shortcuts") !== "off";
  shortcutsOn.addEventListener("change", () => remember("shortcuts", shortcutsOn.checked ? "on" : "off"));
  document.getElementById("show-keys").addEventListener("click", showKeys);

  document.addEventListener(
    "keydown",
    (event) => {
      const { target } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      // The bar's own steps are of no use in a film: its arrows are ours even when the shortcuts are off.
      if (!shortcutsOn.checked && !(target.id === "seek" && event.key.length > 1)) return;
      if (target.closest("input:not([type=range]), textarea, select, dialog, [contenteditable], [role=menu]")) return;
      if (target.id === "volume" && event.key.length > 1) return;
      // Where the space key presses something or opens it, it still does.
      if (event.key === " " && target.closest("a, button, summary")) return;
      const action = actionOf(event.key.length === 1 ? event.key.toLowerCase() : event.key, target);
      if (!action) return;
      event.preventDefault();
      action();
    },
    { capture: true },
  );
}
