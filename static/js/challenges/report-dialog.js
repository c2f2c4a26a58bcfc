// The dialog that reports a challenge to the moderators.

import { ApiError } from "../base/api.js";
import { openDialog } from "../base/dialog.js";
import { h, icon } from "../base/dom.js";
import { keepTypedText } from "../base/drafts.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { newKey, reportChallenge } from "./api.js";

const MOST = 1000; // maximum number of characters in a report

/**
 * @param {import("./api.js").Challenge} challenge
 * @param {() => void} onReported Callback that runs after a report, even if the user had reported the challenge before.
 */
export function openReportDialog(challenge, onReported) {
  const key = newKey();
  const problem = h("div", {});
  const wrong = h(
    "p",
    { class: "field-error", id: "report-error", hidden: true },
    icon("alert"),
    h("span", {}, "Describe in a few words what is wrong."),
  );
  const reason = /** @type {HTMLTextAreaElement} */ (
    h("textarea", {
      class: "input",
      id: "report-reason",
      rows: "4",
      maxlength: MOST,
      required: true,
      dir: "auto",
      "aria-describedby": "report-hint report-error",
    })
  );
  const forget = keepTypedText(`report/${challenge.id}`, { reason });
  const send = h("button", { class: "btn primary" }, "Send report");
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "report-heading" },
      h(
        "form",
        { class: "pad col", novalidate: true, onsubmit: submit },
        h("h2", { id: "report-heading" }, "Report this challenge"),
        h("p", { class: "muted anywhere", dir: "auto" }, challenge.title),
        h(
          "div",
          { class: "field" },
          h("label", { for: "report-reason" }, "What is wrong with it?"),
          reason,
          h("p", { class: "hint", id: "report-hint" }, "Moderators read this; the challenge's author does not."),
          wrong,
        ),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: cancel }, "Cancel"),
          send,
        ),
      ),
    ),
  );
  reason.focus();

  function cancel() {
    forget();
    dialog.close();
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (send.getAttribute("aria-disabled") === "true") return;
    problem.replaceChildren();
    const words = reason.value.trim();
    wrong.hidden = words !== "";
    if (!words) {
      reason.setAttribute("aria-invalid", "true");
      return reason.focus();
    }
    reason.removeAttribute("aria-invalid");
    send.setAttribute("aria-disabled", "true");
    try {
      await reportChallenge(challenge.id, words, key);
      finish("Thank you. A moderator will review it.");
    } catch (error) {
      if (error instanceof ApiError && error.type === "already_reported")
        return finish("You have already reported this challenge. A moderator will review it.");
      problem.replaceChildren(createErrorNote("The report was not sent.", error));
    } finally {
      send.removeAttribute("aria-disabled");
    }
  }

  /** @param {string} words */
  function finish(words) {
    forget();
    dialog.close();
    showToast(words);
    onReported();
  }
}
