/* Elements, numbers and words. A text becomes a text node: nothing that a post says is ever read as markup. */

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const s = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
export const byId = (id) => document.getElementById(id);

const ICONS = { right: "M3 8.5l3.2 3.2L13 5", wrong: "M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6" };
export const icon = (name) =>
  s("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: ICONS[name] }));

/* An element with custom properties: a style attribute would be refused by the page's content security policy. */
export function styled(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(`--${name}`, value);
  return element;
}

const grouped = new Intl.NumberFormat("en-GB");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export const count = (value) => grouped.format(value);
export const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
export const timeOfDay = (iso) => clock.format(new Date(iso));

/* A machine's name as words. */
export const words = (name) => String(name).replaceAll("_", " ");

/* What a screen reader says at the next pause. */
export function announce(text) {
  byId("announced").textContent = text;
}
