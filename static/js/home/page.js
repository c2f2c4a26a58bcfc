// The home page: live progress of running jobs.

import { fetchFragment, listJobs } from "../base/api.js";
import { requireElement, setText } from "../base/dom.js";
import { LiveChannel } from "../base/live-channel.js";
import { describeProgress } from "../base/progress.js";
import { showLocalTimes } from "../base/local-times.js";

const GATHER = 300; // ms without a job change after which the rows are reloaded
const ASKED = 20; // number of newest jobs that a poll requests
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

const showJobs = (/** @type {{jobs: any[]}} */ { jobs }) => jobs.forEach(showJob);

new LiveChannel("/ws/jobs/", {
  onMessage: (message) => {
    if (message.type === "jobs") showJobs(message);
    else if (message.type === "job") showJob(message.job);
    else if (message.type === "gone") reloadSoon();
  },
  snapshot: () => listJobs(ASKED),
  onSnapshot: showJobs,
  subject: (message) => message.job?.id ?? message.id ?? "",
});
