// Uploads files by dropping or choosing them, a row for each. A zone takes one file for one place, or any number that
// become lessons. What is unfinished on the server is shown again after the page was left.

import { isPartOf, UploadRow } from "./row.js";
import { watch } from "./transfer.js";

const MOST_AT_ONCE = 2;
const LISTED = 100;
const MOST_OF_TITLE = 120;
const zones = new Set();

function announce(text) {
  const status = document.querySelector("[data-upload-status]");
  if (status) status.textContent = text;
}

/** Replaces a part of the page by what the server shows there now; the focus stays inside it. */
async function refresh(id) {
  const answer = await fetch(location.pathname);
  if (!answer.ok) {
    location.reload();
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const old = document.getElementById(id);
  const fresh = page.getElementById(id);
  if (old.matches("[data-outline]")) {
    old.replaceChildren(...fresh.childNodes); // The list itself is what other scripts listen to.
    return;
  }
  const hadFocus = old.contains(document.activeElement) || document.activeElement === document.body;
  old.replaceWith(fresh);
  begin(fresh);
  if (hadFocus) {
    const heading = fresh.querySelector("h2");
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}

class Zone {
  constructor(element) {
    const { endpoint, course, lesson = "", lessons, refresh: part, token } = element.dataset;
    Object.assign(this, { element, endpoint, course, lesson, lessons, part, token });
    this.isAttachment = "attachment" in element.dataset;
    this.isDirect = "direct" in element.dataset;
    this.rules = JSON.parse(element.dataset.rules);
    this.videos = (element.dataset.videos ?? "").split(" ");
    this.rows = [];
    this.waiting = [];
    this.turns = Promise.resolve();
    this.drop = element.querySelector("[data-dropzone]");
    this.list = element.querySelector("[data-rows]");
    this.rowTemplate = element.querySelector("template");
    this.input = this.drop.querySelector("input[type=file]");
    this.announce = announce;
    this.listen();
    zones.add(this);
    this.restore();
  }

  listen() {
    this.input.addEventListener("change", () => {
      this.choose([...this.input.files]);
      this.input.value = "";
    });
    for (const type of ["dragenter", "dragover"]) {
      this.drop.addEventListener(type, (event) => {
        event.preventDefault();
        this.drop.toggleAttribute("data-over", true);
      });
    }
    this.drop.addEventListener("dragleave", () => this.drop.toggleAttribute("data-over", false));
    this.drop.addEventListener("drop", (event) => {
      event.preventDefault();
      this.drop.toggleAttribute("data-over", false);
      this.choose([...event.dataTransfer.files]);
    });
  }

  /** What the server has of earlier uploads to this place. */
  async unfinished() {
    try {
      const answer = await fetch(`${this.endpoint}?limit=${LISTED}`);
      const { items } = answer.ok ? await answer.json() : { items: [] };
      return items.filter((one) => this.isFor(one)); // Of one that has just begun, no part may be counted yet.
    } catch {
      return []; // Offline for the moment.
    }
  }

  isFor(upload) {
    if (upload.course_id !== this.element.dataset.courseId) return false;
    if (upload.is_attachment !== this.isAttachment) return false;
    return this.lessons ? upload.lesson_id !== "" : upload.lesson_id === this.lesson;
  }

  async restore() {
    for (const known of (await this.unfinished()).reverse()) {
      if (this.rows.some((row) => row.url?.endsWith(known.id))) continue;
      const row = new UploadRow(this, { known });
      this.add(row);
      row.restore();
    }
  }

  async choose(files) {
    const unfinished = files.length ? await this.unfinished() : [];
    for (const file of this.lessons ? files : files.slice(0, 1)) {
      const shown = this.rows.find((row) => row.known && !row.isSending && isPartOf(row.known, file));
      if (shown) {
        shown.goOn(file);
        continue;
      }
      const row = new UploadRow(this, { file, known: unfinished.find((known) => isPartOf(known, file)) });
      this.add(row);
      if (row.check()) this.begin(row);
    }
  }

  add(row) {
    this.rows.push(row);
    this.list.append(row.element);
    this.showDrop();
  }

  /** Where one file is wanted, none can be added while one is on its way. */
  showDrop() {
    const isTaken = this.rows.some((row) => row.element.dataset.stage !== "failed");
    this.drop.hidden = !this.lessons && isTaken;
  }

  /** Lets a row send, now or when others are through. */
  begin(row) {
    row.show("Waiting for its turn");
    this.waiting.push(row);
    this.next();
    if (!this.lessons) row.find("cancel").focus();
  }

  /** Starts as many as may send; one turn after another, so that new lessons keep the order of their files. */
  next() {
    this.showDrop();
    this.turns = this.turns.then(() => this.start());
  }

  async start() {
    while (this.waiting.length && this.rows.filter((row) => row.isSending).length < MOST_AT_ONCE) {
      const row = this.waiting.shift();
      if (this.lessons && !row.lesson && !(await this.makeLesson(row))) continue;
      if (this.rows.includes(row)) row.send();
    }
  }

  /** Adds the lesson that a file becomes; whether it could. */
  async makeLesson(row) {
    const section = this.element.querySelector("[data-section]").value;
    const title = row.name.replace(/\.[^.]*$/, "").replaceAll(/[_-]+/g, " ").slice(0, MOST_OF_TITLE);
    const answer = await fetch(`${this.lessons}/${section}/lessons`, {
      method: "POST",
      headers: { "X-CSRF-Token": this.token },
      body: new URLSearchParams({ title, kind: row.isVideo ? "video" : "file" }),
    }).catch(() => null);
    row.lesson = answer?.url.match(/\/lessons\/([^/#?]+)$/)?.[1] ?? "";
    if (!row.lesson) row.end("The lesson could not be added. Try again.", { canRetry: true });
    return row.lesson !== "";
  }

  /** A row's file became a video or file. */
  async taken(row) {
    this.next();
    const lesson = `${this.element.dataset.base}/lessons/${row.lesson}`;
    // The page of a lesson shows by itself what comes after the check.
    const ends = this.lessons ? ["ready", "failed"] : ["ready", "failed", "converting"];
    const video = row.isVideo ? await row.followVideo(`${lesson}/video`, ends) : null;
    if (this.lessons) {
      if (video?.state === "failed") row.end(video.failure);
      else row.end("Ready.", { isWell: true });
    } else {
      announce(endOf(row.name, video));
    }
    await refresh(this.part);
  }

  ended() {
    this.next();
  }

  removed(row) {
    this.rows = this.rows.filter((other) => other !== row);
    this.waiting = this.waiting.filter((other) => other !== row);
    row.element.remove();
    this.ended();
    this.input.focus();
  }
}

function endOf(name, video) {
  if (!video) return `${name} is uploaded.`;
  if (video.state === "failed") return `${name} cannot be used. ${video.failure}`;
  return video.url ? `${name} is ready.` : `${name} is being converted.`;
}

function showConversion(part, percent) {
  for (const text of part.querySelectorAll("[data-conversion]")) text.textContent = percent;
  for (const bar of part.querySelectorAll("[data-conversion-bar]")) bar.value = percent;
}

/** Follows the video that a part of the page shows until it leaves the stage that is shown, then shows the next one. */
async function follow(part) {
  const { checking: url, stage = "checking" } = part.dataset;
  const video = await watch(url, ({ state, progress }) => {
    showConversion(part, progress);
    return state !== stage;
  });
  if (!part.isConnected || [...zones].some((zone) => zone.rows.some((row) => row.isSending))) return;
  if (video) announce(endOf(video.file_name, video));
  await refresh(part.id);
}

function begin(root) {
  for (const zone of zones) if (!zone.element.isConnected) zones.delete(zone);
  for (const element of root.querySelectorAll("[data-upload]")) new Zone(element);
  const checking = root.querySelector?.("[data-checking]") ?? (root.dataset?.checking ? root : null);
  if (checking) follow(checking);
}

// A file dropped beside the zone must not replace the page.
for (const type of ["dragover", "drop"]) {
  window.addEventListener(type, (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
}
window.addEventListener("beforeunload", (event) => {
  if ([...zones].some((zone) => zone.rows.some((row) => row.isSending))) event.preventDefault();
});
begin(document);
