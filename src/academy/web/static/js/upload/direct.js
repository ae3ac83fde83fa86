// Sends one file straight to the bucket where the academy keeps its files. Whatever keeps it from there, tus goes on.

import { meter } from "./format.js";
import { send } from "./transfer.js";

/** Bytes of what is sent like this: a form begins anew when its line breaks, so larger files go by tus. */
export const MOST_DIRECT = 64 << 20;
const SENT = [200, 201, 204];
const REFUSED = [413, 422];

/** The academy does not take the file; the message says why. */
class Refused extends Error {}

async function ask(url, token, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": token };
  const answer = await fetch(url, { method: "POST", headers, body: body && JSON.stringify(body) });
  const said = await answer.json();
  if (REFUSED.includes(answer.status)) throw new Refused(said.detail);
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

/** Takes the arguments of `send`, and returns what it returns. */
export function sendDirectly(file, told) {
  const { endpoint, token, metadata, progress, waiting, failed, sent } = told;
  const describe = meter();
  const request = new XMLHttpRequest(); // fetch tells nothing of what has been sent.
  let url = null;
  let byTus = null;
  let isStopped = false;

  function post(form) {
    const body = new FormData();
    for (const [name, text] of Object.entries(form.fields)) body.append(name, text);
    body.append("file", file);
    return new Promise((resolve, reject) => {
      request.upload.onprogress = ({ loaded, total }) => progress((100 * loaded) / total, describe(loaded, total));
      request.onload = () => (SENT.includes(request.status) ? resolve() : reject(new Error()));
      request.onerror = request.onabort = () => reject(new Error());
      request.open("POST", form.url);
      request.send(body);
    });
  }

  async function start() {
    waiting("Beginning…");
    const { attachment, ...place } = metadata;
    const description = { file_name: file.name, content_type: file.type, size: file.size };
    const form = await ask(`${endpoint}/direct`, token, { ...description, ...place, attachment: Boolean(attachment) });
    url = `${endpoint}/${form.id}`;
    if (isStopped) return;
    await post(form);
    await ask(`${url}/completion`, token);
    if (!isStopped) sent(url);
  }

  start().catch((error) => {
    if (isStopped) return;
    if (error instanceof Refused) failed(error.message, false);
    else byTus = send(file, { ...told, url });
  });
  return {
    url: () => byTus?.url() ?? url,
    stop() {
      isStopped = true;
      request.abort();
      byTus?.stop();
    },
  };
}
