// The dialog that confirms the deletion of an analysis.

import { askToDelete } from "../base/dialog.js";
import { deleteSession } from "./api.js";
import { isLive } from "./labels.js";

/**
 * @param {import("./api.js").Session} session
 * @param {import("./status-updates.js").Follower} follower
 * @param {() => void} onDeleted
 */
export function deleteDialog(session, follower, onDeleted) {
  const words = isLive(session)
    ? "The work on it is stopped, and what it has made so far goes."
    : "Its result goes, with everything that it made.";
  askToDelete({
    heading: `Delete the analysis “${session.name}”?`,
    words: `${words}${session.source?.video_id ? " The video stays in your library." : ""} This cannot be undone.`,
    remove: () => follower.remove(session.sessionId, () => deleteSession(session.sessionId)),
    onDeleted,
  });
}
