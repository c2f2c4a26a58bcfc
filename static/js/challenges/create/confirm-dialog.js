// The dialog that confirms an irreversible action.

import { openView, questionView } from "../../base/dialog.js";
import { html, iconView } from "../../base/view.js";

/**
 * Ask for confirmation; return whether the user confirmed.
 * @param {object} about
 * @param {string} about.title
 * @param {string} about.text
 * @param {string} about.act Label of the button that confirms.
 * @param {string} [about.keep] Label of the button that cancels.
 * @param {string} [about.mark] Icon of the button that confirms.
 * @returns {Promise<boolean>}
 */
export function askToConfirm({ title, text, act, keep, mark = "trash" }) {
  const confirm = () => element.close("yes");
  const button = html`<button class="btn danger" type="button" @click=${confirm}>${iconView(mark)}${act}</button>`;
  const { element } = openView(() =>
    questionView({ id: "ask", heading: title, words: text, isAlert: true }, null, button, keep),
  );
  return new Promise((resolve) => element.addEventListener("close", () => resolve(element.returnValue === "yes")));
}
