/* The view in which posts are given and answered. */

import { batches, bytesOf } from "./batches.js";
import { byId, count, counted, h } from "./elements.js";
import { Refusal, classify, patiently } from "./service.js";
import { showResults } from "./results.js";
import { Unreadable, filePosts, likelyColumn, pastedPosts, readFile } from "./sources.js";

const TOP = 3; // runners-up
const TRIES = 4;

let table = null; // of the file that was chosen
let run = null; // posts, their results, and what stops them

/* load: gives `{heads, limits, corrections}` as they are now; fault: shows a message. */
export function classifyView(load, fault) {
  const start = async (posts) => {
    try {
      const served = await load();
      run?.stop.abort();
      run = { posts, limits: served.limits, results: showResults({ ...served, top: TOP }), stop: new AbortController() };
    } catch (error) {
      fault(error.message);
      return;
    }
    await goOn();
  };
  byId("posts").onsubmit = (event) => {
    event.preventDefault();
    const posts = table ? filePosts(table, byId("column").value) : pastedPosts(byId("text").value, byId("whole").checked);
    fault("");
    if (posts.length) start(posts.map((post, place) => ({ ...post, number: place + 1, judged: new Map() })));
    else byId("text").focus();
  };
  byId("text").onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("posts").requestSubmit();
  };
  byId("text").oninput = byId("whole").onchange = byId("column").onchange = describe;
  byId("cancel").onclick = () => run.stop.abort();
  byId("resume").onclick = goOn;
  byId("choose").onclick = () => byId("chosen").click();
  byId("file-remove").onclick = () => take(null);
  byId("chosen").onchange = ({ target }) => {
    open(target.files[0], fault);
    target.value = "";
  };
  dropping((file) => open(file, fault));
  describe();
}

async function goOn() {
  const { posts, limits, results } = run;
  const mine = run, before = results.posts.length;
  const stop = mine.stop = new AbortController();
  progress(mine, `${count(before)} of ${counted(posts.length, "post")}`, true);
  try {
    for (const batch of batches(posts.slice(before), limits, ({ text }) => bytesOf({ text }))) {
      const answers = await answersTo(batch, stop.signal, (seconds, refusal) =>
        progress(mine, `${refusal.message}; next try in ${seconds} s`, true));
      results.add(batch.map((post, place) => Object.assign(post, answers[place])));
      progress(mine, `${count(results.posts.length)} of ${counted(posts.length, "post")}`, true);
    }
    progress(mine, `${counted(posts.length, "post")} labelled`, false);
  } catch (error) {
    const why = stop.signal.aborted ? "Cancelled" : `Stopped: ${error.message}`;
    progress(mine, `${why}. ${count(results.posts.length)} of ${counted(posts.length, "post")} are labelled.`, false);
  }
}

async function answersTo(batch, signal, onWait) {
  try {
    const { results, summary: _, ...about } = await patiently(() => classify(batch.map(({ text }) => text), TOP, signal), { signal, tries: TRIES, onWait });
    return results.map((result) => ({ result, about }));
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 413 || batch.length > 1) throw error;
    return [{ result: { index: 0, status: "error", error: { code: error.code, message: error.message } }, about: {} }];
  }
}

function progress(mine, text, running) {
  if (mine !== run) return; // another run has taken its place
  const { posts, results } = mine;
  byId("progress").hidden = false;
  byId("state").textContent = text;
  byId("done").max = posts.length;
  byId("done").value = results.posts.length;
  const pressed = [byId("cancel"), byId("resume")].includes(document.activeElement);
  byId("done").hidden = byId("cancel").hidden = !running;
  byId("resume").hidden = running || results.posts.length === posts.length;
  if (pressed) byId(running ? "cancel" : "resume").focus();
}

async function open(file, fault) {
  if (!file) return;
  try {
    take(await readFile(file));
    fault("");
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    fault(error.message);
  }
}

function take(read) {
  table = read;
  byId("file").hidden = !table;
  byId("pasted").hidden = Boolean(table);
  if (table) {
    byId("file-name").textContent = table.name;
    byId("column").replaceChildren(...table.columns.map((name) => h("option", { value: name }, name)));
    byId("column").value = likelyColumn(table);
    byId("file-column").hidden = table.columns.length < 2;
    byId("submit").focus();
  }
  describe();
}

/* What will be sent. */
function describe() {
  const posts = table ? filePosts(table, byId("column").value) : pastedPosts(byId("text").value, byId("whole").checked);
  byId("submit").textContent = posts.length ? `Classify ${counted(posts.length, "post")}` : "Classify";
  byId("whole").closest("label").hidden = Boolean(table);
  if (!table) return;
  byId("file-note").textContent = [counted(table.rows.length, "row"), ...table.notes].join("; ");
  byId("file-first").textContent = posts[0].text;
}

function dropping(onFile) {
  const cover = byId("drop");
  let depth = 0; // of elements entered
  const withFile = (action) => (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    action(event);
    cover.hidden = depth === 0;
  };
  addEventListener("dragenter", withFile(() => { depth += 1; }));
  addEventListener("dragleave", withFile(() => { depth -= 1; }));
  addEventListener("dragover", withFile(() => {}));
  addEventListener("drop", withFile(({ dataTransfer }) => { depth = 0; onFile(dataTransfer.files[0]); }));
}
