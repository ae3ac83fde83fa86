// What fills the video: the stream, or the whole file where there is none or it fails; and what is said when neither does.

import { Held, Refused } from "./playback.js";
import { Stream, streamsItself } from "./streaming.js";

const RENEWAL_PAUSE_MS = 60_000;
// A stream that was lost this often gives way to the file.
const MOST_LOSSES = 2;

const TROUBLE = {
  lost: "The video stopped loading. Your place is kept. Check your connection and try again.",
  refused: "This video is not open to you any more. You may have signed out elsewhere.",
  unplayable: "This browser cannot play this video. Another browser may; we are sorry.",
};

/**
 * Its events: `qualities`, `quality` (see Stream), `trouble` whose `detail` is `{ kind, text }` with a key of TROUBLE or
 * `held`, `fine` when it goes on.
 */
export class Source extends EventTarget {
  #video;
  #playback;
  #library;
  #stream = null;
  #quality = 0;
  #losses = 0;
  #start;
  #wantsPlay = false;
  #renewedAt = -Infinity;

  constructor(video, playback, library, start) {
    super();
    this.#video = video;
    this.#playback = playback;
    this.#library = library;
    this.#start = start;
    video.addEventListener("error", () => this.#mend());
    video.addEventListener("canplay", () => (this.#start = null));
  }

  /** Opens the stream; a file has been opened by the page. Whoever wants to hear of it listens by now. */
  begin() {
    if (this.#streams) this.#open(this.#start);
    else if (this.#video.error) this.#mend();
  }

  /** Names of the qualities that can be chosen, best first; none for a file. */
  get qualities() {
    return this.#stream?.qualities ?? [];
  }

  get quality() {
    return this.#stream?.quality ?? 0;
  }

  /** `wanted` is one of the qualities, or 0 to leave it to the connection. Holds for what is opened later, too. */
  choose(wanted) {
    this.#quality = wanted;
    if (this.qualities.length) this.#stream.choose(wanted);
  }

  /** Asks for fresh addresses and opens the video where it stood. */
  async retry() {
    const position = this.#position;
    const isPlaying = !this.#video.paused || this.#wantsPlay;
    try {
      await this.#playback.renew();
    } catch (error) {
      this.#tellOf(error);
      return;
    }
    this.dispatchEvent(new Event("fine"));
    await this.#open(position);
    if (isPlaying) this.#video.play().catch(() => {}); // The browser may want a press of its own.
  }

  /** Stops for a reason that is told; `retry` goes on. */
  hold(error) {
    this.#wantsPlay = true;
    this.#video.pause();
    this.#tellOf(error);
  }

  get #position() {
    return this.#start ?? this.#video.currentTime;
  }

  get #streams() {
    const { hls_url: stream, url } = this.#playback.told;
    return Boolean(stream) && (this.#losses < MOST_LOSSES || !url);
  }

  async #open(position) {
    this.#close();
    this.#start = position;
    const { hls_url: stream, url } = this.#playback.told;
    if (this.#streams && !streamsItself(this.#video)) await this.#openStream(position);
    else this.#openFile(this.#streams ? stream : url, position);
  }

  #openFile(address, position) {
    this.dispatchEvent(new Event("qualities")); // None that could be chosen.
    if (!address) {
      this.#tell("unplayable");
      return;
    }
    this.#video.preload = "metadata";
    this.#video.src = position ? `${address}#t=${position}` : address;
  }

  async #openStream(position) {
    // Whoever presses play while the library comes waits for the stream, not for the file.
    this.#video.removeAttribute("src");
    this.#video.load();
    let Hls;
    try {
      ({ default: Hls } = await import(this.#library));
    } catch {
      this.#lose();
      return;
    }
    if (!Hls.isSupported()) {
      this.#abandonStream();
      return;
    }
    const stream = new Stream(Hls, this.#video, this.#playback, position);
    this.#stream = stream;
    stream.addEventListener("qualities", () => {
      if (this.#quality) stream.choose(this.#quality);
      this.dispatchEvent(new Event("qualities"));
    });
    stream.addEventListener("quality", () => this.dispatchEvent(new Event("quality")));
    stream.addEventListener("lost", () => this.#lose());
    stream.addEventListener("broken", () => this.#abandonStream());
  }

  async #lose() {
    this.#losses += 1;
    this.#wantsPlay = !this.#video.paused;
    try {
      await this.#playback.ready();
      this.#tell("lost");
    } catch (error) {
      this.#tellOf(error);
    }
  }

  #abandonStream() {
    const position = this.#position;
    const isPlaying = !this.#video.paused;
    this.#losses = MOST_LOSSES;
    this.#close();
    this.#openFile(this.#playback.told.url, position);
    this.#start = position;
    if (isPlaying) this.#video.play().catch(() => {});
  }

  /** The file failed: most likely its address has run out. If it had not, trying again is the learner's to say. */
  async #mend() {
    if (this.#stream) return; // The stream tells of its own errors.
    if (performance.now() - this.#renewedAt > RENEWAL_PAUSE_MS) {
      this.#renewedAt = performance.now();
      await this.retry();
      return;
    }
    this.#wantsPlay = !this.#video.paused;
    this.#tell((await this.#isServed()) ? "unplayable" : "lost");
  }

  async #isServed() {
    try {
      return (await fetch(this.#video.currentSrc, { headers: { Range: "bytes=0-0" } })).ok;
    } catch {
      return false;
    }
  }

  #close() {
    this.#stream?.close();
    this.#stream = null;
  }

  #tellOf(error) {
    if (error instanceof Held) this.#tell("held", error.message);
    else this.#tell(error instanceof Refused ? "refused" : "lost");
  }

  #tell(kind, text = TROUBLE[kind]) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: { kind, text } }));
  }
}
