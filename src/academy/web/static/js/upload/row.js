// One file's row: its name and size, how far it is, what the server does with it then, and what can be done about it.

import { MOST_DIRECT, sendDirectly } from "./direct.js";
import { extensionOf, objection, size } from "./format.js";
import { send, takeBack, watch } from "./transfer.js";

const STEP_TOLD = 25;

/** What becomes of a video, as its row says it. */
function stageOf(video) {
  if (video.state === "converting") return `Converting, ${Math.round(video.progress ?? 0)} %`;
  return "Uploaded. It is being checked, which takes a few seconds.";
}

/** Whether the server has a part of a file, as far as name, size and time tell; `known` is what the server says. */
export function isPartOf(known, file) {
  const { state, file_name: name, length, last_modified: modified } = known;
  const isSame = file.name === name && file.size === length;
  return state === "receiving" && isSame && (!modified || modified === String(file.lastModified));
}

export class UploadRow {
  /** Shows a file of a zone; `known` is what the server has of it already. */
  constructor(zone, { file = null, known = null }) {
    Object.assign(this, { zone, file, known, transfer: null, told: 0 });
    this.lesson = known?.lesson_id ?? zone.lesson;
    this.name = file?.name ?? known.file_name;
    this.length = file?.size ?? known.length;
    this.isVideo = known ? known.kind === "video" : zone.videos.includes(extensionOf(file.name));
    this.url = known ? `${zone.endpoint}/${known.id}` : null;
    this.element = zone.rowTemplate.content.firstElementChild.cloneNode(true);
    this.find("name").textContent = this.name;
    this.find("size").textContent = size(this.length);
    this.progress = this.find("progress");
    this.progress.setAttribute("aria-label", `Progress of ${this.name}`);
    for (const name of ["cancel", "dismiss"]) this.button(name).addEventListener("click", () => this.remove());
    this.button("retry").addEventListener("click", () => this.retry());
    this.input = this.element.querySelector("input[type=file]");
    this.input.addEventListener("change", () => this.goOn(this.input.files[0]));
  }

  find(name) {
    return this.element.querySelector(`[data-${name}]`);
  }

  button(name) {
    const button = this.find(name);
    button.setAttribute("aria-label", `${button.textContent.trim()}: ${this.name}`);
    return button;
  }

  /** Whether leaving the page would stop it. */
  get isSending() {
    return this.transfer !== null;
  }

  show(text, { stage = "sending", canRetry = false, needsFile = false } = {}) {
    const isEnded = stage === "failed" || stage === "ready";
    const state = this.find("state");
    state.textContent = text;
    state.classList.toggle("bad", stage === "failed");
    this.element.dataset.stage = stage;
    this.progress.hidden = isEnded;
    this.find("cancel").hidden = isEnded || stage === "working";
    this.find("dismiss").hidden = !isEnded;
    this.find("retry").hidden = !canRetry;
    this.find("again").hidden = !needsFile;
    if (stage === "working") this.progress.removeAttribute("value");
  }

  /** Ends with a reason, or well. */
  end(text, { isWell = false, canRetry = false } = {}) {
    this.transfer = null;
    this.show(text, { stage: isWell ? "ready" : "failed", canRetry });
    this.zone.announce(`${this.name}: ${text}`);
    this.zone.ended();
  }

  /** What cannot be taken, told before anything is sent; whether it can be. */
  check() {
    const reason = objection(this.file, this.zone.rules);
    if (reason) this.end(reason);
    return !reason;
  }

  send() {
    this.progress.value = 0;
    const sendIt = this.zone.isDirect && !this.url && this.length <= MOST_DIRECT ? sendDirectly : send;
    this.transfer = sendIt(this.file, {
      endpoint: this.zone.endpoint,
      token: this.zone.token,
      url: this.url,
      metadata: {
        course: this.zone.course,
        ...(this.lesson ? { lesson_id: this.lesson } : {}),
        ...(this.zone.isAttachment ? { attachment: "true" } : {}),
      },
      progress: (percent, text) => this.tell(percent, text),
      waiting: (text) => this.show(text),
      failed: (reason, canRetry) => {
        this.url = this.transfer.url();
        this.transfer.stop();
        this.end(reason, { canRetry });
      },
      sent: (url) => {
        this.transfer = null;
        this.url = url;
        this.follow();
      },
    });
  }

  tell(percent, text) {
    this.progress.value = percent;
    this.show(text);
    // Screen readers hear quarters, not every piece.
    if (percent >= this.told + STEP_TOLD && percent < 100) {
      this.told = percent - (percent % STEP_TOLD);
      this.zone.announce(`${this.name}: ${this.told} %`);
    }
  }

  retry() {
    this.zone.begin(this);
  }

  /** Goes on with the file that was chosen once more. */
  goOn(file) {
    this.input.value = "";
    if (!file) return;
    if (!isPartOf(this.known, file)) {
      this.zone.announce(`This is another file than ${this.name}.`);
      this.show(`This is another file. Choose ${this.name} of ${size(this.length)} again to go on.`, { needsFile: true });
      return;
    }
    this.file = file;
    this.zone.begin(this);
  }

  /** Shows an upload that the server knows from before this page. */
  restore() {
    const { state, offset, length, failure } = this.known;
    if (state === "refused") this.show(failure, { stage: "failed" });
    else if (state === "assembling") this.follow();
    else {
      this.progress.value = (100 * offset) / length;
      this.show(`${size(offset)} of ${size(length)} are here. Choose the same file again to go on.`, { needsFile: true });
    }
  }

  /** Follows what the server does with a file that is there. */
  async follow() {
    this.show("Uploaded. It is being checked, which takes a few seconds.", { stage: "working" });
    this.zone.announce(`${this.name} is uploaded and is being checked.`);
    const upload = await watch(this.url, ({ state }) => state === "done" || state === "refused");
    if (upload?.state === "refused") {
      this.end(upload.failure);
      return;
    }
    this.url = null;
    await this.zone.taken(this);
  }

  /** Follows the video of a lesson until it is in one of the states `ends`; returns it, null when it is gone. */
  followVideo(url, ends) {
    return watch(url, (video) => {
      this.find("state").textContent = stageOf(video);
      if (video.state === "converting" && video.progress) this.progress.value = video.progress;
      return ends.includes(video.state);
    });
  }

  async remove() {
    const url = this.transfer?.url() ?? this.url;
    this.transfer?.stop();
    this.transfer = null;
    this.zone.removed(this);
    if (url) await takeBack(url, this.zone.token);
  }
}
