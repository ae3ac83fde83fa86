// The captions' editor: the WebVTT file in the form, as rows beside the video. What is typed into a row goes back into
// the file at once; a file that has more in it than plain cues stays a text.

const ARROW = " --> ";
const TIME = /^(?:(\d{1,6}):)?(\d{1,2}):([0-5]\d)(?:[.,](\d{1,3}))?$/;
const NEW_CUE_MS = 2000;

const form = document.getElementById("cues-form");
const file = form.elements.text;
const list = document.getElementById("cue-list");
const pattern = document.getElementById("cue").content.firstElementChild;
const video = document.getElementById("video");
const shown = document.getElementById("cue-now");
const told = document.getElementById("cue-told");
const longest = Number(form.dataset.longest);
const most = Number(form.dataset.most);

// Times

function readTime(text) {
  const [, hours = 0, minutes, seconds, fraction = ""] = TIME.exec(text.trim()) ?? [];
  if (minutes === undefined || (hours && minutes > 59)) return NaN;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 + Number(fraction.padEnd(3, "0"));
}

function writeTime(ms) {
  const two = (number) => String(number).padStart(2, "0");
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two);
  return `${parts.join(":")}.${String(ms % 1000).padStart(3, "0")}`;
}

// The file

/** Returns the cues of a file as the academy writes it, null for any other. */
function readFile(text) {
  const [head, ...blocks] = text.trim().split(/\n\n+/);
  if (head !== "WEBVTT") return null;
  const cues = blocks.map((block) => {
    const [times, ...lines] = block.split("\n");
    const [start, end] = times.split(ARROW).map(readTime);
    return { start, end, text: lines.join("\n") };
  });
  return cues.every(({ start, end, text: words }) => start < end && words && !words.includes("-->")) ? cues : null;
}

function writeFile() {
  const blocks = rows().map((row) => {
    const { start, end, text } = parts(row);
    return `${start.value}${ARROW}${end.value}\n${text.value.trim().replaceAll(/\n\s*\n/g, "\n")}\n`;
  });
  file.value = ["WEBVTT\n", ...blocks].join("\n");
}

// Rows

const rows = () => [...list.children];
const parts = (row) => ({
  start: row.querySelector('[data-part="start"]'),
  end: row.querySelector('[data-part="end"]'),
  text: row.querySelector('[data-part="text"]'),
});
const cueOf = (row) => {
  const { start, end, text } = parts(row);
  return { start: readTime(start.value), end: readTime(end.value), text: text.value };
};

function makeRow({ start, end, text }) {
  const row = pattern.cloneNode(true);
  const fields = parts(row);
  fields.start.value = writeTime(start);
  fields.end.value = writeTime(end);
  fields.text.value = text;
  return row;
}

function number() {
  for (const [index, row] of rows().entries()) {
    const { start, end, text } = parts(row);
    start.setAttribute("aria-label", `Cue ${index + 1}, from`);
    end.setAttribute("aria-label", `Cue ${index + 1}, to`);
    text.setAttribute("aria-label", `Cue ${index + 1}, text`);
    const error = row.querySelector(".error");
    error.id = `cue-error-${index}`;
    for (const button of row.querySelectorAll("button")) {
      button.setAttribute("aria-label", `${button.title}, cue ${index + 1}`);
    }
  }
}

/** Says what is wrong with a row and how to mend it; returns whether nothing is. */
function check(row) {
  const { start, end, text } = cueOf(row);
  const fields = parts(row);
  const wrong = {
    start: Number.isNaN(start) ? "Write the time as 0:01:02.500." : "",
    end: Number.isNaN(end) ? "Write the time as 0:01:02.500." : end <= start ? "The end must come after the start." : "",
    text: !text.trim()
      ? "Write what is said, or remove the cue."
      : text.trim().length > longest
        ? `A cue has at most ${longest} characters. Split it.`
        : text.includes("-->")
          ? "A text cannot hold the arrow “-->”."
          : "",
  };
  const error = row.querySelector(".error");
  error.textContent = [...new Set(Object.values(wrong).filter(Boolean))].join(" ");
  error.hidden = !error.textContent;
  for (const [name, field] of Object.entries(fields)) {
    if (wrong[name]) {
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", error.id);
    } else {
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
  }
  return error.hidden;
}

/** Takes over a change of the rows: into the file, and into what the page says of it. */
function changed() {
  writeFile();
  form.dispatchEvent(new Event("input", { bubbles: true }));
  showCurrent();
}

function focusText(row, at) {
  const { text } = parts(row);
  text.focus();
  if (at !== undefined) text.setSelectionRange(at, at);
}

const ACTIONS = {
  play(row) {
    const { start } = cueOf(row);
    if (!video || Number.isNaN(start)) return;
    video.currentTime = start / 1000;
    video.play().catch(() => {}); // Not loaded yet: it plays from there when asked again.
  },

  /** Divides the text where the cursor stands, and the time in the same proportion. */
  split(row) {
    const { start, end, text } = cueOf(row);
    const field = parts(row).text;
    const at = field.selectionStart;
    const [before, after] = [text.slice(0, at).trim(), text.slice(at).trim()];
    if (!before || !after || !check(row)) {
      told.textContent = "Put the cursor between two words of the text first.";
      field.focus();
      return;
    }
    const middle = Math.round(start + ((end - start) * before.length) / (before.length + after.length));
    const next = makeRow({ start: middle, end, text: after });
    parts(row).end.value = writeTime(middle);
    field.value = before;
    row.after(next);
    number();
    check(row);
    focusText(next, 0);
    told.textContent = "The cue is split.";
    changed();
  },

  add(row) {
    if (rows().length >= most) {
      told.textContent = `There can be no more than ${most} cues.`;
      return;
    }
    const { end } = cueOf(row);
    const start = Number.isNaN(end) ? 0 : end;
    const next = makeRow({ start, end: start + NEW_CUE_MS, text: "" });
    row.after(next);
    number();
    focusText(next);
    changed();
  },

  remove(row) {
    if (rows().length === 1) {
      told.textContent = "The last cue stays. To be without captions, delete them on the page before.";
      return;
    }
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    number();
    focusText(neighbour);
    told.textContent = "The cue is removed.";
    changed();
  },
};

function shiftAll(ms) {
  const cues = rows().map(cueOf);
  if (cues.some(({ start }) => start + ms < 0)) {
    told.textContent = "No cue can begin before the video does. Shift by less.";
    document.getElementById("shift").setAttribute("aria-invalid", "true");
    return;
  }
  document.getElementById("shift").removeAttribute("aria-invalid");
  for (const [index, row] of rows().entries()) {
    const { start, end } = cues[index];
    if (!Number.isNaN(start)) parts(row).start.value = writeTime(start + ms);
    if (!Number.isNaN(end)) parts(row).end.value = writeTime(end + ms);
  }
  told.textContent = "All cues are shifted.";
  changed();
}

// The video

/** Marks the cues that are shown now, and shows them as the player would. */
function showCurrent() {
  if (!video) return;
  const now = video.currentTime * 1000;
  const words = [];
  for (const row of rows()) {
    const { start, end, text } = cueOf(row);
    const isNow = start <= now && now < end;
    row.classList.toggle("is-now", isNow);
    if (isNow) words.push(new DOMParser().parseFromString(text, "text/html").body.textContent);
  }
  shown.textContent = words.join("\n");
}

function start(cues) {
  list.append(...cues.map(makeRow));
  number();
  list.hidden = false;
  document.getElementById("cue-tools").hidden = false;
  document.getElementById("cue-text").hidden = true;

  list.addEventListener("input", (event) => {
    check(event.target.closest(".cue"));
    writeFile();
    showCurrent();
  });
  list.addEventListener("change", (event) => {
    const isTime = ["start", "end"].includes(event.target.dataset.part);
    const time = isTime ? readTime(event.target.value) : NaN;
    if (Number.isNaN(time)) return;
    event.target.value = writeTime(time);
    changed();
  });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (button) ACTIONS[button.dataset.action](button.closest(".cue"));
  });
  // Leaving the text by a button keeps the place where it is split.
  list.addEventListener("mousedown", (event) => {
    if (event.target.closest('[data-action="split"]')) event.preventDefault();
  });
  list.addEventListener("keydown", (event) => {
    const row = event.target.closest(".cue");
    const neighbour = { ArrowUp: row?.previousElementSibling, ArrowDown: row?.nextElementSibling }[event.key];
    if (event.altKey && neighbour) focusText(neighbour);
    else if (event.altKey && event.key === "Enter") ACTIONS.play(row);
    else if ((event.ctrlKey || event.metaKey) && event.key === "Enter") ACTIONS.split(row);
    else return;
    event.preventDefault();
  });
  for (const button of document.querySelectorAll("[data-shift]")) {
    button.addEventListener("click", () => {
      const seconds = document.getElementById("shift").valueAsNumber;
      if (seconds) shiftAll(Math.round(seconds * 1000) * Number(button.dataset.shift));
    });
  }
  form.addEventListener("submit", (event) => {
    const wrong = rows().filter((row) => !check(row));
    if (!wrong.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    told.textContent = `${wrong.length === 1 ? "One cue needs" : `${wrong.length} cues need`} another look. Nothing is saved yet.`;
    wrong[0].querySelector("[aria-invalid]").focus();
  });
  video?.addEventListener("timeupdate", showCurrent);
  video?.addEventListener("seeked", showCurrent);
}

const cues = readFile(file.value);
if (cues?.length) start(cues);
