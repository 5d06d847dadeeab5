/* How many posts are automatic, ignored, for a person or failed; each number is a button that shows only these. */

import { count, h, styled } from "./elements.js";
import { actionInWords } from "./post_card.js";

export const ALL = "";
const ACTIONS = ["auto", "ignore", "review", "failed"];

/* onChoose is told the action whose posts are wanted, or `ALL`. */
export function tally(onChoose) {
  const split = h("div", { class: "split", "aria-hidden": "true" });
  const buttons = new Map([ALL, ...ACTIONS].map((action) => [action, button(action)]));
  const press = (wanted) => {
    for (const [action, { element }] of buttons) element.setAttribute("aria-pressed", String(action === wanted));
  };
  for (const [action, { element }] of buttons) {
    element.addEventListener("click", () => {
      press(action);
      onChoose(action);
    });
  }
  return {
    element: h("div", { class: "tally" }, split,
      h("div", { class: "parts", role: "group", "aria-label": "Decision" }, [...buttons.values()].map(({ element }) => element))),
    show(posts, wanted) {
      const counts = Object.fromEntries(ACTIONS.map((action) => [action, 0]));
      for (const { result } of posts) counts[result.route?.action ?? "failed"] += 1;
      split.replaceChildren(...ACTIONS.map((action) => styled(h("span", { class: action }), { grow: counts[action] })));
      for (const [action, { element, number }] of buttons) {
        number.textContent = count(action === ALL ? posts.length : counts[action]);
        element.hidden = action === "failed" && !counts.failed && wanted !== action;
      }
      press(wanted);
    },
  };
}

function button(action) {
  const number = h("strong");
  return { number, element: h("button", { type: "button", class: action === ALL ? "part" : `part ${action}` }, number, " ", action === ALL ? "all" : actionInWords(action)) };
}
