// Dialogs that restore the focus when they close.

import { ApiError } from "./api.js";
import { makeFinder } from "./focus.js";
import { errorView } from "./notice.js";
import { createRoot, html, iconView, nothing } from "./view.js";

/** @typedef {import("./view.js").View} View */

/**
 * @param {HTMLElement} element
 * @returns {HTMLDialogElement}
 */
export function openDialog(element) {
  const dialog = /** @type {HTMLDialogElement} */ (element);
  const before = makeFinder(document.activeElement);
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The element that opened the dialog may have been redrawn, so look it up again.
    before()?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Open a dialog that a template draws.
 * @param {() => View} view Returns the dialog's template; runs again at each `draw`.
 */
export function openView(view) {
  const root = createRoot();
  const element = openDialog(root(view()));
  return {
    element,
    draw: () => void root(view()),
    close: () => element.close(),
  };
}

/**
 * Return the template of a dialog with a title, a button that closes it, and content.
 * @param {string} name
 * @param {string} classes
 * @param {...View} parts
 */
export const panelDialogView = (name, classes, ...parts) => html`
  <dialog class=${`dialog ${classes}`.trim()} aria-labelledby="dialog-heading">
    <header>
      <h2 id="dialog-heading" class="truncate" dir="auto">${name}</h2>
      <span class="spacer"></span>
      <button class="btn icon-only quiet" type="button" aria-label="Close" @click=${closeDialog}>${iconView("x")}</button>
    </header>
    ${parts}
  </dialog>`;

/**
 * Return the template of a small dialog that asks a question.
 * @param {object} about
 * @param {string} about.id Prefix of the ids in the dialog.
 * @param {string} about.heading
 * @param {View} [about.words] Text below the heading.
 * @param {boolean} [about.isAlert] True if the dialog warns of an action.
 * @param {View} [body] Content below the text.
 * @param {View} [buttons] Buttons after “Cancel”.
 * @param {string} [cancel] Label of the button that closes the dialog.
 */
export const questionView = ({ id, heading, words, isAlert = false }, body, buttons, cancel = "Cancel") => html`
  <dialog class="dialog small" role=${isAlert ? "alertdialog" : nothing} aria-labelledby="${id}-heading"
    aria-describedby=${words ? `${id}-words` : nothing}>
    <div class="pad col">
      <h2 class="anywhere" id="${id}-heading" dir="auto">${heading}</h2>
      ${words ? html`<p class="muted anywhere" id="${id}-words">${words}</p>` : null} ${body}
      <div class="row wrap end">
        <button class="btn" type="button" autofocus @click=${closeDialog}>${cancel}</button>
        ${buttons}
      </div>
    </div>
  </dialog>`;

/** Close the dialog of the pressed button. @param {Event} event */
export function closeDialog(event) {
  /** @type {HTMLElement} */ (event.currentTarget).closest("dialog")?.close();
}

/**
 * Ask before an action. The dialog stays open until the action has ended, and shows its error.
 * @param {object} about
 * @param {string} about.heading
 * @param {View} about.words
 * @param {string} about.label Label of the button that starts the action.
 * @param {string} [about.icon] Icon of this button.
 * @param {string} [about.tone] Class of this button.
 * @param {string} [about.id] Prefix of the ids in the dialog.
 * @param {() => Promise<any>} about.act
 * @param {() => void} about.onDone Called after the dialog is closed.
 * @param {(error: unknown) => View} about.refused Returns the template of an error.
 */
export function askToConfirm({ heading, words, label, icon, tone = "danger", id = "confirm", act, onDone, refused }) {
  /** @type {View} */ let problem = null;
  let isRunning = false;
  const dialog = openView(() =>
    questionView(
      { id, heading, words, isAlert: true },
      problem,
      html`<button class="btn ${tone}" type="button" aria-disabled=${isRunning ? "true" : nothing} @click=${run}>
        ${icon ? iconView(icon) : null}${label}
      </button>`,
    ),
  );

  async function run() {
    if (isRunning) return;
    isRunning = true;
    problem = null;
    dialog.draw();
    try {
      await act();
    } catch (error) {
      isRunning = false;
      problem = refused(error);
      return dialog.draw();
    }
    dialog.close();
    onDone();
  }
}

/**
 * @param {object} about
 * @param {string} about.heading
 * @param {string} about.words
 * @param {() => Promise<any>} about.remove
 * @param {() => void} about.onDeleted
 * @param {(error: unknown) => View} [about.refused]
 */
export function askToDelete({ heading, words, remove, onDeleted, refused }) {
  askToConfirm({
    id: "delete",
    heading,
    words,
    label: "Delete",
    icon: "trash",
    // Another user may have deleted it already.
    act: () =>
      remove().catch((error) => (error instanceof ApiError && error.status === 404 ? null : Promise.reject(error))),
    onDone: onDeleted,
    refused: refused ?? ((error) => errorView("Deleting failed.", error)),
  });
}
