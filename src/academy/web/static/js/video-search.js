// What is said in the video is looked up while one types. The links that come move the video: see the player's links.

const PAUSE = 250;

const form = document.getElementById("said-search");
const found = document.getElementById("said");

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
