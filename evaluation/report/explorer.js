/* The risk-coverage curve with the slider that moves the threshold along it. */

const plan = FIGURES.plan;
const planned = []; // what to do when the plan changes

function explorer(name, curve, explanation) {
  const last = curve.thresholds.length - 1;
  const coverage = (cut) => curve.handled[cut] / curve.posts;
  const error = (cut) => (curve.judged[cut] ? curve.errors[cut] / curve.judged[cut] : null);
  let cut = curve.start;

  const drawn = chart((width) => {
    const most = greatest(curve);
    const area = axes(width, 300, { most, across: "coverage: posts handled without a person", up: "error among them",
      label: `Error against coverage of ${name}; the slider below tells the same figures.` });
    const clip = `clip-${name}`;
    const cuts = curve.thresholds.map((_, place) => place).filter((place) => curve.judged[place]);
    const path = (values) => cuts.map((place) => `${area.x(coverage(place))},${area.y(values(place))}`);
    const high = path((place) => curve.high[place]), low = path((place) => curve.low[place]).reverse();
    area.root.append(
      s("clipPath", { id: clip }, s("rect", { x: area.left, y: area.top, width: area.right - area.left, height: area.bottom - area.top + 2 })),
      s("g", { "clip-path": `url(#${clip})` },
        s("polygon", { class: "band", points: [...high, ...low].join(" ") }),
        s("polyline", { class: "line", points: path(error).join(" ") })),
    );
    const { policy } = curve;
    if (policy.judged) {
      const at = Math.min(policy.errors / policy.judged, most);
      area.root.append(s("circle", { class: "policy", r: 5, cx: area.x(policy.handled / curve.posts), cy: area.y(at) },
        s("title", {}, `the policy: coverage ${percent(policy.handled / curve.posts)}, error ${percent(policy.errors / policy.judged, 2)}`)));
    }
    const here = area.x(coverage(cut));
    area.root.append(s("line", { class: "now", x1: here, x2: here, y1: area.top, y2: area.bottom }));
    if (error(cut) !== null) area.root.append(s("circle", { class: "now-dot", r: 6, cx: here, cy: area.y(Math.min(error(cut), most)) }));
    const steer = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const box = area.root.getBoundingClientRect();
      const wanted = (((event.clientX - box.left) / box.width) * width - area.left) / (area.right - area.left);
      move(nearest(curve, wanted));
    };
    area.root.append(s("rect", { class: "steer", fill: "transparent", x: area.left, y: area.top, width: area.right - area.left,
      height: area.bottom - area.top, onpointerdown: steer, onpointermove: steer }));
    return area.root;
  });

  const figures = {};
  const shown = (key, title, kind = null) => {
    figures[key] = { value: h("output", { "data-figure": key, "aria-live": "off" }), more: h("dd", { class: "more" }) };
    return h("div", { class: kind }, h("dt", {}, title), h("dd", {}, figures[key].value), figures[key].more);
  };
  const write = (key, value, text, more = "") => {
    figures[key].value.setAttribute("data-value", value ?? "");
    figures[key].value.textContent = text;
    figures[key].more.textContent = more;
  };
  const slider = h("input", { type: "range", id: `slider-${name}`, "aria-label": `Threshold of ${name}`, min: 0, max: last, step: 1, value: cut,
    oninput: () => move(Number(slider.value)) });
  const tiles = h("dl", { class: "tiles" },
    shown("threshold", "Threshold"), shown("coverage", "Coverage", "key"), shown("error", "Error among them", "fault"),
    shown("to_review", "To review a day"), shown("reviewers", "Reviewers"), curve.costs && shown("cost", "Cost of 1,000 posts"));

  function update() {
    const reviewed = plan.volume * (1 - coverage(cut));
    const reviewers = (reviewed * plan.minutes) / 60 / plan.hours;
    write("threshold", curve.thresholds[cut], String(curve.thresholds[cut]), "confidence from which nobody looks");
    write("coverage", coverage(cut), percent(coverage(cut)), `${count(curve.handled[cut])} of ${posts(curve.posts)}`);
    write("error", error(cut), percent(error(cut), 2), curve.judged[cut] ? `95 %: ${between(curve.low[cut], curve.high[cut], 2)}` : "no post to judge by");
    figures.error.value.setAttribute("data-low", curve.low[cut]);
    figures.error.value.setAttribute("data-high", curve.high[cut]);
    write("to_review", reviewed, count(reviewed), `of ${posts(plan.volume)}`);
    write("reviewers", reviewers, tenths.format(reviewers), `at ${plan.hours} h a day`);
    if (curve.costs) write("cost", curve.costs[cut], tenths.format(curve.costs[cut]));
    slider.setAttribute("aria-valuetext",
      `threshold ${curve.thresholds[cut]}, coverage ${percent(coverage(cut))}, error ${percent(error(cut), 2)}, ${tenths.format(reviewers)} reviewers`);
  }

  function move(to) {
    cut = Math.max(0, Math.min(last, to));
    slider.value = cut;
    update();
    drawn.redraw();
  }

  planned.push(update);
  update();
  return h("div", { class: "block explorer", "data-explorer": name },
    h("h3", {}, "What a threshold buys"), h("p", { class: "soft" }, explanation),
    h("div", { class: "stage" },
      h("div", {}, drawn.host, h("div", { class: "slide" }, slider, h("span", { "aria-hidden": "true" }, "← stricter"),
        h("button", { type: "button", onclick: () => move(curve.start) }, "As in the policy"), h("span", { "aria-hidden": "true" }, "looser →"))),
      tiles),
    planInputs(name));
}

/* The same plan stands beside every slider. */
function planInputs(name) {
  const field = (key, title, least, step) => {
    const input = h("input", { type: "number", id: `${key}-${name}`, min: least, step, value: plan[key], oninput: () => {
      if (!(input.valueAsNumber >= least)) return;
      plan[key] = input.valueAsNumber;
      for (const change of planned) change();
    } });
    planned.push(() => { if (input !== document.activeElement) input.value = plan[key]; });
    return h("label", { for: `${key}-${name}` }, title, input);
  };
  return h("div", { class: "plan", role: "group", "aria-label": "Workload" },
    field("volume", "Posts a day", 0, 100), field("minutes", "Minutes a review", 0, 0.5), field("hours", "Hours a day", 0.5, 0.5));
}

/* Where few posts are handled the interval is wide; the axis leaves that part out. */
function greatest(curve) {
  const told = curve.high.filter((_, cut) => curve.handled[cut] >= 0.15 * curve.posts && curve.judged[cut]);
  const most = Math.min(1, Math.max(0.01, ...told) * 1.05);
  return most;
}

function nearest(curve, coverage) {
  let best = 0;
  curve.handled.forEach((handled, cut) => {
    if (Math.abs(handled / curve.posts - coverage) < Math.abs(curve.handled[best] / curve.posts - coverage)) best = cut;
  });
  return best;
}
