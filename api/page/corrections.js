/* What a person says of answers, sent until the service acknowledges it. Nothing here is lost in silence: an entry is
   waiting, saved, or refused and shown as such. */

import { batches, bytesOf } from "./batches.js";
import { patiently, sendFeedback } from "./service.js";

export const WAITING = "waiting", SAVED = "saved", REFUSED = "refused";

export class Corrections {
  #queue = [];
  #refused = new Set();
  #saved = 0;
  #busy = false;
  #pause = 0;
  #limits;
  #about;
  #onChange;

  /* about: gives `{reviewer, keep}` as the person has set them. */
  constructor(limits, about, onChange) {
    this.#limits = limits;
    this.#about = about;
    this.#onChange = onChange;
  }

  get counts() {
    return { saved: this.#saved, waiting: this.#queue.length, refused: this.#refused.size, pause: this.#pause };
  }

  /* Say what is right of a post: `labels` by head (null: none applies), `wrong`: heads of which it is not known. */
  add(post, { labels = {}, wrong = [] }) {
    const { reviewer, keep } = this.#about();
    const heads = [...Object.keys(labels), ...wrong];
    const body = {
      answer: post.result.answer,
      labels,
      ...(wrong.length ? { wrong } : {}),
      ...(reviewer ? { reviewer } : {}),
      time: new Date().toISOString(),
      saw_answer: true,
      ...(keep && post.text && !post.stored ? { text: post.text } : {}),
      id: newId(),
    };
    const entry = { body, post, heads, message: "" };
    const earlier = new Set(heads.map((head) => post.judged.get(head)?.entry).filter((each) => this.#refused.has(each)));
    for (const head of heads) post.judged.set(head, { entry, label: wrong.includes(head) ? undefined : labels[head] });
    for (const each of earlier) this.#reduce(each);
    this.#send([entry]);
  }

  /* Leave to what was refused only the heads of which nothing else was said since. It is other feedback then, which
     under its old id the service would take for a contradiction. */
  #reduce(entry) {
    const { body, post } = entry;
    const heads = entry.heads.filter((head) => post.judged.get(head).entry === entry);
    if (heads.length === entry.heads.length) return;
    if (!heads.length) this.#refused.delete(entry);
    entry.heads = heads;
    entry.body = {
      ...body,
      labels: Object.fromEntries(Object.entries(body.labels).filter(([head]) => heads.includes(head))),
      ...(body.wrong ? { wrong: body.wrong.filter((head) => heads.includes(head)) } : {}),
      id: newId(),
    };
  }

  /* Send what was refused once more, under the same ids. */
  again() {
    const entries = [...this.#refused];
    this.#refused.clear();
    this.#send(entries);
  }

  #send(entries) {
    for (const entry of entries) this.#become(entry, WAITING);
    this.#queue.push(...entries);
    this.#onChange();
    this.#pump();
  }

  async #pump() {
    if (this.#busy) return;
    this.#busy = true;
    let alone = false;
    while (this.#queue.length) {
      const [batch] = alone ? [[this.#queue[0]]] : batches(this.#queue, this.#limits, ({ body }) => bytesOf(body));
      try {
        const answer = await patiently(() => sendFeedback(batch.map(({ body }) => body)), { onWait: (seconds) => this.#wait(seconds) });
        this.#settle(batch, (index) => answer.results.find((result) => result.index === index));
      } catch (error) {
        // One that is wrong in itself must not keep the others from being saved.
        if (batch.length > 1) alone = true;
        else this.#settle(batch, () => ({ error }));
      }
    }
    this.#busy = false;
  }

  #settle(batch, resultOf) {
    this.#pause = 0;
    this.#queue.splice(0, batch.length);
    for (const [index, entry] of batch.entries()) {
      const { status, error } = resultOf(index) ?? {};
      if (status === "ok") this.#saved += entry.heads.length;
      else {
        this.#refused.add(entry);
        this.#reduce(entry); // by what was said while it was under way
      }
      this.#become(entry, status === "ok" ? SAVED : REFUSED, error?.message ?? "the service said nothing of it");
    }
    this.#onChange();
  }

  #wait(seconds) {
    this.#pause = seconds;
    this.#onChange();
  }

  #become(entry, state, message = "") {
    Object.assign(entry, { state, message });
    entry.post.refresh?.(entry.heads);
  }
}

/* randomUUID is there over TLS and on this machine only. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
