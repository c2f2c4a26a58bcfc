// The dialog that reports a challenge to the moderators.

import { ApiError } from "../base/api.js";
import { openFormDialog } from "../base/form-dialog.js";
import { showToast } from "../base/notice.js";
import { newKey, reportChallenge } from "./api.js";

/**
 * @param {import("./api.js").Challenge} challenge
 * @param {() => void} onReported Callback that runs after a report, even if the user had reported the challenge before.
 */
export function openReportDialog(challenge, onReported) {
  const key = newKey();
  openFormDialog({
    id: "report",
    heading: "Report this challenge",
    words: challenge.title,
    draft: `report/${challenge.id}`,
    fields: [
      {
        name: "reason",
        label: "What is wrong with this challenge?",
        rows: 4,
        maxlength: 1000,
        missing: "Describe in a few words what is wrong.",
        hint: "Only moderators can read this. The challenge's owner cannot.",
      },
    ],
    label: "Send report",
    send: ({ reason }) =>
      reportChallenge(challenge.id, reason, key).catch((error) => {
        if (error instanceof ApiError && error.type === "already_reported") onReported();
        throw error;
      }),
    onDone: () => {
      showToast("Report sent. A moderator will review the challenge.");
      onReported();
    },
    failed: "The report was not sent.",
  });
}
