// Dialogs that restore the focus when they close.

import { ApiError } from "./api.js";
import { h, icon } from "./dom.js";
import { keepTypedText } from "./drafts.js";
import { makeFinder } from "./focus.js";
import { createErrorNote } from "./notice.js";

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
 * @param {string} name
 * @param {string} classes
 * @param {...(Node|string)} parts
 */
export function openNamedDialog(name, classes, ...parts) {
  const dialog = openDialog(
    h(
      "dialog",
      { class: `dialog ${classes}`.trim(), "aria-labelledby": "dialog-heading" },
      h(
        "header",
        {},
        h("h2", { id: "dialog-heading", class: "truncate", dir: "auto" }, name),
        h("span", { class: "spacer" }),
        h(
          "button",
          { class: "btn icon-only quiet", type: "button", "aria-label": "Close", onclick: () => dialog.close() },
          icon("x"),
        ),
      ),
      ...parts,
    ),
  );
  return dialog;
}

/**
 * @param {object} about
 * @param {string} about.heading
 * @param {string} about.words
 * @param {() => Promise<any>} about.remove
 * @param {() => void} about.onDeleted
 * @param {(error: unknown) => HTMLElement} [about.refused]
 */
export function askToDelete({
  heading,
  words,
  remove,
  onDeleted,
  refused = (error) => createErrorNote("Deleting failed.", error),
}) {
  const problem = h("div", {});
  const confirm = h("button", { class: "btn danger", type: "button", onclick: runDeletion }, icon("trash"), "Delete");
  const dialog = openDialog(
    h(
      "dialog",
      {
        class: "dialog small",
        role: "alertdialog",
        "aria-labelledby": "delete-heading",
        "aria-describedby": "delete-words",
      },
      h(
        "div",
        { class: "pad col" },
        h("h2", { class: "anywhere", id: "delete-heading", dir: "auto" }, heading),
        h("p", { class: "muted", id: "delete-words" }, words),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", autofocus: true, onclick: () => dialog.close() }, "Cancel"),
          confirm,
        ),
      ),
    ),
  );

  async function runDeletion() {
    if (confirm.getAttribute("aria-disabled") === "true") return;
    confirm.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    try {
      await remove();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) {
        confirm.removeAttribute("aria-disabled");
        return problem.replaceChildren(refused(error));
      }
    }
    dialog.close();
    onDeleted();
  }
}

/**
 * @param {object} about
 * @param {string} about.heading
 * @param {string} about.place Key of the draft that keeps the typed name until it is saved or the dialog is cancelled.
 * @param {string} about.name
 * @param {number} about.longest
 * @param {(name: string) => Promise<any>} about.save
 */
export function askForName({ heading, place, name, longest, save }) {
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      id: "name-input",
      type: "text",
      maxlength: String(longest),
      required: true,
      autocomplete: "off",
      dir: "auto",
      value: name,
      "aria-describedby": "name-error",
    })
  );
  const missing = h(
    "p",
    { class: "field-error", id: "name-error", hidden: true },
    icon("alert"),
    h("span", {}, "Enter a name."),
  );
  const problem = h("div", {});
  const button = h("button", { class: "btn primary" }, "Save");
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "name-heading" },
      h(
        "form",
        { class: "pad col", novalidate: true, onsubmit: submitName },
        h("h2", { id: "name-heading" }, heading),
        h("div", { class: "field" }, h("label", { for: "name-input" }, "Name"), input, missing),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: close }, "Cancel"),
          button,
        ),
      ),
    ),
  );
  const forget = keepTypedText(place, { name: input });
  input.focus();
  input.select();

  function close() {
    forget();
    dialog.close();
  }

  /** @param {Event} event */
  async function submitName(event) {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    const wanted = input.value.trim();
    missing.hidden = wanted !== "";
    if (wanted) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
    if (!wanted) return input.focus();
    button.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    try {
      await save(wanted);
      close();
    } catch (error) {
      problem.replaceChildren(createErrorNote("Saving failed.", error));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }
}
