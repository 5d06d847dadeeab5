/* Where posts come from: what is pasted, and files. */

import { counted } from "./elements.js";
import { bare, parseCsv } from "./csv.js";
import { isAdded } from "./downloads.js";

const TEXT = "text";
const MOST_BYTES = 50 * 2 ** 20;
const LOOKED_AT = 100; // rows

/* A file that holds no posts; the message says why. */
export class Unreadable extends Error {}

/* Pasted posts: one a line, or `whole`: one post. */
export function pastedPosts(text, whole) {
  const posts = whole ? [text.trim()] : text.split(/\r\n|\r|\n/);
  return posts.filter((post) => post.trim()).map((post) => ({ text: post, row: { [TEXT]: post } }));
}

/* Rows of a CSV, JSONL, JSON or text file; `notes` tells what a person should know of how it was read. */
export async function readFile(file) {
  if (file.size > MOST_BYTES) {
    throw new Unreadable(`${file.name} is larger than ${MOST_BYTES / 2 ** 20} MiB: label it with triage classify`);
  }
  const { text, notes } = decoded(await contentOf(file));
  const table = withoutAnswers(tableOf(file.name, text));
  if (!table.rows.length || !table.columns.length) throw new Unreadable(`${file.name} holds no posts`);
  return { ...table, name: file.name, notes: [...notes, ...table.notes] };
}

/* The column that most likely holds the posts: the one of that name, or that of the longest texts. */
export function likelyColumn({ columns, rows }) {
  if (columns.includes(TEXT)) return TEXT;
  const length = (name) => rows.slice(0, LOOKED_AT).reduce((sum, row) => sum + textOf(row[name]).length, 0);
  return columns.reduce((best, name) => (length(name) > length(best) ? name : best));
}

export const filePosts = ({ rows }, column) => rows.map((row) => ({ text: textOf(row[column]), row }));

const textOf = (value) =>
  typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);

/* Without what has the name of an answer, such as the columns of an earlier download: it would stand there still where the
   new answer has nothing to say, as if it were part of it. */
function withoutAnswers({ columns, rows, notes }) {
  const added = [...new Set(rows.flatMap((row) => Object.keys(row).filter(isAdded)))];
  if (!added.length) return { columns, rows, notes };
  return {
    columns: columns.filter((name) => !isAdded(name)),
    rows: rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !isAdded(name)))),
    notes: [...notes, `left out, because new answers get such names: ${added.join(", ")}`],
  };
}

async function contentOf(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Unreadable(`${file.name} cannot be read; it may be a folder, of which you can choose one file`);
  }
}

function decoded(bytes) {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), notes: [] };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(bytes), notes: ["not UTF-8, read as Windows-1252"] };
  }
}

function tableOf(name, text) {
  const start = text.trimStart()[0];
  if (name.toLowerCase().endsWith(".txt")) return ofObjects(pastedPosts(text, false).map(({ row }) => row));
  if (start === "[") return ofObjects(objectsOf([text])[0] ?? []);
  if (start === "{") {
    const lines = text.split("\n").filter((line) => line.trim());
    const objects = objectsOf(lines);
    return ofObjects(objects, lines.length - objects.length);
  }
  const { uneven, renamed, columns, rows } = parseCsv(text);
  if (columns.some(isAdded)) { // a download, made safe for a spreadsheet
    for (const row of rows) for (const name of columns) row[name] = bare(row[name]);
  }
  return { columns, rows, notes: [
    ...(uneven ? [`${counted(uneven, "row")} with more or fewer cells than columns`] : []),
    ...(renamed.length ? [`columns of one name are numbered: ${renamed.join(", ")}`] : []),
  ] };
}

function objectsOf(lines) {
  return lines.flatMap((line) => {
    try {
      const value = JSON.parse(line, exactly);
      return value !== null && typeof value === "object" ? [value] : [];
    } catch {
      return [];
    }
  });
}

/* Numbers with more digits than JavaScript keeps, such as ids, stay as they were written. */
const exactly = (_, value, context) =>
  (Number.isInteger(value) && !Number.isSafeInteger(value) && JSON.rawJSON ? JSON.rawJSON(context.source) : value);

function ofObjects(objects, unreadable = 0) {
  const rows = objects.filter((row) => row !== null && typeof row === "object" && !Array.isArray(row));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row).filter((name) => typeof row[name] === "string")))];
  const missing = unreadable + objects.length - rows.length;
  return { columns, rows, notes: missing ? [`${counted(missing, "line")} left out: not JSON objects`] : [] };
}
