/* The labels of one post: confidence against threshold, and what a person says of each. */

import { announce, h, icon, percent, styled, words } from "./elements.js";
import { chooseLabel } from "./choice_dialog.js";
import { REFUSED, SAVED } from "./corrections.js";

/* A row for each label, and a button that confirms those of which nothing was said yet.
   tools: `{heads, corrections}`, the latter `null` where nobody can correct. */
export function labelRows(post, tools) {
  const rows = new Map(Object.entries(post.result.labels).map(([name, said]) => [name, row(post, name, said, tools)]));
  const open = () => Object.entries(post.result.labels).filter(([name]) => !post.judged.has(name));
  const confirm = tools.corrections && h("button", { type: "button", class: "quiet", onclick: () => {
    tools.corrections.add(post, { labels: Object.fromEntries(open().map(([name, { label }]) => [name, label])) });
  } });
  const rename = () => {
    confirm.textContent = post.judged.size ? "The others are right" : "All are right";
    const focused = document.activeElement === confirm;
    confirm.hidden = open().length < 2;
    if (focused && confirm.hidden) [...rows.values()].at(-1).element.querySelector("button").focus();
  };
  post.refresh = (names) => {
    for (const name of names) rows.get(name)?.refresh();
    rename();
  };
  if (confirm) rename();
  return [h("ul", { class: "labels" }, [...rows.values()].map(({ element }) => element)), confirm];
}

function row(post, name, said, tools) {
  const accepted = said.decision === "accept";
  const label = h("span", { class: "label", title: tools.heads.definition(name, said.label) || null });
  const right = judging("right", `${words(name)} ${words(said.label)} is right`, () => judge({ label: said.label }));
  const wrong = judging("wrong", `${words(name)} ${words(said.label)} is wrong`, async () => {
    // A model that was replaced a moment ago may have heads of which this page knows nothing.
    const head = tools.heads.get(name) ?? { name, labels: [] };
    const choice = await chooseLabel(head, said, post.text);
    if (choice) judge(choice);
  });
  const judge = ({ label: chosen, unknown }) => tools.corrections.add(post, unknown ? { wrong: [name] } : { labels: { [name]: chosen } });
  const element = h("li", { class: accepted ? "accepted" : "below" },
    h("span", { class: "head soft" }, words(name)), label,
    styled(h("span", { class: "bar", "aria-hidden": "true" }, h("i")), { share: said.confidence, threshold: said.threshold }),
    h("span", { class: "number", title: `threshold ${percent(said.threshold)}` }, percent(said.confidence),
      h("span", { class: "hidden" }, accepted ? "," : ", below", ` threshold ${percent(said.threshold)}`)),
    tools.corrections && h("span", { class: "judgement" }, right, wrong));

  const refresh = () => {
    const judged = post.judged.get(name);
    label.replaceChildren(...meaning(judged, said));
    right.setAttribute("aria-pressed", String(judged !== undefined && judged.label === said.label));
    wrong.setAttribute("aria-pressed", String(judged !== undefined && judged.label !== said.label));
    if (judged?.entry.state === SAVED) announce(`${words(name)}: saved`);
  };
  refresh();
  return { element, refresh };
}

const judging = (verdict, what, onclick) =>
  h("button", { type: "button", class: `round ${verdict}`, "aria-label": what, title: verdict, onclick }, icon(verdict));

/* What was answered, what the person says instead, and whether that is stored. */
function meaning(judged, said) {
  if (!judged) return [words(said.label)];
  const { label, entry } = judged;
  const other = label === undefined ? "not this" : label === null ? "none" : words(label);
  const states = { [SAVED]: "saved", [REFUSED]: `not saved: ${entry.message}` };
  return [
    ...(label === said.label ? [words(said.label)] : [h("s", {}, words(said.label)), " ", h("strong", {}, other)]), " ",
    h("small", { class: entry.state === REFUSED ? "fault" : "soft" }, states[entry.state] ?? "saving …"),
  ];
}
