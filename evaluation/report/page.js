/* The page, from top to bottom. */

const READING = "The band is the exact 95 % interval, the ring the policy as it stands. " + (FIGURES.grouped
  ? "Posts of one group are counted as if they were independent, which makes the band narrower than it should be. " : "") +
  "An interval holds for a threshold that was chosen beforehand; one that is picked by looking here needs triage tune, which accounts for the search.";
const sections = [];
const section = (id, title, ...children) => {
  sections.push({ id, title });
  return h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), children);
};

function opening() {
  const { header, routing } = FIGURES;
  const lead = routing && h("p", { class: "lead" }, "Under its policy ", h("strong", {}, percent(routing.handled / header.posts)),
    " of these posts are handled without a person",
    routing.judged ? ["; ", h("strong", { class: "fault" }, percent(routing.errors / routing.judged)),
      " of them go to a wrong owner (95 % interval ", between(routing.low, routing.high), ")"] : null, ".");
  const fact = (name, value) => value && h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return [lead, ...header.notes.map((note) => h("p", { class: "note" }, note)),
    h("dl", { class: "facts" }, fact("Posts", count(header.posts)), fact("Files", header.files.join(", ")), fact("Made", header.made),
      Object.entries(header.facts).map(([name, value]) => fact(name, value)))];
}

function routingSection({ routing, header }) {
  const share = (part) => percent(part / header.posts);
  const actions = [["auto", "sent to its owner"], ["ignore", "ignored: nobody owns it"], ["review", "a person looks first"]];
  const split = h("div", { class: "split", "aria-hidden": "true" }, actions.map(([action]) => {
    const part = h("span", { class: action });
    part.style.flexGrow = routing.actions[action];
    return part;
  }));
  return section("routing", "Routing at a glance", split,
    h("ul", { class: "keys" }, actions.map(([action, meaning]) =>
      h("li", {}, h("i", { class: action }), `${share(routing.actions[action])} ${meaning}`))),
    h("dl", { class: "tiles" },
      tile("Handled without a person", share(routing.handled), posts(routing.handled), "key"),
      tile("Wrong owner among these", routing.judged ? percent(routing.errors / routing.judged, 2) : NOTHING,
        routing.judged ? `95 %: ${between(routing.low, routing.high, 2)}` : "no post to judge by", "fault"),
      routing.reasons.slice(0, 3).map(([reason, number]) => tile(reason.replaceAll("_", " "), share(number), "of all posts, for review"))),
    explorer("routing", routing.curve, "One threshold for every head; labels that nobody owns keep theirs where it is higher. " + READING));
}

function headTiles(figures) {
  const share = (title, key, kind) => figures[key] !== null && tile(title, percent(figures[key]), `95 %: ${between(...figures[`${key}_ci95`])}`, kind);
  const number = (title, key, meaning) => {
    if (figures[key] === null) return null;
    const bounds = figures[`${key}_ci95`];
    return tile(title, decimals(figures[key]), bounds ? `95 %: ${decimals(bounds[0])} to ${decimals(bounds[1])}` : meaning);
  };
  return [share("Accuracy", "accuracy", "key"), number("Macro F1", "macro_f1"), number("Calibration error", "ece", "ECE: mean gap of confidence and accuracy"),
    number("Brier score", "brier", "squared error over all labels, 0 to 2"), number("Mean distance", "mae"), number("Kappa", "qwk"),
    share("Highest level missed", "top_missed", "fault")].filter(Boolean);
}

function headSection(head) {
  return section(`head-${head.name}`, head.name,
    h("p", { class: "soft" }, `${posts(head.posts)} with a label, ${head.labels.length} labels, ${head.kind}`),
    h("dl", { class: "tiles" }, headTiles(head.figures)),
    explorer(head.name, head.curve, "One threshold for every label of this head. " + READING),
    h("div", { class: "pair" }, reliability(head), mistakes(head)), confusion(head), labelTable(head), errorList(head), suspectList(head));
}

const main = document.getElementById("report");
main.append(...opening().filter(Boolean));
if (FIGURES.routing) main.append(routingSection(FIGURES));
main.append(...FIGURES.heads.map(headSection));
if (FIGURES.slices.length) main.append(section("slices", "Slices", h("p", { class: "soft" },
  "Accuracy by part of the posts. A part whose interval reaches further than ten points to a side is too small to say."), FIGURES.slices.map(sliceTable)));
main.append(h("footer", {}, FIGURES.texts ? "This file holds texts of posts; pass it on as you would the posts." : "This file holds no text of a post.",
  " Every figure is of posts drawn like these, and of nothing else."));
document.getElementById("contents").append(...sections.map(({ id, title }) => h("a", { href: `#${id}` }, title)));

const theme = document.getElementById("theme");
const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const relabel = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-label", `Show the page ${dark() ? "light" : "dark"}`); };
theme.addEventListener("click", () => { document.documentElement.dataset.theme = dark() ? "light" : "dark"; relabel(); });
relabel();
