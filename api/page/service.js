/* The service, asked over HTTP. Addresses are relative, so that the page works behind any prefix. */

import { askForKey } from "./key_dialog.js";

const PASSING = [0, 408, 429, 500, 502, 503, 504];
const LONGEST_PAUSE = 30; // seconds

let key = "";
let asking = null;

/* Why an answer did not come: a problem document, or silence (status 0). */
export class Refusal extends Error {
  constructor({ status = 0, code = "unreachable", detail = "the service cannot be reached" } = {}, retryAfter = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  get passing() {
    return PASSING.includes(this.status);
  }
}

export const hasKey = () => key !== "";

export const model = () => get("model");
export const classify = (texts, top, signal) =>
  post("classify", { posts: texts.map((text) => ({ text })), options: { top_k: top } }, signal);
export const sendFeedback = (feedback) => post("feedback", { feedback });
export const reviewList = (wanted, limit) => get(`review?${new URLSearchParams({ limit, ...wanted })}`);
export const claim = (request) => post("review/claims", request);
export const release = (request) => post("review/releases", request);

/* Ask again while a refusal is passing, after as long as the service says; `tries` counts those of which it says nothing.
   `onWait` is told how many seconds it will be, and why. */
export async function patiently(ask, { signal = null, tries = Infinity, onWait = () => {} } = {}) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask();
    } catch (error) {
      if (signal?.aborted || !(error instanceof Refusal) || !error.passing) throw error;
      if (error.retryAfter === null && tried >= tries) throw error;
      const seconds = error.retryAfter ?? Math.min(LONGEST_PAUSE, 2 ** (tried - 1));
      onWait(seconds, error);
      await pause(seconds, signal);
    }
  }
}

const get = (path) => request(path, {});
const post = (path, body, signal = null) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });

async function request(path, options) {
  const used = key;
  const headers = { ...options.headers, ...(used ? { Authorization: `Bearer ${used}` } : {}) };
  const { answer, plain } = await fetched(path, { ...options, headers });
  if (answer.ok && plain) return plain;
  if (answer.status === 401) {
    await newKey(used);
    return request(path, options);
  }
  const seconds = Number.parseFloat(answer.headers.get("Retry-After"));
  throw new Refusal({ detail: `the service answered with status ${answer.status}`, ...plain, status: answer.status },
    Number.isFinite(seconds) ? seconds : null);
}

async function fetched(path, options) {
  try {
    const answer = await fetch(path, { ...options, cache: "no-store" });
    return { answer, plain: await answer.json().catch(() => null) };
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refusal();
  }
}

/* Requests that were refused together ask for one key together. */
async function newKey(used) {
  if (key !== used) return;
  asking ??= askForKey(used !== "").finally(() => { asking = null; });
  const given = await asking;
  if (given === null) throw new Refusal({ status: 401, code: "unauthorized", detail: "this service asks for a key" });
  key = given;
}

const pause = (seconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, 1000 * seconds);
  signal?.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(signal.reason);
  }, { once: true });
});
