/* Reliability, confusion, labels, slices and single posts of a head. */

function reliability(head) {
  const bins = head.reliability;
  const least = Math.min(0.8, Math.floor(10 * Math.min(...bins.flatMap((bin) => [bin.low, bin.from]))) / 10);
  const drawn = chart((width) => {
    const area = axes(width, 300, { least, most: 1, across: "confidence", up: "share that is right",
      label: `Reliability of ${head.name} in ${bins.length} bins of equal mass; the table below holds the figures.` });
    area.root.append(s("line", { class: "ideal", x1: area.x(least), y1: area.y(least), x2: area.x(1), y2: area.y(1) }),
      ...bins.map((bin) => s("g", {},
        s("title", {}, `${posts(bin.posts)}: confidence ${percent(bin.confidence)}, right ${percent(bin.right)} (95 %: ${between(bin.low, bin.high)})`),
        s("line", { class: "extent", x1: area.x(bin.from), x2: area.x(bin.to), y1: area.y(bin.right), y2: area.y(bin.right) }),
        s("line", { class: "whisker", x1: area.x(bin.confidence), x2: area.x(bin.confidence), y1: area.y(bin.low), y2: area.y(bin.high) }),
        s("circle", { class: "dot", r: 4.5, cx: area.x(bin.confidence), cy: area.y(bin.right) }))));
    return area.root;
  });
  const rows = bins.map((bin) => h("tr", {}, h("th", { scope: "row" }, `${decimals(bin.from)} to ${decimals(bin.to)}`),
    [percent(bin.confidence), percent(bin.right), between(bin.low, bin.high), count(bin.posts)].map((text) => h("td", { class: "number" }, text))));
  return h("figure", {}, h("h3", {}, "Does confidence mean what it says?"),
    h("figcaption", {}, `Bins of equal mass, about ${posts(bins[0]?.posts ?? 0)} each, with 95 % intervals. On the dashed line a post of ` +
      "80 % confidence is right 80 times in 100; below it the model is too sure."),
    drawn.host,
    h("details", {}, h("summary", {}, "As a table"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Reliability of ${head.name}` },
      h("table", { class: "wide" }, h("thead", {}, h("tr", {}, ["confidence", "mean", "right", "95 %", "posts"].map((title, place) =>
        h("th", { scope: "col", class: place ? "number" : null }, title)))), h("tbody", {}, rows)))));
}

function confusion(head) {
  const { labels, confusion: counts } = head;
  const totals = counts.map((row) => row.reduce((sum, each) => sum + each, 0));
  const describe = (gold, said) => `labelled ${labels[gold]}, answered ${labels[said]}: ${posts(counts[gold][said])}` +
    (totals[gold] ? `, ${percent(counts[gold][said] / totals[gold])} of those labelled so` : "");
  const readout = h("p", { class: "readout", "aria-hidden": "true" }, "Point at a cell, or walk through the map with the arrow keys.");
  const small = labels.length <= 8;
  const columns = labels.map((label) => h("th", { scope: "col" }, h("span", {}, label)));
  const cells = [];
  const rows = labels.map((label, gold) => {
    cells.push(labels.map((_, said) => {
      const share = totals[gold] ? counts[gold][said] / totals[gold] : 0;
      const depth = Math.sqrt(share);
      const cell = h("td", { class: [gold === said && "hit", depth > 0.62 && "strong"].filter(Boolean).join(" ") || null,
        tabindex: gold || said ? -1 : 0, "aria-label": describe(gold, said), onpointerenter: () => show(gold, said), onfocus: () => show(gold, said),
        onkeydown: (event) => walk(event, gold, said) }, counts[gold][said] ? String(counts[gold][said]) : "");
      cell.style.setProperty("--share", `${100 * depth}%`);
      return cell;
    }));
    return h("tr", {}, h("th", { scope: "row", title: label }, breakable(label)), cells[gold]);
  });
  const show = (gold, said) => {
    readout.textContent = describe(gold, said);
    columns.forEach((header, place) => header.classList.toggle("lit", place === said));
    rows.forEach((row, place) => row.firstChild.classList.toggle("lit", place === gold));
  };
  const walk = (event, gold, said) => {
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
    const next = cells[gold + down]?.[said + right];
    if (!next || !(down || right)) return;
    event.preventDefault();
    cells[gold][said].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };
  const table = h("table", { class: small ? "heat small" : "heat", role: "grid", "aria-label": `Confusion of ${head.name}` },
    h("thead", {}, h("tr", {}, h("td"), columns)), h("tbody", {}, rows));
  return block("What is taken for what",
    "Rows: the label that was given. Columns: the answer. The deeper the colour, the larger the share of the row (on a square-root scale, so that rare mistakes show).",
    readout,
    h("div", { class: "scroll" }, table));
}

function mistakes({ labels, confusion: counts }) {
  const found = counts.flatMap((row, gold) => row.map((each, said) => ({ each, gold, said })))
    .filter(({ each, gold, said }) => each && gold !== said).sort((a, b) => b.each - a.each).slice(0, 8);
  return block("The most frequent mistakes", found.length ? "From the label that was given to the answer." : "There are none.",
    h("ol", { class: "mistaken" }, found.map(({ each, gold, said }) =>
      h("li", {}, h("span", {}, breakable(labels[gold]), " → ", breakable(labels[said])), h("b", {}, posts(each))))));
}

/* A share with its interval, as number and bar. */
function measure(known) {
  if (!known) return h("td", { "data-sort": -1 }, NOTHING);
  const [share, low, high, few] = known;
  return h("td", { "data-sort": share, class: few ? "few" : null }, h("div", { class: "measure" }, percent(share),
    s("svg", { viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: "track", x: 0, y: 4, width: 100, height: 4, rx: 2 }), s("rect", { class: "bar-fill", x: 0, y: 4, width: 100 * share, height: 4, rx: 2 }),
      s("line", { class: "now", x1: 100 * low, x2: 100 * high, y1: 6, y2: 6, "vector-effect": "non-scaling-stroke" })),
    h("small", {}, between(low, high), few ? " · too few to say" : "")));
}

function labelTable(head) {
  const rows = head.per_label.map((row, place) => h("tr", {}, h("th", { scope: "row", "data-sort": place }, breakable(row.label)),
    h("td", { class: "number", "data-sort": row.posts }, count(row.posts)),
    [row.precision, row.recall, row.f1].map(measure)));
  return block("Label by label", "Precision: of the posts answered so, how many are. Recall: of the posts labelled so, how many are found. With 95 % intervals.",
    sortable(`Labels of ${head.name}`, ["label", "posts", "precision", "recall", "F1"], rows));
}

function sortable(name, titles, rows) {
  const body = h("tbody", {}, rows);
  const headers = titles.map((title, column) => h("th", { scope: "col", "aria-sort": "none", class: title === "posts" ? "number" : null },
    h("button", { type: "button", onclick: () => sort(column) }, title)));
  function sort(column) {
    const before = headers[column].getAttribute("aria-sort");
    const up = before === "none" ? column === 0 : before === "descending";
    const key = (row) => Number(row.children[column].getAttribute("data-sort"));
    body.append(...[...body.children].sort((a, b) => (up ? key(a) - key(b) : key(b) - key(a))));
    headers.forEach((header, place) => header.setAttribute("aria-sort", place !== column ? "none" : up ? "ascending" : "descending"));
  }
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name },
    h("table", { class: "wide" }, h("thead", {}, h("tr", {}, headers)), body));
}

function sliceTable(slice) {
  const heads = FIGURES.heads.map((head) => head.name);
  const rows = slice.values.map((value, place) => h("tr", {}, h("th", { scope: "row", "data-sort": place }, value.name),
    h("td", { class: "number", "data-sort": value.posts }, count(value.posts)), heads.map((name) => measure(value.heads[name]))));
  return block(`By ${slice.name}`, null, sortable(`Slices by ${slice.name}`, [slice.name, "posts", ...heads], rows));
}

const FIRST = 8;

/* Single posts, the first few at once; texts only where the report holds them. */
function postList(title, explanation, entries, describe) {
  const items = entries.map((entry, place) => h("li", { hidden: place >= FIRST },
    h("div", {}, h("div", { class: "labels" }, describe(entry)),
      h("div", { class: "source", title: entry.origin }, [entry.id, entry.origin?.split(/[\\/]/).at(-1)].filter(Boolean).join(" · ") || `post ${entry.row + 1}`)),
    entry.text !== undefined && h("blockquote", {}, entry.text)));
  const more = entries.length > FIRST && h("button", { type: "button", onclick: () => {
    items.forEach((item) => { item.hidden = false; });
    more.remove();
  } }, `Show all ${entries.length}`);
  return block(title, entries.length ? explanation : "None was found.", entries.length ? h("ol", { class: "posts" }, items) : null, more || null);
}

const errorList = (head) => postList("The most confident errors",
  "Where the model was surest and differs from the label. Read these first: one of the two is wrong.", head.errors,
  ({ confidence, gold, said }) => [h("span", { class: "said" }, said), ` at ${percent(confidence)}`, h("br"), `labelled ${gold}`]);
const suspectList = (head) => postList("The likeliest label errors",
  "Labels that confident learning takes for wrong: posts like these carry another one.", head.suspects,
  ({ given, suggested, probability }) => [`labelled ${given} (${percent(probability)})`, h("br"), "rather ", h("span", { class: "said" }, suggested)]);
