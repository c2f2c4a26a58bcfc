// The home page: live progress of running jobs.

import { fetchFragment } from "../base/api.js";
import { requireElement, setText } from "../base/dom.js";
import { watchJobs } from "../base/job-updates.js";
import { describeProgress } from "../base/progress.js";
import { showLocalTimes } from "../base/local-times.js";

const GATHER = 300; // ms without a job change after which the rows are reloaded
const LIVE = new Set(["queued", "processing", "waiting", "paused"]);

const SAMPLE = "comparison.sample";

/** Ids of sample-comparison jobs that this page has seen running. @type {Set<string>} */ const waited = new Set();
const work = requireElement("[data-work]");
let timer = 0;

showLocalTimes();

async function reloadPage() {
  try {
    const fresh = await fetchFragment("/?part=running");
    if (!work.contains(document.activeElement)) work.replaceChildren(fresh);
  } catch {
    // Ignore a failed reload: the next change of a job reloads the rows again.
  }
}

function reloadSoon() {
  clearTimeout(timer);
  timer = window.setTimeout(reloadPage, GATHER);
}

/** @param {any} job */
function showJob(job) {
  // Open a sample comparison that was created while this page was open.
  if (job.kind === SAMPLE && waited.has(job.id) && job.status === "completed")
    return location.assign(`/compare/${encodeURIComponent(job.result.session_id)}`);
  if (job.kind === SAMPLE && LIVE.has(job.status)) waited.add(job.id);
  const row = /** @type {HTMLElement|null} */ (work.querySelector(`[data-job="${job.id}"]`));
  if (row?.dataset.status !== job.status && (row || LIVE.has(job.status))) return reloadSoon();
  if (!row) return;
  const bar = requireElement("progress", row);
  bar.value = Math.max(bar.value, job.progress);
  setText(requireElement("[data-percent]", row), describeProgress(bar.value, job.seconds_left));
  if (job.message) setText(requireElement("[data-message]", row), job.message);
}

watchJobs({ onJob: showJob, onGone: reloadSoon });
