// When the video has ended it offers the next lesson. It never goes on by itself.

export function setUpEnd(video, frame) {
  const offer = document.getElementById("video-end");

  function hide() {
    if (offer.hidden) return;
    const held = offer.contains(document.activeElement);
    offer.hidden = true;
    if (held) document.getElementById("play").focus({ preventScroll: true });
  }

  video.addEventListener("ended", () => {
    offer.hidden = false;
    // Who reads or writes below is not taken away from there.
    const { activeElement } = document;
    if (activeElement === document.body || frame.contains(activeElement)) {
      (offer.querySelector("[data-go-on]") ?? offer.querySelector("button")).focus({ preventScroll: true });
    }
  });

  // By whatever means it goes on or back, the offer is in the way.
  video.addEventListener("play", hide);
  video.addEventListener("seeking", hide);
  document.getElementById("watch-again").addEventListener("click", () => {
    video.currentTime = 0;
    video.play().catch(() => {}); // The browser shows what keeps it from playing.
  });
  document.getElementById("stay-here").addEventListener("click", hide);
  offer.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
}
