// Where the learner is in the video: told to the academy while it plays, so that it goes on there on every device; and
// the lesson is done when the video has been seen. What cannot be told now is told later; playback never waits for it.

const EVERY_SECONDS = 5;
const SEEN_SHARE = 0.95;
const FIRST_RETRY_SECONDS = 2;
const LONGEST_RETRY_SECONDS = 60;

/** Sends what is to be told, newest first, again until it has arrived or the academy will not have it. */
class Reporter {
  #url;
  #token;
  #waiting = null;
  #isSending = false;
  #isRefused = false;
  #retrySeconds = FIRST_RETRY_SECONDS;
  #timer = 0;

  constructor(url, token) {
    this.#url = url;
    this.#token = token;
    window.addEventListener("online", () => this.#send());
  }

  tell(news) {
    this.#waiting = { ...this.#waiting, ...news };
    this.#send();
  }

  /** Sends what waits beside what is under way: the page is being left. */
  flush() {
    if (this.#waiting && !this.#isRefused) this.#post(this.#waiting);
    this.#waiting = null;
  }

  async #send() {
    if (!this.#waiting || this.#isSending || this.#isRefused) return;
    const news = this.#waiting;
    this.#waiting = null;
    this.#isSending = true;
    clearTimeout(this.#timer);
    const arrived = await this.#post(news);
    this.#isSending = false;
    if (arrived) {
      this.#retrySeconds = FIRST_RETRY_SECONDS;
      this.#send();
    } else {
      this.#waiting = { ...news, ...this.#waiting };
      this.#timer = setTimeout(() => this.#send(), this.#retrySeconds * 1000);
      this.#retrySeconds = Math.min(this.#retrySeconds * 2, LONGEST_RETRY_SECONDS);
    }
  }

  /** Resolves to false when it is worth trying again. */
  async #post(news) {
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        keepalive: true, // It arrives even when the page is left now.
        headers: { "Content-Type": "application/json", "X-CSRF-Token": this.#token },
        body: JSON.stringify(news),
      });
      this.#isRefused = response.status >= 400 && response.status < 500 && response.status !== 429;
      document.getElementById("not-kept").hidden = !this.#isRefused;
      return response.ok || this.#isRefused;
    } catch {
      return false;
    }
  }
}

/** Shows that the lesson is done, as a reloaded page would. */
function showDone(stage) {
  stage.dataset.done = "";
  stage.classList.add("just-done");
  const progress = document.getElementById("course-progress");
  const sectionCount = document.querySelector("#section-count > span");
  progress.value += 1;
  sectionCount.textContent = Number(sectionCount.textContent) + 1;
  document.getElementById("done-count").textContent = progress.value;
  const mark = document.querySelector(".lesson-outline [aria-current] .mark");
  const icon = mark.querySelector("use");
  icon.setAttribute("href", icon.getAttribute("href").replace(/#.*/, "#icon-circle-check"));
  mark.querySelector("svg").setAttribute("aria-label", "Completed");
  mark.classList.add("done", "just-done");
  const isFinished = progress.value === progress.max;
  document.getElementById("course-finished").hidden = !isFinished;
  const left = progress.max - progress.value;
  document.getElementById("told").textContent = isFinished
    ? "Lesson completed. You have finished the course."
    : `Lesson completed, ${left} to go.`;
}

function follow(video, stage, reporter) {
  let toldAt = -Infinity;
  let toldPosition = -1;

  function tell(news = {}) {
    const position = Math.round(video.currentTime * 10) / 10;
    if (position === toldPosition && !news.completed) return;
    toldAt = performance.now();
    toldPosition = position;
    reporter.tell({ position_seconds: position, ...news });
  }

  function finish() {
    if ("done" in stage.dataset) return;
    showDone(stage);
    tell({ completed: true });
  }

  video.addEventListener("timeupdate", () => {
    if (video.paused || video.seeking) return;
    if (video.currentTime >= video.duration * SEEN_SHARE) finish();
    if (performance.now() - toldAt >= EVERY_SECONDS * 1000) tell();
  });
  video.addEventListener("pause", () => tell());
  video.addEventListener("ended", finish);
  let settled = 0;
  video.addEventListener("seeked", () => {
    clearTimeout(settled);
    settled = setTimeout(tell, 300); // Dragging seeks many times a second.
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && video.played.length) tell();
  });
  window.addEventListener("pagehide", () => {
    if (video.played.length) tell();
    reporter.flush();
  });
}

export function setUpProgress(video, csrf) {
  const stage = video.closest(".stage");
  if (stage.dataset.report) follow(video, stage, new Reporter(stage.dataset.report, csrf));
  video.addEventListener("play", () => document.getElementById("resumed")?.remove(), { once: true });
}
