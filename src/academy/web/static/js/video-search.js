// Chapters and places found in what is said: they move the video that is on the page, and are looked up while one types.

const PAUSE = 250;

const video = document.getElementById("video");
const form = document.getElementById("said-search");
const found = document.getElementById("said");

document.querySelector(".video-extras")?.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-second]");
  // Who wants another tab gets one.
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  video.currentTime = Number(link.dataset.second);
  video.scrollIntoView({ block: "nearest" });
  video.focus({ preventScroll: true });
  video.play().catch(() => {}); // Not loaded yet: it begins there when the learner presses play.
});

let timer;
let running;

async function search() {
  clearTimeout(timer);
  running?.abort();
  running = new AbortController();
  const words = form.elements.q.value.trim();
  if (!words) {
    found.replaceChildren();
    return;
  }
  try {
    const answer = await fetch(`${form.action}?${new URLSearchParams({ q: words })}`, {
      headers: { "HX-Request": "true" },
      signal: running.signal,
    });
    // Safe HTML: a part of a page of ours.
    if (answer.ok) found.innerHTML = await answer.text();
    else form.submit();
  } catch (error) {
    if (error.name !== "AbortError") form.submit();
  }
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE);
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
