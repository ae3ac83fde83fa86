// Where the video is. Addresses hold for some hours; then the page is asked for fresh ones.

/** The academy does not give the addresses (any more): signed out, or the course was left. */
export class Refused extends Error {}

/** For now the academy gives no addresses; the message says why, and what to do. */
export class Held extends Error {}

export class Playback {
  #renewUrl;
  #renewing = null;
  #isStale = false;

  constructor(told, renewUrl) {
    this.told = told;
    this.#renewUrl = renewUrl;
  }

  /** Says that an address was refused; the next one waits for fresh ones. */
  expire() {
    this.#isStale = true;
  }

  async ready() {
    if (this.#isStale) await this.renew();
  }

  /** Fetches fresh addresses; whoever asks meanwhile waits for the same answer. Rejects with Refused, Held or a TypeError. */
  renew() {
    this.#renewing ??= this.#fetch().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #fetch() {
    const answer = await fetch(this.#renewUrl);
    if (answer.status >= 500 || answer.status === 429) throw new TypeError("The academy does not answer.");
    if (answer.status === 409) throw new Held((await answer.json()).detail);
    if (!answer.ok) throw new Refused((await answer.json()).detail);
    this.told = await answer.json();
    this.#isStale = false;
  }

  /** An address of the stream with the newest signature: that of the master playlist holds for its whole folder. */
  signed(address) {
    const wanted = new URL(address, location.href);
    const master = new URL(this.told.hls_url, location.href);
    const folder = master.pathname.slice(0, master.pathname.lastIndexOf("/") + 1);
    if (wanted.pathname.startsWith(folder)) wanted.search = master.search;
    return wanted.href;
  }
}
