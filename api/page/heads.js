/* The questions that the service answers, as GET /model tells them; nothing of any one taxonomy is known here. */

import { words } from "./elements.js";

const inARow = new Intl.ListFormat("en-GB");

export const NOBODY = "\u0000nobody"; // no label has such a name

export class Heads {
  #byName;

  constructor(model) {
    this.all = model.taxonomy.heads.map((head) => ({ ...head, labels: head.labels.map(labelOf) }));
    this.owner = model.taxonomy.routing?.owner ?? null;
    this.#byName = new Map(this.all.map((head) => [head.name, head]));
  }

  get(name) {
    return this.#byName.get(name);
  }

  /* The heads of another model, of which only names and labels are told; what they mean is what these here mean by the
     same names. */
  as(heads) {
    const known = heads.map((head) => ({ kind: this.get(head.name)?.kind, ...head,
      labels: head.labels.map((label) => ({ [label]: this.definition(head.name, label) })) }));
    return new Heads({ taxonomy: { heads: known, routing: { owner: this.owner } } });
  }

  /* Heads whose labels have an order, such as urgency. */
  get ordinal() {
    return this.all.filter((head) => head.kind === "ordinal");
  }

  get inWords() {
    return inARow.format(this.all.map(({ name }) => words(name)));
  }

  definition(head, label) {
    return this.get(head)?.labels.find(({ name }) => name === label)?.definition ?? "";
  }

  /* The place of a label in its order, -1 for one that is not known. */
  level(head, label) {
    return this.get(head)?.labels.findIndex(({ name }) => name === label) ?? -1;
  }
}

/* Who acts on a post. */
export const ownerOf = (route) => (route.department === null ? "nobody" : words(route.department));

/* Why a person is asked, in words. */
export function reasonsInWords(reasons, labels) {
  const below = Object.keys(labels).filter((head) => reasons.includes(`${head}_below_threshold`)).map(words);
  const others = reasons.filter((reason) => !below.includes(words(reason.replace(/_below_threshold$/, ""))));
  return [
    ...others.map((reason) => (reason === "out_of_scope" ? "unlike the posts that the model was made for" : words(reason))),
    ...(below.length ? [`${inARow.format(below)} ${below.length === 1 ? "is below its threshold" : "are below their thresholds"}`] : []),
  ].join("; ");
}

function labelOf(entry) {
  const [[name, definition]] = Object.entries(entry);
  return { name, definition };
}
