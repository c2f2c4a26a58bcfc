// The upload page: the queue of uploads, and resuming of unfinished uploads.

import { readAccount } from "../base/api.js";
import { requireElement, setText } from "../base/dom.js";
import { formatCount } from "../base/format.js";
import { watchJobs } from "../base/job-updates.js";
import { showToast } from "../base/notice.js";
import { html, iconView, mount } from "../base/view.js";
import { formatBytes, INGEST, parseTags, readVideo, formatRoundBytes } from "../videos/api.js";
import { compareAddress, stayIfOffline } from "../videos/compare-link.js";
import { takeChosen, pickFiles } from "./file-picker.js";
import { acceptDrops, describeUnreadable } from "./drop-zone.js";
import { describeTooLarge, Transfer } from "./transfer.js";
import { UploadRows } from "./upload-rows.js";

/** @typedef {import("./file-picker.js").Chosen} Chosen */

const RUNNING = new Set(["queued", "processing", "waiting", "paused"]);
const UNDER_WAY = new Set(["waiting", "sending", "paused", "offline", "elsewhere", "processing"]);
const NEEDS_YOU = new Set(["refused", "failed", "unfinished"]);

/** @type {HTMLInputElement} */ const input = requireElement("#files");
const pauseAll = requireElement("[data-pause-all]");
const drawPauseAll = mount(pauseAll);

/** Latest message of each job. @type {Map<string, any>} */ const heard = new Map();
/** @type {import("../../../docs/openapi").Me|null} */ let account = null;
/** Name of another user who signed in after this page loaded. Uploads pause: they would go to that user's library. */
let stranger = "";

const rows = new UploadRows({
  list: requireElement("[data-list]"),
  nextFocus: () => input,
  purpose: "library",
  onState: onStateChanged,
  onDrawn: drawSummary,
  replace: (_, chosen) => addFiles([chosen]),
  onStopped: showStorage,
  beforeRetry: showStorage,
  isHeld: () => stranger !== "",
  tags: () => parseTags(requireElement("#tags").value),
});

// New files

/** @param {Chosen[]} files */
async function addFiles(files) {
  await limitsKnown;
  for (const { file, handle } of files) {
    const waiting = rows.transfers.find((one) => ["unfinished", "elsewhere"].includes(one.state) && one.fits(file));
    if (waiting?.state === "unfinished") waiting.giveFile(file, handle);
    else if (waiting || rows.transfers.some((one) => isSame(one, file)))
      showToast(`“${file.name}” is already in the list.`, "warn");
    else {
      const { name, size } = file;
      const transfer = new Transfer({ file, name, size, handle });
      const limit = account?.limits.max_upload_bytes;
      const advice = "If the file is still being recorded or copied, add it again afterwards.";
      if (limit && size > limit) transfer.refuse("too_large", ...describeTooLarge(limit));
      else if (size === 0) transfer.refuse("empty", "Empty file", advice);
      rows.add(transfer);
    }
  }
}

/** @param {Transfer} transfer @param {File} file */
function isSame(transfer, file) {
  if (transfer.state === "ready" || NEEDS_YOU.has(transfer.state) || !transfer.fits(file)) return false;
  return !transfer.file || transfer.file.lastModified === file.lastModified;
}

/** @param {Transfer} transfer */
function onStateChanged(transfer) {
  if (transfer.error?.type === "stopped_elsewhere") showStorage();
  if (transfer.state === "processing" || transfer.state === "ready") {
    showStorage();
    const job = heard.get(transfer.video?.job_id ?? "");
    if (job) onJobChanged(job);
  }
}

// Summary

/** @param {Transfer[]} transfers */
function drawSummary(transfers) {
  requireElement("[data-panel]").hidden = transfers.length === 0;
  const count = (/** @type {(one: Transfer) => boolean} */ fits) => transfers.filter(fits).length;
  const ready = transfers.filter((one) => one.state === "ready");
  setText(requireElement("[data-count]"), formatCount(transfers.length, "file"));
  const needing = count((one) => NEEDS_YOU.has(one.state));
  const attention = needing === 1 ? "1 needs attention" : `${needing} need attention`;
  const words = [`${ready.length} ready`, `${count((one) => UNDER_WAY.has(one.state))} in progress`, attention];
  setText(requireElement("[data-summary]"), words.filter((word) => !word.startsWith("0 ")).join(" · "));
  const speed = transfers.reduce((sum, one) => sum + one.speed, 0);
  setText(requireElement("[data-speed]"), speed > 0 ? `${formatBytes(speed)}/s` : "");
  const going = transfers.some((one) => one.isGoing);
  pauseAll.hidden = !going && !transfers.some((one) => one.state === "paused");
  pauseAll.dataset.act = going ? "pause" : "resume";
  drawPauseAll(html`${iconView(going ? "pause" : "play")}${going ? "Pause all" : "Resume all"}`);
  const compare = requireElement("[data-compare]");
  const ids = ready.flatMap((one) => one.video?.id ?? []);
  compare.hidden = ids.length < 2 || ids.length > 3;
  compare.href = compareAddress(ids);
  setText(requireElement("span", compare), `Compare ${ids.length} videos`);
}

async function showStorage() {
  try {
    account = await readAccount();
  } catch {
    return; // ignore the error, because the server itself checks the limits
  }
  if (!account) return;
  const { limits, usage, tier, username } = account;
  if (username !== document.body.dataset.user) {
    if (stranger === username) return;
    showToast(`This browser is now signed in as ${username}, so the uploads are paused. Reload the page.`, "bad");
    stranger = username;
    for (const transfer of rows.transfers) if (transfer.isGoing) transfer.pause();
    return;
  }
  const free = formatBytes(Math.max(0, limits.max_storage_bytes - usage.storage_bytes));
  setText(requireElement("[data-free]"), `${free} free of ${formatRoundBytes(limits.max_storage_bytes)}`);
  const most = `Files up to ${formatRoundBytes(limits.max_upload_bytes)}`;
  const plan = `${tier[0].toUpperCase()}${tier.slice(1)} plan`;
  setText(requireElement("[data-limit]"), `${most} on the ${plan}. You can choose several at once.`);
}

const limitsKnown = showStorage();

// Processing on the server

watchJobs({ onJob: onJobChanged });

/** @param {any} job */
function onJobChanged(job) {
  if (job.kind !== INGEST) return;
  heard.set(job.id, job);
  for (const transfer of rows.transfers) {
    if (transfer.state !== "processing" && transfer.state !== "ready") continue;
    // Once the upload's video is loaded, its `job_id` is known. Until then, any ingest job may be the upload's job.
    const isItsOwn = transfer.video?.job_id === job.id;
    if (!isItsOwn && (transfer.video || !transfer.resource)) continue;
    const runs = RUNNING.has(job.status);
    const ended =
      isItsOwn && !runs && (transfer.work !== null || transfer.state === "processing" || !transfer.video?.poster_url);
    if (isItsOwn && runs) transfer.working({ progress: job.progress, message: job.message });
    const mayHaveChanged = runs && (transfer.state === "processing" || !transfer.video?.poster_url);
    if (ended || mayHaveChanged || !transfer.video) reloadTransfer(transfer, ended);
  }
}

/** @type {Set<Transfer>} */ const renewing = new Set();

/** @param {Transfer} transfer @param {boolean} ended */
async function reloadTransfer(transfer, ended) {
  if (renewing.has(transfer) && !ended) return;
  renewing.add(transfer);
  try {
    const video = await readVideo(transfer.resource);
    if (ended) transfer.working(null);
    transfer.adopt(video);
  } catch {
    // Ignore the error: the next message about the job loads the video again.
  } finally {
    renewing.delete(transfer);
  }
}

// Events

input.addEventListener("click", async (event) => {
  // Prefer a picker that returns file handles. With a handle, an upload resumes after a reload, and the user need not
  // choose the file again.
  if (!("showOpenFilePicker" in window)) return;
  event.preventDefault();
  addFiles(await pickFiles(true, describeUnreadable));
});
input.addEventListener("change", () => {
  addFiles(takeChosen(input));
  input.value = "";
});

acceptDrops(requireElement("[data-drop]"), addFiles);
requireElement("[data-panel]").addEventListener("click", (/** @type {any} */ event) => {
  if (event.target.closest("a[href^='/compare']")) stayIfOffline(event);
});

pauseAll.addEventListener("click", () => {
  const pausing = pauseAll.dataset.act === "pause";
  for (const transfer of rows.transfers) {
    if (pausing && transfer.isGoing) transfer.pause();
    else if (!pausing && transfer.state === "paused") transfer.resume();
  }
});
window.addEventListener("signedin", showStorage);
