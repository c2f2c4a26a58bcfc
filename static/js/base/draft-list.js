// The list of a person's drafts in this browser, to copy or discard them.

import { copyWithFeedback } from "./clipboard.js";
import { requireElement } from "./dom.js";
import { deleteDraft, listTexts } from "./drafts.js";
import { formatRelative } from "./format.js";
import { showToast } from "./notice.js";
import { createRef, html, iconView, mount, ref, repeat } from "./view.js";

/** @param {string} person Id of the account or visitor. */
export function showDrafts(person) {
  const parts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-drafts-part]"));
  const drawList = mount(requireElement("[data-drafts]"));
  const draw = () => {
    const drafts = listTexts(person);
    for (const part of parts) part.hidden = !drafts.length;
    drawList(
      repeat(
        drafts,
        ({ name }) => name,
        (draft) => rowView(draft, draw),
      ),
    );
  };
  draw();
}

/**
 * Return the template of a button that discards a draft and then offers to restore it.
 * @param {string} text
 * @param {() => () => unknown} discard Discards the draft, and returns a function that restores it.
 */
export const discardButtonView = (text, discard) => html`
  <button class="btn icon-only quiet" type="button" aria-label="Discard the draft “${text}”" title="Discard the draft"
    @click=${() => showToast("Draft discarded.", "ok", { label: "Undo", run: discard() })}>${iconView("trash")}</button>`;

/** @param {{name: string, text: string, at: number}} draft @param {() => void} redraw */
function rowView({ name, text, at }, redraw) {
  const shown = createRef();
  const time = new Date(at);
  const copy = (/** @type {Event} */ { currentTarget }) =>
    copyWithFeedback(/** @type {HTMLElement} */ (currentTarget), text, /** @type {Element} */ (shown.value));
  const discard = () => {
    const restore = deleteDraft(name);
    redraw();
    return () => {
      restore();
      redraw();
    };
  };
  return html`
    <li class="row pad">
      <p class="anywhere spacer" dir="auto" ${ref(shown)}>${text}</p>
      <time class="faint text-small" datetime=${time.toISOString()}>${formatRelative(time)}</time>
      <button class="btn" type="button" @click=${copy}>${iconView("copy")}<span>Copy</span></button>
      ${discardButtonView(text, discard)}
    </li>`;
}
