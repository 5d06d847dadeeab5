/* Answers as files, in the form in which `triage classify` writes them. */

import { h } from "./elements.js";
import { formatCsv } from "./csv.js";

const ADDED = "triage";

/* Whether answers may stand under this name. */
export const isAdded = (name) => name === ADDED || name.startsWith(`${ADDED}_`);

export function saveJsonl(posts) {
  save("triage.jsonl", "application/x-ndjson", posts.map(({ row, result }) => {
    const { index: _, ...added } = result;
    return `${JSON.stringify({ ...row, [ADDED]: added })}\n`;
  }).join(""));
}

export function saveCsv(posts, heads) {
  const added = heads.all.flatMap(({ name }) => [`${ADDED}_${name}`, `${ADDED}_${name}_confidence`, `${ADDED}_${name}_decision`]);
  const others = ["action", "routed_to", "reasons", "error", "truncated"].map((name) => `${ADDED}_${name}`);
  const columns = new Set([...posts.flatMap(({ row }) => Object.keys(row)), ...added, ...others]);
  // A spreadsheet takes the mark at the beginning for UTF-8.
  save("triage.csv", "text/csv", `\ufeff${formatCsv([...columns], posts.map(({ row, result }) => ({ ...row, ...flat(result) })))}`);
}

function flat(result) {
  if (result.status !== "ok") return { [`${ADDED}_error`]: result.error.code };
  const labels = Object.entries(result.labels).flatMap(([name, { label, confidence, decision }]) => [
    [`${ADDED}_${name}`, label], [`${ADDED}_${name}_confidence`, confidence], [`${ADDED}_${name}_decision`, decision]]);
  return {
    ...Object.fromEntries(labels),
    [`${ADDED}_action`]: result.route.action,
    [`${ADDED}_routed_to`]: result.route.department,
    [`${ADDED}_reasons`]: result.route.reasons.join(" "),
    [`${ADDED}_truncated`]: result.input.truncated,
  };
}

function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
