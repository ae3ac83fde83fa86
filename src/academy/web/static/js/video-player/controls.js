// Play, sound, picture in picture and full screen. What a browser refuses it shows by doing nothing.

import { remember, remembered } from "./memory.js";
import { setIcon, setLabel } from "./wording.js";

const refused = () => {};

/** Returns what keys and gestures do, too. */
export function setUpControls(video, frame, say) {
  const sound = setUpSound(video, say);
  const toggleFullscreen = setUpFullscreen(video, frame);
  const toggleMiniPlayer = setUpMiniPlayer(video);
  const play = document.getElementById("play");
  const start = document.getElementById("start");

  function togglePlay() {
    if (video.paused) video.play().catch(refused);
    else video.pause();
  }

  function seekTo(second) {
    if (!Number.isFinite(video.duration)) return; // Nothing is loaded yet.
    video.currentTime = Math.min(Math.max(second, 0), video.duration);
  }

  function seekBy(seconds) {
    seekTo(video.currentTime + seconds);
    say(`${Math.abs(seconds)} seconds ${seconds < 0 ? "back" : "ahead"}`);
  }

  function showState() {
    setIcon(play, video.ended ? "rotate-ccw" : video.paused ? "play" : "pause");
    setLabel(play, video.ended ? "Play again" : video.paused ? "Play" : "Pause", "k");
    frame.classList.toggle("is-playing", !video.paused);
  }

  play.addEventListener("click", togglePlay);
  start.addEventListener("click", () => {
    togglePlay();
    play.focus({ preventScroll: true }); // The big button goes.
  });
  video.addEventListener("play", () => (start.hidden = true), { once: true });
  for (const event of ["play", "pause", "ended", "seeking"]) video.addEventListener(event, showState);
  start.hidden = !video.paused;
  showState();
  return { togglePlay, seekTo, seekBy, toggleFullscreen, toggleMiniPlayer, ...sound };
}

function setUpSound(video, say) {
  const mute = document.getElementById("mute");
  const bar = document.getElementById("volume");

  function setVolume(percent) {
    video.volume = Math.min(Math.max(percent, 0), 100) / 100;
    video.muted = video.volume === 0;
  }

  function showSound() {
    const percent = video.muted ? 0 : Math.round(video.volume * 100);
    setIcon(mute, percent === 0 ? "volume-x" : percent < 50 ? "volume-1" : "volume-2");
    setLabel(mute, video.muted ? "Unmute" : "Mute", "m");
    bar.value = percent;
    bar.setAttribute("aria-valuetext", video.muted ? "Muted" : `${percent} percent`);
    bar.style.setProperty("--share", `${percent}%`);
    remember("muted", video.muted);
    remember("volume", Math.round(video.volume * 100));
  }

  function toggleMute() {
    video.muted = !video.muted;
    // Somebody who unmutes wants to hear something.
    if (!video.muted && video.volume === 0) video.volume = 0.5;
    say(video.muted ? "Sound off" : "Sound on");
  }

  const usual = Number(remembered("volume") ?? 100);
  if (usual >= 0 && usual <= 100) video.volume = usual / 100;
  video.muted = remembered("muted") === "true";
  mute.addEventListener("click", toggleMute);
  bar.addEventListener("input", () => setVolume(Number(bar.value)));
  video.addEventListener("volumechange", showSound);
  showSound();
  return {
    toggleMute,
    changeVolume(percent) {
      setVolume(Math.round(video.volume * 100) + percent);
      say(`Volume ${Math.round(video.volume * 100)} percent`);
    },
  };
}

function setUpFullscreen(video, frame) {
  const button = document.getElementById("fullscreen");

  function toggle() {
    if (document.fullscreenElement) document.exitFullscreen().catch(refused);
    else if (frame.requestFullscreen) frame.requestFullscreen().catch(refused);
    else video.webkitEnterFullscreen?.(); // An iPhone shows nothing but the video.
  }

  function showFullscreen() {
    const isFull = document.fullscreenElement === frame;
    setIcon(button, isFull ? "minimize" : "maximize");
    setLabel(button, isFull ? "Leave full screen" : "Full screen", "f");
  }

  button.hidden = !(document.fullscreenEnabled || video.webkitSupportsFullscreen);
  button.addEventListener("click", toggle);
  document.addEventListener("fullscreenchange", showFullscreen);
  showFullscreen();
  return toggle;
}

function setUpMiniPlayer(video) {
  const button = document.getElementById("mini-player");

  async function toggle() {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await video.requestPictureInPicture();
    } catch {
      // Not before the video is loaded; pressing again helps.
    }
  }

  button.hidden = !document.pictureInPictureEnabled;
  button.addEventListener("click", toggle);
  setLabel(button, "Picture in picture", "p");
  for (const event of ["enterpictureinpicture", "leavepictureinpicture"]) {
    video.addEventListener(event, () => {
      button.setAttribute("aria-pressed", String(document.pictureInPictureElement === video));
    });
  }
  return toggle;
}
