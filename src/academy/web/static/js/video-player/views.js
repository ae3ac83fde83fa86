// Tells the academy once that the video was really watched for a while: what is skipped over does not count.

const LONGEST_STEP_SECONDS = 2;

export function setUpViews(video, { view, viewTicket, viewSeconds, csrf }) {
  if (!view) return;
  let watched = 0;
  let last = video.currentTime;

  async function count() {
    const step = video.currentTime - last;
    last = video.currentTime;
    if (video.paused || video.seeking || step <= 0 || step > LONGEST_STEP_SECONDS * video.playbackRate) return;
    watched += step;
    if (watched < Number(viewSeconds)) return;
    video.removeEventListener("timeupdate", count);
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    const body = JSON.stringify({ ticket: viewTicket });
    await fetch(view, { method: "POST", keepalive: true, headers, body }).catch(() => {}); // One view less.
  }

  video.addEventListener("timeupdate", count);
}
