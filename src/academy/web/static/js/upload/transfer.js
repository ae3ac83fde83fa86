// Sends one file by tus: goes on after broken lines, waits while the browser is offline, and asks what becomes of it.

import { meter } from "./format.js";

// One request brings at most this much, so that the answer to a refused file is seen and proxies need not hold more.
const PIECE = 32 << 20;
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10000, 20000, 30000];
const POLL = 1000;
const BUSY = 409;
const OFFLINE = "You are offline. It goes on by itself when you are back.";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Asks an address once a second for JSON until `isOver` says so; null when there is nothing there (any more). */
export async function watch(url, isOver) {
  for (;; await pause(POLL)) {
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.status === 404 || answer.status === 410) return null;
      const found = answer.ok ? await answer.json() : null;
      if (found && isOver(found)) return found;
    } catch {
      // Offline for the moment.
    }
  }
}

/** Removes an upload from the server, as far as it can be reached; what stays behind expires there. */
export async function takeBack(url, token) {
  const headers = { "Tus-Resumable": "1.0.0", "X-CSRF-Token": token };
  await fetch(url, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

function reasonOf(error) {
  try {
    return JSON.parse(error.originalResponse.getBody()).detail;
  } catch {
    return "The connection broke. What came is kept; try again to go on.";
  }
}

const statusOf = (error) => error.originalResponse?.getStatus() ?? 0;
const isPassing = (status) => status === 0 || status === BUSY || status === 423 || status === 429 || status >= 500;

/**
 * Begins to send `file`, or goes on at `url`. Tells `progress(percent, text)`, `waiting(text)`, `failed(reason,
 * canRetry)` and `sent(url)`. Returns what holds it: `url()` and `stop()`.
 */
export function send(file, { endpoint, token, metadata, url, progress, waiting, failed, sent }) {
  const describe = meter();
  const upload = new window.tus.Upload(file, {
    endpoint,
    uploadUrl: url ?? null,
    chunkSize: PIECE,
    retryDelays: RETRY_DELAYS,
    storeFingerprintForResuming: false, // The server lists what is unfinished: in this browser and in any other one.
    metadata: { filename: file.name, filetype: file.type, lastmodified: String(file.lastModified), ...metadata },
    headers: { "X-CSRF-Token": token },
    onProgress: (done, total) => progress((100 * done) / total, describe(done, total)),
    onShouldRetry(error) {
      const status = statusOf(error);
      if (!isPassing(status) || !navigator.onLine) return false;
      waiting(status === BUSY ? reasonOf(error) : "The connection broke. Trying again…");
      return true;
    },
    onError(error) {
      if (!navigator.onLine) waiting(OFFLINE);
      else failed(reasonOf(error), isPassing(statusOf(error)));
    },
    onSuccess() {
      stop();
      sent(upload.url);
    },
  });

  function goOffline() {
    upload.abort();
    waiting(OFFLINE);
  }

  function stop() {
    upload.abort();
    window.removeEventListener("offline", goOffline);
    window.removeEventListener("online", start);
  }

  function start() {
    waiting("Beginning…");
    upload.start();
  }

  window.addEventListener("offline", goOffline);
  window.addEventListener("online", start);
  start();
  return { url: () => upload.url, stop };
}
