/* The view in which the posts that need a person are taken, a few at a time, and judged. */

import { announce, byId, count, counted, h, timeOfDay, words } from "./elements.js";
import { chooser } from "./results.js";
import { labelRows } from "./label_rows.js";
import { placing, quotation, remarks } from "./post_card.js";
import { claim, patiently, release, reviewList } from "./service.js";

const AT_A_TIME = 10;
const LISTED = 20;
const TRIES = 3;
const ALL = "";

let wanted = {}; // labels by head
let tools, fault, reviewer;

/* Show the list. given: `{heads, corrections, feedback}`; showFault: shows a message; name: gives the person's name. */
export async function reviewView(given, showFault, name) {
  [tools, fault, reviewer] = [given, showFault, name];
  if (given.feedback?.store_text) await tried(showList);
  else show(switchedOff(given.feedback));
}

const show = (...content) => byId("review-content").replaceChildren(...content.flat().filter(Boolean));

async function tried(action) {
  try {
    fault("");
    await action();
  } catch (error) {
    fault(error.message, () => tried(action));
  }
}

const asked = (ask) => patiently(ask, { tries: TRIES });

/* Posts, each with the heads of the model that answered it, which may be another than the one in service now. `every`
   has those of all posts that wait. */
async function askedPosts(ask) {
  const { posts, models, ...counts } = await asked(ask);
  const byKey = new Map(Object.entries(models).map(([key, { heads }]) => [key, tools.heads.as(heads)]));
  return { ...counts, every: [...byKey.values()], posts: posts.map((entry) => ({ ...entry, heads: byKey.get(entry.model_key) })) };
}

function switchedOff(feedback) {
  const why = feedback?.on ? "it stores corrections, but no posts" : "it stores no corrections";
  return [h("p", {}, `This service has no review list: ${why}. Start it with `, h("code", {}, "triage serve --store-text"),
    feedback?.on ? "" : [" and a store for ", h("code", {}, "feedback")],
    ", and the posts that need a person wait here, their personal data masked.")];
}

async function showList() {
  const list = await askedPosts(() => reviewList(wanted, LISTED));
  show(
    h("p", { class: "lead" }, list.open ? [h("strong", {}, counted(list.open, "post")), ` ${list.open === 1 ? "waits" : "wait"} for a person`,
      list.claimed > 0 && `; somebody looks at ${count(list.claimed)} of them`, "."] : "No post waits for a person."),
    filters([tools.heads, ...list.every]),
    h("div", { class: "actions" },
      list.open > 0 && h("button", { type: "button", class: "primary", onclick: take }, `Take up to ${count(AT_A_TIME)}`),
      h("button", { type: "button", class: "quiet", onclick: () => tried(showList) }, "Refresh")),
    list.posts.length > 0 && h("ol", { class: "posts", "aria-label": "Most useful first" }, list.posts.map(listed)));
}

/* What is filtered by stays there, whatever model is in service by now. */
function filters(every) {
  const { owner, ordinal } = tools.heads;
  const names = new Set([...(owner ? [owner] : []), ...ordinal.map(({ name }) => name), ...Object.keys(wanted)]);
  const choosers = [...names].map((name) => {
    const known = every.flatMap((heads) => heads.get(name)?.labels ?? []).map((label) => label.name);
    const labels = new Set(name in wanted ? [...known, wanted[name]] : known);
    const options = [[ALL, "all"], ...[...labels].map((label) => [label, words(label)])];
    const field = chooser(name, options, async ({ target }) => {
      const { [name]: _, ...others } = wanted;
      wanted = target.value === ALL ? others : { ...others, [name]: target.value };
      await tried(showList);
      byId("review-content").querySelector(`select[name="${name}"]`)?.focus();
    });
    field.querySelector("select").value = wanted[name] ?? ALL;
    return field;
  });
  return h("div", { class: "tools" }, choosers);
}

function listed(entry) {
  const taken = entry.claimed_by !== null && h("span", { class: "chip taken" }, `with ${entry.claimed_by} until ${timeOfDay(entry.claimed_until)}`);
  return h("li", { class: "post" }, said(asPost(entry), taken));
}

const said = (post, ...more) =>
  h("div", {}, h("p", { class: "chips" }, placing(post.result, post.heads), more), quotation(post.text));

/* Claim the most useful posts, those first that the person has already, and judge them. */
function take() {
  if (!reviewer()) {
    fault("Type your name first, so that others see who looks at a post.");
    byId("reviewer").focus();
    return undefined;
  }
  return tried(async () => {
    const { posts } = await askedPosts(() => claim({ reviewer: reviewer(), count: AT_A_TIME, labels: wanted }));
    if (posts.length) judge(posts, 0, reviewer());
    else await leave("Somebody else looks at all of these.");
  });
}

/* Back to the list, with what a screen reader says of it. */
async function leave(news) {
  await showList();
  announce(news);
  byId("review-title").focus();
}

/* Show the post at a place among those claimed, and go on to the next. */
function judge(claimed, place, holder) {
  const entry = claimed[place];
  const post = asPost(entry);
  const card = h("article", { class: "post", "aria-label": `Post ${count(place + 1)}` },
    h("div", {}, said(post), remarks(post)), h("div", { class: "answer" }, labelRows(post, { ...tools, heads: post.heads })));
  const rest = () => claimed.slice(place).filter(({ answer }) => answer !== entry.answer || !post.judged.size).map(({ answer }) => answer);
  const next = h("button", { type: "button", onclick: () => tried(async () => {
    if (!post.judged.size) await asked(() => release({ reviewer: holder, answers: [entry.answer] }));
    const left = claimed.slice(place + 1);
    const held = left.length ? (await askedPosts(() => claim({ reviewer: holder, answers: left.map(({ answer }) => answer) }))).posts : [];
    if (held.length < left.length) announce(`${counted(left.length - held.length, "post")} went to somebody else`);
    if (held.length) judge([...claimed.slice(0, place + 1), ...held], place + 1, holder);
    else await leave(`${counted(claimed.length, "post")} done`);
  }) });
  const stop = h("button", { type: "button", class: "quiet", onclick: () => tried(async () => {
    const answers = rest();
    if (answers.length) await asked(() => release({ reviewer: holder, answers }));
    await leave(`${counted(answers.length, "post")} given back`);
  }) }, "Stop and give the rest back");
  const label = () => {
    next.textContent = post.judged.size ? "Next" : "Skip and give it back";
    next.classList.toggle("primary", post.judged.size > 0);
  };
  const { refresh } = post;
  let complete = false;
  post.refresh = (heads) => {
    refresh(heads);
    label();
    if (complete || post.judged.size < Object.keys(post.result.labels).length) return;
    complete = true;
    next.focus();
  };
  label();
  show(h("p", { class: "soft", role: "status" }, `Post ${count(place + 1)} of ${count(claimed.length)}, yours until ${timeOfDay(entry.claimed_until)}`),
    card, h("div", { class: "actions" }, next, stop));
  card.querySelector(".round")?.focus();
}

const asPost = ({ answer, text, labels, route, heads }) =>
  ({ text, heads, stored: true, judged: new Map(), result: { status: "ok", answer, labels, route } });
