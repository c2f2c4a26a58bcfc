// The drafts that this browser stores, on the account page.

import { copyWithFeedback } from "../base/clipboard.js";
import { h, icon, requireElement } from "../base/dom.js";
import { deleteDraft, listTexts } from "../base/drafts.js";
import { formatRelative } from "../base/format.js";

export function startDrafts() {
  const drafts = listTexts(document.body.dataset.userId ?? "");
  const parts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-drafts-part]"));
  for (const part of parts) part.hidden = !drafts.length;
  requireElement("[data-drafts]").replaceChildren(...drafts.map(createRow));
}

/** @param {{name: string, text: string, at: number}} draft */
function createRow({ name, text, at }) {
  const shown = h("p", { class: "anywhere spacer", dir: "auto" }, text);
  const copy = h(
    "button",
    { class: "btn", type: "button", onclick: () => copyWithFeedback(copy, text, shown) },
    icon("copy"),
    h("span", {}, "Copy"),
  );
  const discard = h(
    "button",
    {
      class: "btn icon-only quiet",
      type: "button",
      "aria-label": `Discard the draft “${text}”`,
      title: "Discard the draft",
      onclick: () => {
        deleteDraft(name);
        startDrafts();
      },
    },
    icon("trash"),
  );
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
