// The dialog that confirms an irreversible action.

import { show } from "../../base/dialog.js";
import { h, icon } from "../../base/dom.js";

/**
 * @param {object} about
 * @param {string} about.title
 * @param {string} about.text
 * @param {string} about.keep label of the cancelling button
 * @param {string} about.act label of the confirming button
 * @param {string} [about.mark] icon of the confirming button
 * @returns {Promise<boolean>} whether the user confirmed
 */
export function askFirst({ title, text, keep, act, mark = "trash" }) {
  return new Promise((resolve) => {
    const dialog = show(
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
