// The dialog that confirms the deletion of a dubbing run.

import { askToDelete } from "../base/dialog.js";
import { deleteJob } from "./api.js";

/**
 * @param {import("./api.js").ProJob} job
 * @param {() => void} onDeleted
 */
export function openDeleteDialog(job, onDeleted) {
  askToDelete({
    heading: `Delete the Pro segments run for “${job.name}”?`,
    words: "This deletes the video, its sounds and the result. This cannot be undone.",
    remove: () => deleteJob(job.job_id),
    onDeleted,
  });
}
