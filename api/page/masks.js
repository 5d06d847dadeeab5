/* What the service masks in a text before the model reads it, as data/normalise.py does it. Only for texts of which that
   can be told exactly: plain letters and signs, no entities, no emoji, nothing that Unicode would compose. */

const UNSURE = /[^\t\n\r\u0020-\u007e\u00a0-\u00a8\u00aa-\u00ac\u00af-\u012f\u0132-\u017e\u2010-\u2027\u2030-\u203a\u20ac]|&(?![\s&]|$)/u;
const MASKS = [
  ["link", "[link]", /(?:https?:\/\/|www\.)\S+/gi],
  ["e-mail address", "[email]", /[\p{L}\p{N}_.+-]{1,64}@[\p{L}\p{N}_-]{1,63}(?:\.[\p{L}\p{N}_-]{1,63})+/gu],
  ["long number", "[number]", /\+?\(?\d(?:[ ()-]{0,2}\d){6,}|\d{6,}/g],
];

const folded = (text) => text.trim().split(/\s+/).join(" ");

/* The text as it is read and how much of each kind was masked in it; `null` where that cannot be told exactly. */
export function masked(text) {
  if (UNSURE.test(text)) return null;
  const found = [];
  let read = folded(text);
  for (const [kind, mask, pattern] of MASKS) {
    const number = read.match(pattern)?.length ?? 0;
    if (number) found.push({ kind, number });
    read = folded(read.replace(pattern, ` ${mask} `));
  }
  return { read, found };
}
