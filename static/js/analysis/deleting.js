// Whether an analysis shall really go: what it made goes with it.

import { ApiError } from "../api.js";
import { h, icon } from "../dom.js";
import { show } from "../library/dialogs.js";
import { errorNote } from "../notice.js";
import { deleteSession } from "./api.js";
import { isLive } from "./words.js";

/**
 * @param {import("./api.js").Session} session
 * @param {() => void} onDeleted
 */
export function deleteDialog(session, onDeleted) {
  const problem = h("div", {});
  const confirm = h("button", { class: "btn del", type: "button", onclick: remove }, icon("trash"), "Delete");
  const words = isLive(session) ? "The work on it is stopped, and what it has made so far goes." : "Its result goes, with everything that it made.";
  const dialog = show(h("dialog", { class: "dlg small", role: "alertdialog", "aria-labelledby": "delete-heading", "aria-describedby": "delete-words" },
    h("div", { class: "pad col" },
      h("h2", { class: "anywhere", id: "delete-heading", dir: "auto" }, `Delete the analysis “${session.name}”?`),
      h("p", { class: "t2", id: "delete-words" }, `${words}${session.source?.video_id ? " The video stays in your library." : ""} This cannot be undone.`),
      problem,
      h("div", { class: "row wrap end" }, h("button", { class: "btn", type: "button", autofocus: true, onclick: () => dialog.close() }, "Keep it"), confirm))));

  async function remove() {
    if (confirm.getAttribute("aria-disabled") === "true") return;
    confirm.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    try {
      await deleteSession(session.sessionId);
    } catch (error) {
      // Deleted elsewhere meanwhile: that is what was asked for.
      if (!(error instanceof ApiError && error.status === 404)) {
        confirm.removeAttribute("aria-disabled");
        return problem.replaceChildren(errorNote("It was not deleted.", error));
      }
    }
    dialog.close();
    onDeleted();
  }
}
