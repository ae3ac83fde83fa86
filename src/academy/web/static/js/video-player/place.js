// An account watches on a few devices at the same time: while the video plays, this one keeps its place among them.

import { Held } from "./playback.js";

export function setUpPlace(video, playback, source) {
  let keptAt = Date.now(); // The page came with a place.

  async function keep() {
    const pause = playback.told.renew_in * 1000;
    if (!pause || video.paused || Date.now() - keptAt < pause) return;
    keptAt = Date.now();
    try {
      await playback.renew();
    } catch (error) {
      // Whoever may not watch any more hears of it when the addresses run out, and a lost connection from the stream.
      if (error instanceof Held) source.hold(error);
    }
  }

  video.addEventListener("play", keep);
  video.addEventListener("timeupdate", keep);
}
