// Toasts and error notes.

import { h, icon } from "./dom.js";
import { ApiError } from "./api.js";

const ICONS = { ok: "check", warn: "alert", bad: "alert" };

/**
 * @param {string} text
 * @param {"ok"|"warn"|"bad"} [tone]
 * @param {{label: string, run: () => void}|null} [action]
 */
export function showToast(text, tone = "ok", action = null) {
  const holder = document.querySelector("[data-toasts]");
  if (!holder) return;
  const act = () => {
    note.remove();
    action?.run();
  };
  const note = h(
    "div",
    { class: `note ${tone}` },
    icon(ICONS[tone]),
    h("span", { class: "spacer" }, text),
    action && h("button", { class: "btn", type: "button", onclick: act }, action.label),
  );
  holder.append(note);
  while (holder.children.length > 3) holder.firstElementChild?.remove();
  const remove = () => {
    if (note.matches(":hover, :focus-within")) setTimeout(remove, 2000);
    else note.remove();
  };
  setTimeout(remove, action ? 12_000 : tone === "bad" ? 8000 : 4000);
}

/**
 * @param {unknown} error
 * @returns {string}
 */
export function explainError(error) {
  if (error instanceof ApiError) return error.sentence;
  console.error(error);
  return "Something went wrong on this page. Reload it, then try again.";
}

/**
 * @param {any} errors
 * @returns {string}
 */
export function joinSentences(errors) {
  if (typeof errors === "string") return errors;
  return (Array.isArray(errors) ? errors : Object.values(errors ?? {}))
    .flat(Infinity)
    .map(joinSentences)
    .filter(Boolean)
    .join(" ");
}

/**
 * @param {string} title
 * @param {unknown} error
 * @param {(() => void)|null} [retry]
 * @returns {HTMLElement}
 */
export function createErrorNote(title, error, retry = null) {
  const ofFields = error instanceof ApiError && error.type === "invalid" ? joinSentences(error.body?.errors) : "";
  return h(
    "div",
    { class: "note bad", role: "alert" },
    icon("alert"),
    h("div", { class: "spacer" }, h("b", {}, title), h("p", { class: "text-small" }, ofFields || explainError(error))),
    retry && h("button", { class: "btn", type: "button", onclick: retry }, icon("loop"), "Try again"),
  );
}

/**
 * Render a countdown after which the request is sent again.
 * @param {ApiError} error
 * @param {() => void} send
 * @returns {HTMLElement}
 */
export function createThrottledNote(error, send) {
  let left = Math.max(1, error.retryAfter ?? 5);
  const seconds = h("span", { class: "mono" }, `${left} s`);
  const stop = () => {
    clearInterval(timer);
    note.remove();
  };
  const note = h(
    "div",
    { class: "note warn" },
    icon("clock"),
    h(
      "div",
      { class: "spacer" },
      h("b", {}, "Too many requests."),
      h(
        "p",
        { class: "text-small" },
        "You sent too many requests in a short time. Your request will be sent again automatically in ",
        seconds,
        ".",
      ),
    ),
    h("button", { class: "btn", type: "button", onclick: stop }, "Do not resend the request"),
  );
  const timer = setInterval(() => {
    if (!note.isConnected) return stop();
    left -= 1;
    seconds.textContent = `${left} s`;
    if (left > 0) return;
    stop();
    send();
  }, 1000);
  return note;
}
