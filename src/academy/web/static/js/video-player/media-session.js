// What the system shows of the video: on a lock screen, at a headset's buttons, in the browser's own media list.

export function setUpMediaSession(video, { title, course }, poster, { togglePlay, seekBy, seekTo }) {
  const { mediaSession } = navigator;
  if (!mediaSession) return;
  const step = (direction) => document.querySelector(`.lesson-foot [rel="${direction}"]`);
  const handlers = {
    play: togglePlay,
    pause: togglePlay,
    seekbackward: ({ seekOffset }) => seekBy(-(seekOffset ?? 10)),
    seekforward: ({ seekOffset }) => seekBy(seekOffset ?? 10),
    seekto: ({ seekTime }) => seekTo(seekTime),
    previoustrack: step("prev") && (() => step("prev").click()),
    nexttrack: step("next") && (() => step("next").click()),
  };
  // Set when it plays: a page that is only open takes nothing from another one that plays.
  video.addEventListener("play", () => {
    const artwork = poster ? [{ src: poster }] : [];
    mediaSession.metadata = new MediaMetadata({ title, album: course, artwork });
    for (const [action, handler] of Object.entries(handlers)) {
      try {
        mediaSession.setActionHandler(action, handler);
      } catch {
        // Not known to this browser.
      }
    }
  });
}
