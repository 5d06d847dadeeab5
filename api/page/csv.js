/* Tables of text, as RFC 4180 describes them, and as spreadsheets write them. */

const DELIMITERS = [",", ";", "\t"];
const FORMULA = /^[=+\-@\t\r]/; // to a spreadsheet, as data/reviewing/suspects.py has it
const NEGATIVE = /^-\d[\d.,]*$/; // a column of numbers that came as text is to stay one

/* Columns and rows of a table whose first line names the columns; `uneven` counts rows of another length, `renamed` are
   columns whose name another one had already. */
export function parseCsv(text) {
  const [header = [], ...records] = recordsOf(text, delimiterOf(text));
  const names = header.map((name, place) => name.trim() || `column ${place + 1}`);
  const columns = distinct(names);
  const rows = records.map((cells) => Object.fromEntries(columns.map((name, place) => [name, cells[place] ?? ""])));
  return {
    columns, rows,
    uneven: records.filter((cells) => cells.length !== columns.length).length,
    renamed: columns.filter((name, place) => name !== names[place]),
  };
}

/* Names with a number where one stands twice. */
function distinct(names) {
  const taken = new Set(names), met = new Set();
  return names.map((name) => {
    let other = name;
    for (let number = 2; met.has(name) && taken.has(other); number += 1) other = `${name} ${number}`;
    met.add(name);
    taken.add(other);
    return other;
  });
}

/* For spreadsheets too: before a text that one would take for a formula stands an apostrophe. */
export function formatCsv(columns, rows) {
  const line = (cells) => cells.map(quoted).join(",");
  return [line(columns), ...rows.map((row) => line(columns.map((name) => row[name])))].join("\r\n") + "\r\n";
}

function quoted(value) {
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : shielded(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const isFormula = (text) => FORMULA.test(text) && !NEGATIVE.test(text);
const shielded = (value) => (typeof value === "string" && isFormula(value) ? `'${value}` : String(value));

/* A cell that `formatCsv` wrote, as it was before. */
export const bare = (cell) => (cell.startsWith("'") && isFormula(cell.slice(1)) ? cell.slice(1) : cell);

/* The one that most cells of the first record end with. */
function delimiterOf(text) {
  const width = (delimiter) => recordsOf(text, delimiter, 1)[0]?.length ?? 0;
  return DELIMITERS.reduce((best, each) => (width(each) > width(best) ? each : best));
}

function recordsOf(text, delimiter, most = Infinity) {
  const records = [];
  let cells = [], cell = "", inQuotes = false, wasQuoted = false;
  const endCell = () => { cells.push(cell); cell = ""; wasQuoted = false; };
  const endRecord = () => {
    const blank = cells.length === 0 && cell === "" && !wasQuoted;
    endCell();
    if (!blank) records.push(cells);
    cells = [];
  };
  for (let place = 0; place < text.length && records.length < most; place += 1) {
    const sign = text[place];
    if (inQuotes) {
      if (sign !== '"') cell += sign;
      else if (text[place + 1] === '"') { cell += sign; place += 1; }
      else inQuotes = false;
    } else if (sign === '"' && cell === "") { inQuotes = true; wasQuoted = true; }
    else if (sign === delimiter) endCell();
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[place + 1] === "\n") place += 1;
      endRecord();
    } else cell += sign;
  }
  if (records.length < most && (cell !== "" || wasQuoted || cells.length)) endRecord();
  return records;
}
