// The dialog that confirms the deletion of a dubbing run.

import { askToDelete } from "../base/dialog.js";
import { deleteJob } from "./api.js";

/**
 * @param {import("./api.js").ProJob} job
 * @param {() => void} onDeleted
 */
export function openDeleteDialog(job, onDeleted) {
  askToDelete({
    heading: `Delete the run of “${job.name}”?`,
    words: "The video, its sounds and the result are deleted. This cannot be undone.",
    remove: () => deleteJob(job.job_id),
    onDeleted,
  });
}
