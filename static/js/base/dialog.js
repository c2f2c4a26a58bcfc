// Dialogs of every page: opened so that the focus comes back, and the question whether something shall really go.

import { ApiError } from "./api.js";
import { h, icon } from "./dom.js";
import { placeOf } from "./focus.js";
import { errorNote } from "./notice.js";

/**
 * @param {HTMLElement} element
 * @returns {HTMLDialogElement}
 */
export function show(element) {
  const dialog = /** @type {HTMLDialogElement} */ (element);
  const before = placeOf(document.activeElement);
  dialog.addEventListener("close", () => {
    dialog.remove();
    // What was pressed may have gone with the video, or have been drawn anew.
    before()?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Ask whether something shall really go, and let it go.
 * @param {object} about
 * @param {string} about.heading
 * @param {string} about.words what goes with it
 * @param {() => Promise<any>} about.remove
 * @param {() => void} about.onDeleted
 * @param {(error: unknown) => HTMLElement} [about.refused] what is shown of a refusal
 */
export function askToDelete({ heading, words, remove, onDeleted, refused = (error) => errorNote("It was not deleted.", error) }) {
  const problem = h("div", {});
  const confirm = h("button", { class: "btn del", type: "button", onclick: go }, icon("trash"), "Delete");
  const dialog = show(h("dialog", { class: "dlg small", role: "alertdialog", "aria-labelledby": "delete-heading", "aria-describedby": "delete-words" },
    h("div", { class: "pad col" },
      h("h2", { class: "anywhere", id: "delete-heading", dir: "auto" }, heading),
      h("p", { class: "t2", id: "delete-words" }, words),
      problem,
      h("div", { class: "row wrap end" }, h("button", { class: "btn", type: "button", autofocus: true, onclick: () => dialog.close() }, "Keep it"), confirm))));

  async function go() {
    if (confirm.getAttribute("aria-disabled") === "true") return;
    confirm.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    try {
      await remove();
    } catch (error) {
      // Deleted elsewhere meanwhile: that is what was asked for.
      if (!(error instanceof ApiError && error.status === 404)) {
        confirm.removeAttribute("aria-disabled");
        return problem.replaceChildren(refused(error));
      }
    }
    dialog.close();
    onDeleted();
  }
}
