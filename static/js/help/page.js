// The help page: a search field that filters sections and shortcuts.

import { requireElement, setText } from "../base/dom.js";
import { bind, listenForKeys } from "../base/keys.js";

/** @typedef {{row: HTMLElement, text: string, keys: string[]}} Row */

const field = /** @type {HTMLInputElement} */ (requireElement("#find"));
const sections = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-section]"))].map(
  (section) => ({
    section,
    title: readText(section, "h2"),
    text: readText(section, "p"),
    table: /** @type {HTMLElement|null} */ (section.querySelector("table")),
    rows: [.../** @type {NodeListOf<HTMLElement>} */ (section.querySelectorAll("tbody tr"))].map(readRow),
  }),
);

/** @param {ParentNode} parent @param {string} selector */
function readText(parent, selector) {
  return requireElement(selector, parent).textContent.toLowerCase();
}

/** @param {HTMLElement} row @returns {Row} */
function readRow(row) {
  const shown = [...row.querySelectorAll("kbd")].map(({ textContent }) => textContent);
  const keys = [...shown, ...(row.dataset.presses ?? "").split(" ")].map((key) => key.toLowerCase());
  return { row, text: readText(row, "td:last-child"), keys };
}

/** Return whether a word of the search is in the text, or is one of the keys. @param {string} word @param {Row} row */
const isIn = (word, { text, keys }) => (word.length > 1 && text.includes(word)) || keys.includes(word);

function filter() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  let hasAny = false;
  for (const { section, title, text, table, rows } of sections) {
    const rest = words.filter((word) => word.length === 1 || !title.includes(word));
    const found = rows.filter((row) => rest.every((word) => isIn(word, row)));
    for (const { row } of rows) row.hidden = true;
    for (const { row } of found) row.hidden = false;
    if (table) table.hidden = !found.length;
    section.hidden = !found.length && !rest.every((word) => word.length > 1 && text.includes(word));
    count += found.length;
    hasAny ||= !section.hidden;
  }
  setText(requireElement("[data-count]"), words.length ? `${count} shortcut${count === 1 ? "" : "s"}` : "");
  requireElement("[data-none]").hidden = hasAny;
}

requireElement("[data-find]").hidden = false;
field.addEventListener("input", filter);
listenForKeys([bind("search", () => field.focus())]);
filter();
