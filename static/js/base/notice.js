// Toasts and error notes.

import { ApiError } from "./api.js";
import { createRoot, html, iconView } from "./view.js";

/** @typedef {import("./view.js").View} View */

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
  const button = action ? html`<button class="btn" type="button" @click=${act}>${action.label}</button>` : null;
  const note = createRoot()(
    html`<div class="note ${tone}">${iconView(ICONS[tone])}<span class="spacer">${text}</span>${button}</div>`,
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
 * @returns {View}
 */
export function errorView(title, error, retry = null) {
  const ofFields = error instanceof ApiError && error.type === "invalid" ? joinSentences(error.body?.errors) : "";
  return html`
    <div class="note bad" role="alert">
      ${iconView("alert")}
      <div class="spacer"><b>${title}</b><p class="text-small">${ofFields || explainError(error)}</p></div>
      ${retry ? html`<button class="btn" type="button" @click=${retry}>${iconView("loop")}Try again</button>` : null}
    </div>`;
}

/**
 * @param {string} title
 * @param {unknown} error
 * @param {(() => void)|null} [retry]
 */
export const createErrorNote = (title, error, retry = null) => createRoot()(errorView(title, error, retry));

/**
 * Render a countdown after which the request is sent again.
 * @param {ApiError} error
 * @param {() => void} send
 * @returns {HTMLElement}
 */
export function createThrottledNote(error, send) {
  let left = Math.max(1, error.retryAfter ?? 5);
  const root = createRoot();
  const draw = () =>
    root(html`
      <div class="note warn">
        ${iconView("clock")}
        <div class="spacer">
          <b>Too many requests.</b>
          <p class="text-small">
            You sent too many requests in a short time. Your request will be sent again automatically in
            <span class="mono">${left} s</span>.
          </p>
        </div>
        <button class="btn" type="button" @click=${stop}>Do not resend the request</button>
      </div>`);
  const note = draw();
  const timer = setInterval(() => {
    if (!note.isConnected) return stop();
    left -= 1;
    draw();
    if (left > 0) return;
    stop();
    send();
  }, 1000);

  function stop() {
    clearInterval(timer);
    note.remove();
  }
  return note;
}
