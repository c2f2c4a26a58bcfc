// A question before something that cannot be undone.

import { show } from "../../base/dialog.js";
import { h, icon } from "../../base/dom.js";

/**
 * @param {object} about
 * @param {string} about.title
 * @param {string} about.text
 * @param {string} about.keep what the button says that changes nothing
 * @param {string} about.act what the one says that does it
 * @param {string} [about.mark] its icon
 * @returns {Promise<boolean>} whether it shall be done
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
