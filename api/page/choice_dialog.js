/* Asking a person which label is right, with what each of them means. */

import { byId, h, percent, words } from "./elements.js";

const MANY = 8; // labels, from which on they can be searched

/* `{label}` (null: none applies), `{unknown: true}`, or `null` where the person chose nothing.
   said: the answer to the head, whose likelier labels come first. */
export function chooseLabel(head, said, text) {
  const dialog = byId("choice"), find = byId("choice-find"), list = byId("choice-labels");
  byId("choice-title").textContent = `Which ${words(head.name)} is right?`;
  byId("choice-text").textContent = text;
  byId("choice-search").hidden = head.labels.length < MANY;
  find.value = "";
  return new Promise((resolve) => {
    let chosen = null;
    const choose = (choice) => { chosen = choice; dialog.close(); };
    const options = inOrder(head, said).map((label) => option(label, said, () => choose({ label: label.name })));
    list.replaceChildren(...options);
    byId("choice-none").hidden = !head.optional;
    byId("choice-none").onclick = () => choose({ label: null });
    byId("choice-unknown").onclick = () => choose({ unknown: true });
    byId("choice-cancel").onclick = () => dialog.close();
    find.oninput = () => {
      const wanted = words(find.value.trim().toLowerCase());
      for (const each of options) each.hidden = !words(each.textContent.toLowerCase()).includes(wanted);
    };
    find.onkeydown = (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (find.value.trim()) options.find((each) => !each.hidden)?.firstElementChild.click();
    };
    dialog.onclose = () => resolve(chosen);
    dialog.showModal();
    list.scrollTop = 0;
    (head.labels.length < MANY ? list.querySelector("button") : find)?.focus();
  });
}

function inOrder(head, said) {
  const likely = [...(said.label_set ?? []), ...(said.alternatives ?? []).map(({ label }) => label)];
  const first = head.kind === "ordinal" ? [] : [...new Set(likely)];
  const rank = ({ name }) => (first.includes(name) ? first.indexOf(name) : first.length);
  return head.labels.filter(({ name }) => name !== said.label).sort((one, other) => rank(one) - rank(other));
}

function option({ name, definition }, said, onclick) {
  const confidence = said.alternatives?.find(({ label }) => label === name)?.confidence;
  return h("li", {}, h("button", { type: "button", onclick },
    h("strong", {}, words(name)),
    confidence !== undefined && h("span", { class: "number soft" }, percent(confidence)),
    definition && h("span", { class: "soft definition" }, definition)));
}
