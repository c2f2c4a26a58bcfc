// The home page: live progress of running jobs.

import { fragment, jobs } from "../base/api.js";
import { need, setText } from "../base/dom.js";
import { LiveChannel } from "../base/live-channel.js";
import { progressWords } from "../base/progress.js";
import { tellTimes } from "../base/local-times.js";

const GATHER = 300; // ms without a job change after which the rows are reloaded
const ASKED = 20; // number of newest jobs that a poll requests
const LIVE = new Set(["queued", "processing", "waiting", "paused"]);

const SAMPLE = "comparison.sample";

/** Ids of sample-comparison jobs that this page has seen running. @type {Set<string>} */ const waited = new Set();
const work = need("[data-work]");
let timer = 0;

tellTimes();

async function reload() {
  try {
    const fresh = await fragment("/?part=running");
    if (!work.contains(document.activeElement)) work.replaceChildren(fresh);
  } catch {
    // Ignore the error: the next change of a job reloads the rows.
  }
}

function soon() {
  clearTimeout(timer);
  timer = window.setTimeout(reload, GATHER);
}

/** @param {any} job */
function show(job) {
  // Open a sample comparison that was created while this page was open.
  if (job.kind === SAMPLE && waited.has(job.id) && job.status === "completed")
    return location.assign(`/compare/${encodeURIComponent(job.result.session_id)}`);
  if (job.kind === SAMPLE && LIVE.has(job.status)) waited.add(job.id);
  const row = /** @type {HTMLElement|null} */ (work.querySelector(`[data-job="${job.id}"]`));
  if (row?.dataset.status !== job.status) {
    if (row || LIVE.has(job.status)) soon();
    return;
  }
  if (!row) return;
  const bar = /** @type {HTMLProgressElement} */ (need("progress", row));
  bar.value = Math.max(bar.value, job.progress);
  setText(need("[data-percent]", row), progressWords(bar.value, job.seconds_left));
  if (job.message) setText(need("[data-message]", row), job.message);
}

/** @param {{jobs: any[]}} snapshot */
function compare(snapshot) {
  for (const job of snapshot.jobs) show(job);
}

new LiveChannel("/ws/jobs/", {
  onMessage: (message) => {
    if (message.type === "jobs") compare(message);
    else if (message.type === "job") show(message.job);
    else if (message.type === "gone") soon();
  },
  snapshot: () => jobs(ASKED),
  onSnapshot: compare,
  subject: (message) => message.job?.id ?? message.id ?? "",
});
