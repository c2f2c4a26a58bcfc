// The list of a person's drafts in this browser, to copy or discard them.

import { copyWithFeedback } from "./clipboard.js";
import { h, icon, requireElement } from "./dom.js";
import { deleteDraft, listTexts } from "./drafts.js";
import { formatRelative } from "./format.js";
import { showToast } from "./notice.js";

/** @param {string} person Id of the account or visitor. */
export function showDrafts(person) {
  const drafts = listTexts(person);
  const parts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-drafts-part]"));
  for (const part of parts) part.hidden = !drafts.length;
  requireElement("[data-drafts]").replaceChildren(...drafts.map((draft) => createRow(draft, () => showDrafts(person))));
}

/**
 * Return a button that discards a draft and then offers to restore it.
 * @param {string} text
 * @param {() => () => unknown} discard Discards the draft, and returns a function that restores it.
 */
export function createDiscardButton(text, discard) {
  return h(
    "button",
    {
      class: "btn icon-only quiet",
      type: "button",
      "aria-label": `Discard the draft “${text}”`,
      title: "Discard the draft",
      onclick: () => showToast("Draft discarded.", "ok", { label: "Undo", run: discard() }),
    },
    icon("trash"),
  );
}

/** @param {{name: string, text: string, at: number}} draft @param {() => void} redraw */
function createRow({ name, text, at }, redraw) {
  const shown = h("p", { class: "anywhere spacer", dir: "auto" }, text);
  const copy = h(
    "button",
    { class: "btn", type: "button", onclick: () => copyWithFeedback(copy, text, shown) },
    icon("copy"),
    h("span", {}, "Copy"),
  );
  const discard = createDiscardButton(text, () => {
    const restore = deleteDraft(name);
    redraw();
    return () => {
      restore();
      redraw();
    };
  });
  const time = new Date(at);
  return h(
    "li",
    { class: "row pad" },
    shown,
    h("time", { class: "faint text-small", datetime: time.toISOString() }, formatRelative(time)),
    copy,
    discard,
  );
}
