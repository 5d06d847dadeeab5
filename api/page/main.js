/* The page: its views, the model in service, the person and what they corrected. */

import { classifyView } from "./classify.js";
import { Corrections } from "./corrections.js";
import { byId, count, counted, h } from "./elements.js";
import { Heads } from "./heads.js";
import { reviewView } from "./review.js";
import { model, patiently } from "./service.js";

const VIEWS = ["classify", "review"];
const NAME = "reviewer";

let corrections = null; // for as long as the page is open, whatever model is in service by then

/* What is in service now. */
async function load() {
  const about = await patiently(model, { onWait: (seconds, refusal) => fault(`${refusal.message}; next try in ${seconds} s`) });
  fault("");
  const heads = new Heads(about);
  byId("asked").textContent = `Each post is given its ${heads.inWords}, with a confidence. Where that is below the threshold, a person decides.`;
  byId("keep-switch").hidden = Boolean(about.feedback?.store_text); // there nobody has the choice
  byId("kept").hidden = !about.feedback?.store_text;
  byId("served").textContent = `${about.model.name}@${about.model.version}, ${about.model.precision}`;
  if (about.feedback?.on) corrections ??= new Corrections(about.limits, person, showSaved);
  return { heads, limits: about.limits, feedback: about.feedback, corrections: about.feedback?.on ? corrections : null };
}

const person = () => ({ reviewer: byId("reviewer").value.trim(), keep: byId("keep").checked });

/* Show what went wrong, and how to try again; nothing where the message is empty. */
function fault(message, again = null) {
  byId("fault").replaceChildren(message, ...(again ? [" ", h("button", { type: "button", class: "quiet", onclick: again }, "Try again")] : []));
  byId("fault").hidden = !message;
}

function showSaved() {
  const { saved, waiting, refused, pause } = corrections.counts;
  byId("saved").textContent = [
    saved && `${counted(saved, "label")} saved`,
    waiting && (pause ? `${count(waiting)} not saved yet, next try in ${pause} s` : `${count(waiting)} being saved`),
    refused && `${count(refused)} could not be saved`,
  ].filter(Boolean).join(", ");
  byId("again").hidden = !refused;
}

async function show() {
  const view = VIEWS.find((name) => location.hash === `#${name}`) ?? VIEWS[0];
  for (const name of VIEWS) {
    byId(`${name}-view`).hidden = name !== view;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.dataset.view = view;
  if (view === "review") byId("review-title").after(byId("person"));
  else byId("results").before(byId("person"));
  document.title = view === "review" ? "Review – Triage" : "Triage";
  try {
    const served = await load();
    byId("person").hidden = !served.corrections;
    if (view === "review") await reviewView(served, fault, () => person().reviewer);
  } catch (error) {
    fault(error.message, show);
  }
}

byId("reviewer").value = remembered();
byId("reviewer").oninput = () => remember(person().reviewer);
document.querySelector(".skip").onclick = (event) => {
  event.preventDefault(); // the hash names the view
  byId("content").focus();
};
byId("person").onsubmit = (event) => event.preventDefault();
byId("again").onclick = () => corrections.again();
addEventListener("beforeunload", (event) => {
  const { waiting, refused } = corrections?.counts ?? {};
  if (waiting || refused) event.preventDefault();
});
addEventListener("hashchange", async () => {
  await show();
  scrollTo(0, 0);
  byId(`${document.body.dataset.view}-title`).focus();
});
classifyView(load, fault);
show();

/* Some browsers are told to store nothing at all. */
function remembered() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    sessionStorage.setItem(NAME, name);
  } catch {
    // then it is typed again
  }
}
