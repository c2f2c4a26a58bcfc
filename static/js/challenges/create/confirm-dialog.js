// The dialog that confirms an irreversible action.

import { openDialog } from "../../base/dialog.js";
import { h, icon } from "../../base/dom.js";

/**
 * Ask for confirmation; return whether the user confirmed.
 * @param {object} about
 * @param {string} about.title
 * @param {string} about.text
 * @param {string} about.keep The label of the button that cancels.
 * @param {string} about.act The label of the button that confirms.
 * @param {string} [about.mark]
 * @returns {Promise<boolean>}
 */
export function askToConfirm({ title, text, keep, act, mark = "trash" }) {
  return new Promise((resolve) => {
    const dialog = openDialog(
      h(
        "dialog",
        {
          class: "dialog small",
          role: "alertdialog",
          "aria-labelledby": "ask-heading",
          "aria-describedby": "ask-words",
        },
        h(
          "div",
          { class: "pad col" },
          h("h2", { class: "anywhere", id: "ask-heading" }, title),
          h("p", { class: "muted", id: "ask-words" }, text),
          h(
            "div",
            { class: "row wrap end" },
            h("button", { class: "btn", type: "button", autofocus: true, onclick: () => dialog.close() }, keep),
            h("button", { class: "btn danger", type: "button", onclick: () => dialog.close("yes") }, icon(mark), act),
          ),
        ),
      ),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}
