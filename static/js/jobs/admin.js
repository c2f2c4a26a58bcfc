// Live updates of the job list in the Django admin.

import { watchJobs } from "../base/job-updates.js";

/** @param {{id: string, status: string, progress: number, message: string}} job */
function showJob(job) {
  for (const part of document.querySelectorAll(`[data-job="${CSS.escape(job.id)}"]`)) {
    const name = /** @type {HTMLElement} */ (part).dataset.part;
    if (part instanceof HTMLProgressElement) part.value = job.progress;
    else if (name === "status") part.textContent = job.status;
    else if (name === "message") part.textContent = job.message;
  }
}

if (document.querySelector("[data-job]")) watchJobs({ onJob: showJob });
