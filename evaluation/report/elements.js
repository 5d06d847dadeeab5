"use strict";

/* Elements, numbers and scales. A text becomes a text node: nothing in the data is ever read as markup. */

const FIGURES = JSON.parse(document.getElementById("figures").textContent);
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const h = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const s = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const NOTHING = "–";

const count = (value) => grouped.format(value);
const decimals = (value, digits = 3) => (value === null ? NOTHING : value.toFixed(digits));
const percent = (share, digits = 1) => (share === null ? NOTHING : `${(100 * share).toFixed(digits)}\u00a0%`);
const between = (low, high, digits = 1) =>
  low === null ? "" : `${(100 * low).toFixed(digits)} to ${(100 * high).toFixed(digits)}\u00a0%`;
const posts = (number) => `${count(number)} ${number === 1 ? "post" : "posts"}`;

const linear = (from, to, start, end) => (value) => start + ((value - from) / (to - from)) * (end - start);

/* Round numbers, at most seven of them. */
function ticks(least, most) {
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1].find((each) => (most - least) / each < 6.5) ?? 0.2;
  const first = Math.ceil(least / step - 1e-9), last = Math.floor(most / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, place) => (first + place) * step);
}

/* Axes in per cent, both from `least`, up to 1 and to `most`; gives the root, both scales and the edges of the plot. */
function axes(width, height, { least = 0, most, across, up, label }) {
  const left = 46, right = 10, top = 22, bottom = 44;
  const x = linear(least, 1, left, width - right);
  const y = linear(least, most, height - bottom, top);
  const shown = (share) => `${+(100 * share).toFixed(1)}\u00a0%`;
  const root = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ticks(least, most).map((share) => [
      s("line", { class: "grid", x1: left, x2: width - right, y1: y(share), y2: y(share) }),
      s("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, shown(share)),
    ]),
    ticks(least, 1).map((share) => s("text", { x: x(share), y: height - bottom + 18, "text-anchor": "middle" }, shown(share))),
    s("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, across),
    s("text", { x: 0, y: 10 }, up),
  );
  return { root, x, y, left, right: width - right, top, bottom: height - bottom };
}

/* A chart that is drawn anew where there is more or less room; `draw` takes a width and gives an svg. */
function chart(draw) {
  const host = h("div", { class: "host" });
  let width = 480;
  const redraw = () => host.replaceChildren(draw(width));
  new ResizeObserver(([entry]) => {
    const room = Math.round(entry.contentRect.width);
    if (room > 0 && room !== width) { width = room; redraw(); }
  }).observe(host);
  redraw();
  return { host, redraw };
}

/* A name that may break after its underscores. */
const breakable = (text) => text.split(/(?<=_)/).flatMap((part) => [part, h("wbr")]);

const tile = (name, value, more = null, kind = null) =>
  h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value), more && h("dd", { class: "more" }, more));
const block = (title, explanation, ...children) =>
  h("div", { class: "block" }, h("h3", {}, title), explanation && h("p", {}, explanation), children);
