// The lesson's page around its material: zen mode, the outline, and the progress that moves when it has grown.

const player = document.querySelector(".player");
const stage = player.querySelector(".stage");

const zen = document.getElementById("zen");
zen.addEventListener("click", () => {
  const on = player.classList.toggle("is-zen");
  zen.setAttribute("aria-pressed", String(on));
  const icon = zen.querySelector("use");
  icon.setAttribute("href", icon.getAttribute("href").replace(/#.*/, on ? "#icon-eye-off" : "#icon-eye"));
  // A cookie, so that the next page comes without its outline from the start.
  document.cookie = `academy_zen=${on ? 1 : 0}; path=/learn; max-age=31536000; samesite=lax`;
});

const outline = document.getElementById("outline");
/** Scrolls the outline, and nothing else, so that the current lesson stands in its middle. */
function showCurrent() {
  const current = outline.querySelector("[aria-current]").getBoundingClientRect();
  const frame = outline.getBoundingClientRect();
  outline.scrollTop += current.top - frame.top - (frame.height - current.height) / 2;
}
outline.addEventListener("toggle", (event) => {
  if (event.newState === "open") showCurrent();
});
if (outline.checkVisibility()) showCurrent();

// Progress that has grown since the last page grows before the learner's eyes.
const progress = document.getElementById("course-progress");
if (progress) {
  const key = `academy.done.${progress.dataset.course}`;
  try {
    const now = progress.value;
    const before = Number(sessionStorage.getItem(key) ?? now);
    if (before < now) {
      progress.value = before;
      requestAnimationFrame(() => requestAnimationFrame(() => (progress.value = now)));
    }
    window.addEventListener("pagehide", () => sessionStorage.setItem(key, progress.value));
  } catch {
    // Storage is forbidden: the progress stands still.
  }
}

// A text or a file has no position; that it was opened is where the course goes on.
if (stage.dataset.report && !document.getElementById("video")) {
  fetch(stage.dataset.report, {
    method: "POST",
    keepalive: true,
    headers: {
      "Content-Type": "application/json",
      "X-CSRF-Token": stage.querySelector("[name=_csrf_token]").value,
    },
    body: "{}",
  }).catch(() => {
    // Without a network the course goes on where it was recorded last.
  });
}
