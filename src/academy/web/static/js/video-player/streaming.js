// HLS where the browser cannot choose qualities itself, through hls.js, which is fetched only then.

const HLS = "application/vnd.apple.mpegurl";
const AHEAD_SECONDS = 30;
const AHEAD_BEFORE_PLAY_SECONDS = 6;
const MOST_RETRIES = 4;
const MOST_RENEWALS = 2;

/** Safari and all on iPhones: they do it well, save battery and send it to a television. Others only say they can. */
export function streamsItself(video) {
  return video.canPlayType(HLS) !== "" && (!window.MediaSource || "webkitShowPlaybackTargetPicker" in video);
}

/**
 * A stream that fills the video. Its events: `qualities` when they are known, `quality` when another one is shown, `lost`
 * when the network failed for long, `broken` when this stream can never be played here.
 */
export class Stream extends EventTarget {
  #hls;
  #video;
  #recovered = false;

  constructor(Hls, video, playback, start) {
    super();
    this.#video = video;
    this.#hls = new Hls({
      ...withRenewal(Hls, playback),
      autoStartLoad: false,
      // Our segments need no unpacking, and a worker made of text is against the page's policy.
      enableWorker: false,
      capLevelToPlayerSize: true,
      backBufferLength: 60,
      // What it believes of a connection before the first segment: the first picture is a good one.
      abrEwmaDefaultEstimate: 2_000_000,
      maxBufferLength: video.paused ? AHEAD_BEFORE_PLAY_SECONDS : AHEAD_SECONDS,
      // Not sought to after the start: nothing but what is watched is loaded.
      startPosition: start,
    });
    video.addEventListener("play", this.#fill);
    this.#hls.on(Hls.Events.MANIFEST_PARSED, () => {
      this.dispatchEvent(new Event("qualities"));
      this.#hls.startLoad(start);
    });
    this.#hls.on(Hls.Events.LEVEL_SWITCHED, () => this.dispatchEvent(new Event("quality")));
    this.#hls.on(Hls.Events.ERROR, (_, problem) => problem.fatal && this.#fail(Hls, problem));
    this.#hls.attachMedia(video);
    this.#hls.loadSource(playback.told.hls_url);
  }

  /** Names of the qualities, best first: the shorter side, so that upright videos are called as others. */
  get qualities() {
    return [...new Set(this.#hls.levels.map(nameOfLevel))].sort((a, b) => b - a);
  }

  /** The quality on the screen; 0 before there is one. */
  get quality() {
    const shown = this.#hls.levels[this.#hls.currentLevel];
    return shown ? nameOfLevel(shown) : 0;
  }

  /** Shows a quality from the next segment on: the best that is not above `wanted`; 0 leaves it to the connection. */
  choose(wanted) {
    const names = this.#hls.levels.map(nameOfLevel);
    const fitting = names.filter((name) => name <= wanted);
    const best = fitting.length ? Math.max(...fitting) : Math.min(...names);
    this.#hls.nextLevel = wanted ? names.lastIndexOf(best) : -1;
  }

  close() {
    this.#video.removeEventListener("play", this.#fill);
    this.#hls.destroy();
  }

  #fill = () => {
    this.#hls.config.maxBufferLength = AHEAD_SECONDS;
  };

  #fail(Hls, problem) {
    const status = problem.response?.code ?? 0;
    if (problem.type === Hls.ErrorTypes.NETWORK_ERROR && isPassing(status)) {
      this.dispatchEvent(new Event("lost"));
    } else if (problem.type === Hls.ErrorTypes.MEDIA_ERROR && !this.#recovered) {
      this.#recovered = true;
      this.#hls.recoverMediaError();
    } else {
      this.dispatchEvent(new Event("broken"));
    }
  }
}

function nameOfLevel({ width, height }) {
  return Math.min(width || height, height);
}

/** No answer, too many requests, or the server's own trouble: another try may help. */
function isPassing(status) {
  return status === 0 || status === 403 || status === 429 || status >= 500;
}

/** Settings of hls.js: each request carries the newest signature; one that is refused is sent again with a fresh one. */
function withRenewal(Hls, playback) {
  const policies = ["manifestLoadPolicy", "playlistLoadPolicy", "fragLoadPolicy"].map((name) => {
    const usual = Hls.DefaultConfig[name].default;
    const shouldRetry = (_, count, isTimeout, answer, isUsual) => {
      if (answer?.code !== 403) return isUsual || (isPassing(answer?.code ?? 0) && count < MOST_RETRIES);
      playback.expire();
      return count < MOST_RENEWALS;
    };
    const errorRetry = { ...usual.errorRetry, maxNumRetry: MOST_RETRIES, retryDelayMs: 500, shouldRetry };
    return [name, { default: { ...usual, errorRetry } }];
  });
  const xhrSetup = async (request, address) => {
    await playback.ready();
    request.open("GET", playback.signed(address), true);
  };
  return { ...Object.fromEntries(policies), xhrSetup };
}
