// How sizes, rates and times of uploads read.

const MB = 1 << 20;
const SAMPLES_SECONDS = 4;

export function size(bytes) {
  if (bytes >= 1024 * MB) return `${(bytes / MB / 1024).toPrecision(3)} GB`;
  return bytes >= MB ? `${(bytes / MB).toPrecision(3)} MB` : `${Math.ceil(bytes / 1024)} kB`;
}

function timeLeft(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`;
}

/** Describes how far an upload is, by its rate of the last seconds. */
export function meter() {
  const samples = [];
  return (sent, total) => {
    const now = performance.now() / 1000;
    samples.push([now, sent]);
    while (samples.length > 2 && samples[0][0] < now - SAMPLES_SECONDS) samples.shift();
    const [then, before] = samples[0];
    const rate = now > then ? (sent - before) / (now - then) : 0;
    const left = rate > 0 && sent < total ? `, ${timeLeft((total - sent) / rate)}` : "";
    return `${size(sent)} of ${size(total)}${rate > 0 ? `, ${size(rate)}/s` : ""}${left}`;
  };
}

export const extensionOf = (name) => (name.includes(".") ? name.split(".").pop().toLowerCase() : "");

/** Why a file cannot be taken, found without sending it; "" when it can. `rules`: extension -> most bytes. */
export function objection(file, rules) {
  const most = rules[extensionOf(file.name)];
  if (!most) return `Files of this kind are not taken here. Choose one of: ${Object.keys(rules).join(", ")}.`;
  if (file.size > most) return `This file has ${size(file.size)}; at most ${size(most)} are taken here.`;
  return file.size ? "" : "This file is empty. Choose another one.";
}
