/* The same answer as a program gets it. */

import { h } from "./elements.js";
import { hasKey } from "./service.js";

/* What shows, once it is opened, the request of one post and its answer. top: the runners-up that were asked for. */
export function forPrograms(post, top) {
  const content = h("div");
  return h("details", { ontoggle: ({ target }) => {
    if (target.open && !content.firstChild) content.append(copyable("Request", curl(post.text, top)), copyable("Answer", envelope(post)));
  } }, h("summary", {}, "For programs"), content);
}

function curl(text, top) {
  const key = hasKey() ? ' \\\n  -H "Authorization: Bearer $TRIAGE_KEY"' : "";
  const body = JSON.stringify({ text, options: { top_k: top } }).replaceAll("'", "'\\''");
  return `curl -s ${new URL("classify", document.baseURI)}${key} \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

function envelope({ result, about }) {
  const action = result.route?.action;
  const summary = { total: 1, ok: action ? 1 : 0, failed: action ? 0 : 1 };
  for (const each of ["auto", "ignore", "review"]) summary[each] = action === each ? 1 : 0;
  return JSON.stringify({ ...about, results: [{ ...result, index: 0 }], summary }, null, 2);
}

function copyable(title, text) {
  // Pages that came over plain HTTP from another machine have no clipboard.
  const copy = navigator.clipboard && h("button", { type: "button", class: "quiet", onclick: async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
  } }, "Copy");
  return h("figure", { class: "code" }, h("figcaption", {}, title, " ", copy),
    h("pre", { tabindex: "0", role: "region", "aria-label": title }, h("code", {}, text)));
}
