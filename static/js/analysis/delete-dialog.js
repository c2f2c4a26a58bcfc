// The dialog that confirms the deletion of an analysis.

import { askToDelete } from "../base/dialog.js";
import { deleteSession } from "./api.js";
import { isLive } from "./labels.js";

/**
 * @param {import("./api.js").Session} session @param {import("./status-updates.js").Follower} follower
 * @param {() => void} onDeleted
 */
export function openDeleteDialog(session, follower, onDeleted) {
  const words = isLive(session)
    ? "This stops the analysis and deletes its partial results."
    : "This deletes the result and all files that the analysis created.";
  askToDelete({
    heading: `Delete the analysis “${session.name}”?`,
    words: `${words}${session.source?.video_id ? " The video stays in your library." : ""} This cannot be undone.`,
    remove: () => follower.remove(session.sessionId, () => deleteSession(session.sessionId)),
    onDeleted,
  });
}
