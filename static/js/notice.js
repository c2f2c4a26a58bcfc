// Short remarks: at the page's lower edge for what just happened, and a note beside the thing for what went wrong.

import { h, icon } from "./dom.js";
import { ApiError } from "./api.js";

const ICONS = { ok: "check", warn: "alert", bad: "alert" };

/**
 * @param {string} text
 * @param {"ok"|"warn"|"bad"} [tone]
 */
export function toast(text, tone = "ok") {
  const holder = document.querySelector("[data-toasts]");
  if (!holder) return;
  const note = h("div", { class: `note ${tone}` }, icon(ICONS[tone]), h("span", {}, text));
  holder.append(note);
  while (holder.children.length > 3) holder.firstElementChild?.remove();
  setTimeout(() => note.remove(), tone === "bad" ? 8000 : 4000);
}

/**
 * @param {unknown} error
 * @returns {string} a sentence for people; faults of our own code are not dressed up as the server's
 */
export function explain(error) {
  if (error instanceof ApiError) return error.sentence;
  console.error(error);
  return "Something in this page went wrong. Load it again.";
}

/**
 * @param {string} title
 * @param {unknown} error
 * @param {(() => void)|null} [retry]
 * @returns {HTMLElement}
 */
export function errorNote(title, error, retry = null) {
  return h(
    "div",
    { class: "note bad", role: "alert" },
    icon("alert"),
    h("div", { class: "sp" }, h("b", {}, title), h("p", { class: "s1" }, explain(error))),
    retry && h("button", { class: "btn", type: "button", onclick: retry }, icon("loop"), "Try again"),
  );
}
