// Uploads one file by dropping or choosing it: progress with rate and time left, what the server does with it then,
// the reason when it is refused, retry and cancel. Then the part of the page that shows it is fetched anew.

const MB = 1 << 20;
const POLL = 1000;
const SAMPLES_SECONDS = 4;
let uploads = 0;

function size(bytes) {
  if (bytes >= 1024 * MB) return `${(bytes / MB / 1024).toPrecision(3)} GB`;
  return bytes >= MB ? `${(bytes / MB).toPrecision(3)} MB` : `${Math.ceil(bytes / 1024)} kB`;
}

function timeLeft(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`;
}

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
  const hadFocus = old.contains(document.activeElement) || document.activeElement === document.body;
  old.replaceWith(fresh);
  begin(fresh);
  if (hadFocus) {
    const heading = fresh.querySelector("h2");
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Asks until the check of an uploaded video has an end, then shows it. */
async function watch(url, id) {
  for (;;) {
    await pause(POLL);
    let video;
    try {
      const answer = await fetch(url);
      if (answer.status === 404) break;
      if (!answer.ok) continue;
      video = await answer.json();
    } catch {
      continue; // Offline for the moment.
    }
    if (video.state === "checking") continue;
    if (uploads) return; // Another file is on its way; its end shows everything.
    announce(video.state === "ready" ? `${video.file_name} is ready.` : `${video.file_name} cannot be used. ${video.failure}`);
    break;
  }
  await refresh(id);
}

/** The rate of the last seconds, in bytes per second. */
function meter() {
  const samples = [];
  return (bytes) => {
    const now = performance.now() / 1000;
    samples.push([now, bytes]);
    while (samples.length > 2 && samples[0][0] < now - SAMPLES_SECONDS) samples.shift();
    const [then, before] = samples[0];
    return now > then ? (bytes - before) / (now - then) : 0;
  };
}

/** Why a file cannot be taken, found without sending it; "" when it can. */
function objection(file, rules) {
  const extension = file.name.includes(".") ? file.name.split(".").pop().toLowerCase() : "";
  const most = rules[extension];
  if (!most) return `Files of this kind are not taken here. Choose one of: ${Object.keys(rules).join(", ")}.`;
  if (file.size > most) return `This file has ${size(file.size)}; at most ${size(most)} are taken here.`;
  return file.size ? "" : "This file is empty. Choose another one.";
}

function reasonOf(request) {
  try {
    return JSON.parse(request.responseText).detail;
  } catch {
    return "The academy did not take the file. Try again in a moment.";
  }
}

function start(zone) {
  const { upload: url, refresh: id, token, watch: watched } = zone.dataset;
  const rules = JSON.parse(zone.dataset.rules);
  const find = (name) => zone.querySelector(`[data-${name}]`);
  const input = zone.querySelector("input[type=file]");
  const [drop, row, state, progress] = ["dropzone", "row", "state", "progress"].map(find);
  const [cancel, retry, another] = ["cancel", "retry", "another"].map(find);
  let file;
  let request;

  function show({ text, isBad = false, isOver = false, canRetry = false }) {
    state.textContent = text;
    state.classList.toggle("bad", isBad);
    progress.hidden = isOver;
    cancel.hidden = isOver;
    retry.hidden = !canRetry;
    another.hidden = !isOver;
    if (isOver) announce(text);
  }

  function reset() {
    row.hidden = true;
    drop.hidden = false;
    input.value = "";
    input.focus();
  }

  function ended() {
    request = undefined;
    uploads -= 1;
  }

  function refused(text, canRetry) {
    show({ text, isBad: true, isOver: true, canRetry });
    (canRetry ? retry : another).focus();
  }

  async function taken() {
    if (watched) {
      show({ text: "Uploaded. It is being checked, which takes a few seconds." });
      progress.removeAttribute("value");
      cancel.hidden = true;
      announce(state.textContent);
      await watch(watched, id);
      return;
    }
    await refresh(id);
    announce(`${file.name} is uploaded.`);
  }

  function send() {
    const form = new FormData();
    form.append("file", file);
    const rate = meter();
    request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("X-CSRF-Token", token);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      progress.value = (100 * loaded) / total;
      const speed = rate(loaded);
      const left = speed && loaded < total ? `, ${timeLeft((total - loaded) / speed)}` : "";
      show({ text: `${size(loaded)} of ${size(total)}${speed ? `, ${size(speed)}/s` : ""}${left}` });
    });
    request.addEventListener("load", (event) => {
      const { status } = event.target;
      ended();
      if (status === 201) taken();
      else refused(reasonOf(event.target), status >= 500);
    });
    request.addEventListener("error", () => {
      ended();
      refused("The connection broke. Nothing was kept; try again.", true);
    });
    request.addEventListener("abort", () => {
      ended();
      reset();
    });
    uploads += 1;
    progress.value = 0;
    show({ text: "Beginning…" });
    request.send(form);
  }

  function choose(chosen) {
    if (!chosen || request) return;
    file = chosen;
    find("name").textContent = file.name;
    find("size").textContent = size(file.size);
    drop.hidden = true;
    row.hidden = false;
    const reason = objection(file, rules);
    if (reason) {
      refused(reason, false);
      return;
    }
    send();
    cancel.focus();
  }

  input.addEventListener("change", () => choose(input.files[0]));
  for (const type of ["dragenter", "dragover"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.toggleAttribute("data-over", true);
    });
  }
  drop.addEventListener("dragleave", () => drop.toggleAttribute("data-over", false));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.toggleAttribute("data-over", false);
    choose(event.dataTransfer.files[0]);
  });
  cancel.addEventListener("click", () => request?.abort());
  retry.addEventListener("click", send);
  another.addEventListener("click", reset);
  window.addEventListener("beforeunload", (event) => {
    if (request) event.preventDefault();
  });
}

function begin(root) {
  root.querySelectorAll("[data-upload]").forEach(start);
  const checking = root.querySelector?.("[data-checking]") ?? (root.dataset?.checking ? root : null);
  if (checking) watch(checking.dataset.checking, checking.id);
}

// A file dropped beside the zone must not replace the page.
for (const type of ["dragover", "drop"]) {
  window.addEventListener(type, (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
}
begin(document);
