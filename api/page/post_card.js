/* One post with its answer. */

import { count, counted, h, words } from "./elements.js";
import { ownerOf, reasonsInWords } from "./heads.js";
import { labelRows } from "./label_rows.js";
import { masked } from "./masks.js";
import { forPrograms } from "./program.js";

const LONG = 600; // characters, from which on a text is folded
const ACTIONS = { auto: "automatic", ignore: "ignored", review: "for a person" };
const WARNINGS = {
  truncated: "only its beginning was read",
  truncated_middle: "its beginning and its end were read, not what stands between",
};

export const actionInWords = (action) => ACTIONS[action] ?? words(action);

/* tools: `{heads, corrections, top}`. */
export function postCard(post, tools) {
  const { result } = post;
  const name = `Post ${count(post.number)}`;
  return h("article", { class: "post", "aria-label": name },
    h("div", { class: "said" }, h("p", { class: "chips" }, h("span", { class: "soft number" }, count(post.number)), decision(result), placing(result, tools.heads)),
      quotation(post.text), remarks(post), result.status === "ok" && readAs(post.text), forPrograms(post, tools.top)),
    result.status === "ok" && h("div", { class: "answer" }, labelRows(post, tools)));
}

/* Who acts, and the labels that have an order. */
export function placing({ status, route, labels }, heads) {
  if (status === "error") return [];
  const ordinal = heads.ordinal.filter(({ name }) => name in labels);
  return [heads.owner && h("span", { class: "chip" }, ownerOf(route)), ordinal.map(({ name }) => h("span", { class: "chip" }, words(labels[name].label)))];
}

const decision = ({ status, route }) => (status === "error"
  ? h("span", { class: "chip failed" }, "failed") : h("span", { class: `chip ${route.action}` }, actionInWords(route.action)));

export function quotation(text) {
  const quote = h("blockquote", {}, text || h("span", { class: "soft" }, "(empty)"));
  if (text.length <= LONG) return quote;
  quote.classList.add("folded");
  const button = h("button", { type: "button", class: "quiet", "aria-expanded": "false", onclick: () => {
    const folded = quote.classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!folded));
    button.textContent = folded ? "Show all" : "Show less";
  } }, "Show all");
  return [quote, button];
}

/* Why a person is asked, what was not read, what failed. */
export function remarks({ result }) {
  if (result.status === "error") return h("p", { class: "remark fault" }, result.error.message);
  const reasons = reasonsInWords(result.route.reasons, result.labels);
  const warnings = (result.warnings ?? []).map((warning) => WARNINGS[warning] ?? words(warning));
  return [
    reasons && h("p", { class: "remark" }, reasons),
    warnings.length > 0 && h("p", { class: "remark" }, "long: ", warnings.join("; "), ` (${counted(result.input.tokens, "token")})`),
  ];
}

function readAs(text) {
  const { read, found } = masked(text) ?? { found: [] };
  if (!found.length) return null;
  const what = found.map(({ kind, number }) => counted(number, kind, kind.endsWith("s") ? `${kind}es` : `${kind}s`));
  return h("details", {}, h("summary", {}, "Masked before it was read: ", what.join(", ")), h("blockquote", {}, read));
}
