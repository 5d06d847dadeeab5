/* The list of answered posts: which of them are shown, and in which order. */

import { byId, count, counted, h, words } from "./elements.js";
import { saveCsv, saveJsonl } from "./downloads.js";
import { NOBODY, ownerOf } from "./heads.js";
import { postCard } from "./post_card.js";
import { ALL, tally } from "./tally.js";

const PAGE = 20; // cards that are built at a time
const AHEAD = "1000px"; // before the last of them is reached

/* Show answered posts, of which `add` brings more. tools: `{heads, corrections, top}`. */
export function showResults(tools) {
  const { heads } = tools;
  const posts = [], orders = ordersOf(heads);
  const wanted = { action: ALL, owner: ALL, text: "", levels: {} };
  let order = "given", shown = [], pages = 1;

  const list = h("div", { class: "posts" });
  const found = h("p", { class: "found", role: "status" });
  const more = h("button", { type: "button", onclick: () => { pages += 1; render(); } }, "Show more");
  const end = new IntersectionObserver((entries) => entries.at(-1).isIntersecting && more.click(), { rootMargin: AHEAD });
  const render = () => {
    placed(list, shown.slice(0, pages * PAGE).map((post) => (post.card ??= postCard(post, tools))));
    more.hidden = shown.length <= pages * PAGE;
    end.unobserve(more); // it tells only of changes, and the end may be as near as before
    end.observe(more);
    found.textContent = shown.length === posts.length ? counted(posts.length, "post") : `${count(shown.length)} of ${counted(posts.length, "post")}`;
  };
  const update = () => {
    shown = sorted(posts.filter((post) => matches(post, wanted)), orders.get(order).key);
    render();
  };
  const change = (key, holder = wanted) => ({ target }) => {
    holder[key] = target.value.trim();
    restart();
  };
  const restart = () => {
    pages = 1;
    update();
  };
  const counts = tally((action) => {
    wanted.action = action;
    restart();
  });

  const owner = heads.get(heads.owner);
  const whole = [ALL, "all"];
  const inWords = ({ name }) => [name, words(name)];
  byId("results").replaceChildren(
    h("h2", {}, "Answers"), counts.element,
    h("form", { class: "tools", role: "search", "aria-label": "Posts", onsubmit: (event) => event.preventDefault() },
      h("label", { class: "field wide" }, "Search in the posts",
        h("input", { type: "search", id: "search", autocomplete: "off", spellcheck: "false", oninput: change("text") })),
      owner && chooser(owner.name, [whole, ...owner.labels.map(inWords), [NOBODY, "nobody"]], change("owner")),
      heads.ordinal.map(({ name, labels }) => chooser(name, [whole, ...labels.map(inWords)], change(name, wanted.levels))),
      chooser("order", [...orders].map(([name, { title }]) => [name, title]), (event) => { order = event.target.value; restart(); })),
    h("div", { class: "actions" }, found,
      h("span", { class: "soft" }, "Download these"),
      h("button", { type: "button", class: "quiet", onclick: () => saveJsonl(shown), "aria-label": "Download JSONL" }, "JSONL"),
      h("button", { type: "button", class: "quiet", onclick: () => saveCsv(shown, heads), "aria-label": "Download CSV" }, "CSV")),
    list, more);
  byId("results").hidden = false;

  return { posts, add(answered) {
    posts.push(...answered);
    counts.show(posts, wanted.action);
    update();
  } };
}

export const chooser = (name, options, onchange) =>
  h("label", { class: "field" }, words(name), h("select", { name, onchange }, options.map(([value, text]) => h("option", { value }, text))));

function matches(post, { action, owner, text, levels }) {
  const { route, labels } = post.result;
  return (action === ALL || (route?.action ?? "failed") === action)
    && (owner === ALL || (route !== undefined && (route.department ?? NOBODY) === owner))
    && Object.entries(levels).every(([head, level]) => level === ALL || labels?.[head]?.label === level)
    && (text === "" || (post.searched ??= post.text.toLowerCase()).includes(text.toLowerCase()));
}

/* Make these the children of an element. What is in its place already stays untouched, and keeps the focus. */
function placed(parent, children) {
  for (const [place, child] of children.entries()) {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  }
  while (parent.children.length > children.length) parent.lastChild.remove();
}

/* Ways to sort, by name: what they are called and the number that rises; posts that failed come last. */
function ordersOf(heads) {
  const answered = (key) => (post) => (post.result.labels ? key(post.result.labels) : Infinity);
  const confidence = (labels) => Math.min(...Object.values(labels).map((said) => said.confidence));
  return new Map([
    ["given", { title: "as given", key: (post) => post.number }],
    ["unsure", { title: "least sure first", key: answered(confidence) }],
    ["sure", { title: "surest first", key: answered((labels) => -confidence(labels)) }],
    ...heads.ordinal.map(({ name, labels: levels }) => [`by ${name}`, {
      title: `${words(name)}: ${words(levels.at(-1).name)} first`,
      key: answered((labels) => -heads.level(name, labels[name]?.label)),
    }]),
  ]);
}

function sorted(posts, key) {
  const keys = new Map(posts.map((post) => [post, key(post)]));
  return posts.sort((one, other) => keys.get(one) - keys.get(other) || one.number - other.number);
}
