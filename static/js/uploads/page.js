// The upload page: the queue of uploads, and resuming of unfinished uploads.

import { readAccount } from "../base/api.js";
import { requireElement, setText } from "../base/dom.js";
import { formatCount } from "../base/format.js";
import { watchJobs } from "../base/job-updates.js";
import { explainError, showToast } from "../base/notice.js";
import { html, iconView, mount } from "../base/view.js";
import {
  formatBytes,
  INGEST,
  isFromPages,
  listLiveUploads,
  parseTags,
  readVideo,
  formatRoundBytes,
} from "../videos/api.js";
import { compareAddress, stayIfOffline } from "../videos/compare-link.js";
import { askToCancel } from "./cancel-upload.js";
import { ASK_AFTER, STATE_HOLDS, openUploadChannel, toUploadState } from "./tab-channel.js";
import { takeChosen, pickFiles } from "./file-picker.js";
import { acceptDrops, describeUnreadable } from "./drop-zone.js";
import { deleteHandle, readHandle, listHandles } from "./file-handles.js";
import { Row } from "./upload-row.js";
import { describeTooLarge, startWaiting, Transfer } from "./transfer.js";

/**
 * @typedef {import("./file-picker.js").Chosen} Chosen
 * @typedef {import("./upload-row.js").RowAct} RowAct
 * @typedef {import("./tab-channel.js").Going} Going
 */

const RUNNING = new Set(["queued", "processing", "waiting", "paused"]);
const UNDER_WAY = new Set(["waiting", "sending", "paused", "offline", "elsewhere", "processing"]);
const NEEDS_YOU = new Set(["refused", "failed", "unfinished"]);
const TITLE = document.title;

/** @type {HTMLInputElement} */ const input = requireElement("#files");
const pauseAll = requireElement("[data-pause-all]");
const drawPauseAll = mount(pauseAll);

/** Rows of the uploads, in the order of the list. @type {Map<Transfer, Row>} */ const rows = new Map();
/** Latest state of uploads in other tabs, by upload id. @type {Map<string, {at: number, going: Going}>} */
const elsewhere = new Map();
/** Latest message of each job. @type {Map<string, any>} */ const heard = new Map();
/** @type {import("../../../docs/openapi").Me|null} */ let account = null;
/** Name of another user who signed in after this page loaded. Uploads pause: they would go to that user's library. */
let stranger = "";

const channel = openUploadChannel({
  onAsk: publishState,
  onAct: (id, act) => {
    const transfer = listTransfers().find((one) => one.uploadId === id);
    if (!transfer) return;
    if (act === "cancelled") {
      transfer.wasCancelled();
      onStopped(transfer);
    } else if (act === "pause" && transfer.isGoing) transfer.pause();
    else if (act === "resume" && transfer.file) transfer.resume();
  },
  onState: (files) => {
    for (const file of files) {
      if (file.state === "stopped") elsewhere.delete(file.id);
      else elsewhere.set(file.id, { at: Date.now(), going: file.state });
      const transfer = listTransfers().find((one) => one.uploadId === file.id && !one.file);
      if (!transfer) continue;
      transfer.sent = Math.max(transfer.sent, file.sent);
      transfer.sentElsewhere(isElsewhere(file.id), file.state);
      if (file.state === "stopped") fetchUnfinished();
    }
  },
});

const listTransfers = () => [...rows.keys()];

/** Milliseconds since another tab has reported an upload. @param {string} id */
const getSilence = (id) => Date.now() - (elsewhere.get(id)?.at ?? 0);

/** @param {string} id */
const isElsewhere = (id) => getSilence(id) < STATE_HOLDS;

// New files

/** @param {Chosen[]} files */
async function addFiles(files) {
  await limitsKnown;
  for (const { file, handle } of files) {
    const waiting = listTransfers().find((one) => ["unfinished", "elsewhere"].includes(one.state) && one.fits(file));
    if (waiting?.state === "unfinished") waiting.giveFile(file, handle);
    else if (waiting || listTransfers().some((one) => isSame(one, file)))
      showToast(`“${file.name}” is already in the list.`, "warn");
    else {
      const { name, size } = file;
      const transfer = new Transfer({ file, name, size, handle });
      const limit = account?.limits.max_upload_bytes;
      const advice = "If the file is still being recorded or copied, add it again afterwards.";
      if (limit && size > limit) transfer.refuse("too_large", ...describeTooLarge(limit));
      else if (size === 0) transfer.refuse("empty", "Empty file", advice);
      showTransfer(transfer);
    }
  }
}

/** @param {Transfer} transfer @param {File} file */
function isSame(transfer, file) {
  if (transfer.state === "ready" || NEEDS_YOU.has(transfer.state) || !transfer.fits(file)) return false;
  return !transfer.file || transfer.file.lastModified === file.lastModified;
}

/** @param {Transfer} transfer */
function showTransfer(transfer) {
  const row = new Row(transfer, (act) => performAct(transfer, act));
  rows.set(transfer, row);
  transfer.isElsewhere = isElsewhere;
  transfer.addEventListener("change", () => onChanged(transfer));
  requireElement("[data-list]").append(row.element);
  onChanged(transfer);
}

/** @param {Transfer} transfer */
function forgetTransfer(transfer) {
  const row = rows.get(transfer);
  if (!row) return;
  const next = /** @type {HTMLElement|null} */ (row.element.nextElementSibling ?? row.element.previousElementSibling);
  const hadFocus = row.element.contains(document.activeElement);
  rows.delete(transfer);
  row.element.remove();
  if (hadFocus || document.activeElement === document.body) (next ?? input).focus();
  drawSummary();
  scheduleTransfers();
}

// Actions

/** @param {Transfer} transfer @param {RowAct} act */
async function performAct(transfer, act) {
  if (act === "pause") transfer.pause();
  else if (act === "resume" || act === "try") transfer.resume();
  else if (act === "again") {
    await showStorage();
    if (!stranger) transfer.resume();
  } else if (act === "cancel") askToCancel(transfer.name, transfer.sent, () => stopTransfer(transfer));
  else if (act === "remove") forgetTransfer(transfer);
  else if (act === "reopen") {
    if (await transfer.reopen(true)) return;
    transfer.handle = null;
    rows.get(transfer)?.remark("The file could not be opened. Choose it again to continue.");
  } else if (act === "choose") chooseFileFor(transfer);
}

/**
 * Let the user choose a file: for an unfinished upload, the same file again; after a refusal, another file.
 * @param {Transfer} transfer
 */
async function chooseFileFor(transfer) {
  const [chosen] = await pickFiles(false, describeUnreadable);
  if (!chosen) return;
  if (transfer.state === "refused") {
    forgetTransfer(transfer);
    return addFiles([chosen]);
  }
  if (transfer.fits(chosen.file)) return transfer.giveFile(chosen.file, chosen.handle);
  const [other, own] = [chosen.file, transfer].map(({ name, size }) => `“${name}” (${formatBytes(size)})`);
  rows.get(transfer)?.remark(`${other} is a different file. To continue this upload, choose ${own}.`);
}

/** @param {Transfer} transfer */
async function stopTransfer(transfer) {
  try {
    if (await transfer.cancel()) onStopped(transfer);
  } catch (error) {
    showToast(`The upload of “${transfer.name}” could not be cancelled. ${explainError(error)}`, "bad");
  }
}

/** @param {Transfer} transfer */
function onStopped(transfer) {
  publishEnd(transfer);
  forgetTransfer(transfer);
  showStorage();
}

// Queue

function scheduleTransfers() {
  if (!stranger) startWaiting(listTransfers(), parseTags(requireElement("#tags").value));
}

let drawing = false;
/** @type {Set<Transfer>} */ const toDraw = new Set();
/** @type {WeakMap<Transfer, string>} */ const was = new WeakMap();

/** @param {Transfer} transfer */
function onChanged(transfer) {
  toDraw.add(transfer);
  if (was.get(transfer) !== transfer.state) {
    was.set(transfer, transfer.state);
    onStateChanged(transfer);
  }
  if (drawing) return;
  drawing = true;
  // Limit redraws by a timer: progress events are frequent, and hidden pages get no animation frames.
  setTimeout(() => {
    drawing = false;
    for (const one of toDraw) rows.get(one)?.draw();
    toDraw.clear();
    drawSummary();
  }, 100);
}

/** @param {Transfer} transfer */
function onStateChanged(transfer) {
  queueMicrotask(scheduleTransfers);
  if (["processing", "ready", "refused", "failed"].includes(transfer.state)) publishEnd(transfer);
  else if (transfer.isGoing || transfer.state === "paused") publishState();
  if (transfer.error?.type === "stopped_elsewhere") showStorage();
  if (transfer.state === "processing" || transfer.state === "ready") {
    showStorage();
    const job = heard.get(transfer.video?.job_id ?? "");
    if (job) onJobChanged(job);
  }
}

function publishState() {
  const files = listTransfers().filter((one) => one.uploadId && one.file && (one.isGoing || one.state === "paused"));
  if (files.length) channel.tell(files.map((one) => toUploadState(one)));
}

/** @param {Transfer} transfer */
function publishEnd(transfer) {
  if (transfer.uploadId) channel.tell([toUploadState(transfer, "stopped")]);
}

// Summary

function drawSummary() {
  const transfers = listTransfers();
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
  const [sent, size] = transfers.reduce(([s, z], one) => (one.isGoing ? [s + one.sent, z + one.size] : [s, z]), [0, 0]);
  document.title = size ? `${Math.floor((sent / size) * 100)} % · ${TITLE}` : TITLE;
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
    if (!stranger)
      showToast(`This browser is now signed in as ${username}, so the uploads are paused. Reload the page.`, "bad");
    stranger = username;
    for (const transfer of listTransfers()) if (transfer.isGoing) transfer.pause();
    return;
  }
  const free = formatBytes(Math.max(0, limits.max_storage_bytes - usage.storage_bytes));
  setText(requireElement("[data-free]"), `${free} free of ${formatRoundBytes(limits.max_storage_bytes)}`);
  const most = `Files up to ${formatRoundBytes(limits.max_upload_bytes)}`;
  const plan = `${tier[0].toUpperCase()}${tier.slice(1)} plan`;
  setText(requireElement("[data-limit]"), `${most} on the ${plan}. You can choose several at once.`);
}

const limitsKnown = showStorage();

// Unfinished uploads

async function fetchUnfinished() {
  let uploads;
  // Read the handles before the list of uploads. Otherwise, the handle of an upload that starts meanwhile would seem
  // unused and be deleted.
  const kept = await listHandles();
  try {
    const known = await listLiveUploads();
    // Delete the handles of uploads that no longer exist. Keep those of uploads for analyses, because another page
    // resumes these uploads.
    for (const id of kept) if (!known.some((upload) => upload.id === id)) deleteHandle(id);
    uploads = known.filter((upload) => isFromPages(upload) && upload.purpose === "library");
  } catch {
    return;
  }
  const live = new Set(uploads.map((upload) => upload.id));
  for (const transfer of listTransfers())
    if (!transfer.file && !live.has(transfer.uploadId) && ["unfinished", "elsewhere"].includes(transfer.state))
      forgetTransfer(transfer);
  for (const upload of uploads.reverse()) {
    const isOurs = () => listTransfers().some((one) => one.uploadId === upload.id || one.hasJustBegun(upload));
    if (isOurs()) continue;
    const transfer = Transfer.unfinished(upload);
    transfer.handle = (await readHandle(upload.id)) ?? null;
    transfer.sentElsewhere(isElsewhere(upload.id), elsewhere.get(upload.id)?.going);
    if (isOurs()) continue;
    showTransfer(transfer);
    if (transfer.state === "unfinished") transfer.reopen(false);
  }
}

// Processing on the server

watchJobs({ onJob: onJobChanged });

/** @param {any} job */
function onJobChanged(job) {
  if (job.kind !== INGEST) return;
  heard.set(job.id, job);
  for (const transfer of listTransfers()) {
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
  for (const transfer of listTransfers()) {
    if (pausing && transfer.isGoing) transfer.pause();
    else if (!pausing && transfer.state === "paused") transfer.resume();
  }
});
/** Resume the uploads that wait for a sign-in, or those that wait for something else. @param {boolean} ofSession */
function resumeOffline(ofSession) {
  for (const transfer of listTransfers())
    if (transfer.state === "offline" && (transfer.lack === "session") === ofSession) transfer.resume();
}

window.addEventListener("offline", () => listTransfers().forEach((transfer) => transfer.networkLost()));
window.addEventListener("online", () => resumeOffline(false));
window.addEventListener("signedin", () => {
  resumeOffline(true);
  showStorage();
});
window.addEventListener("beforeunload", (event) => {
  if (listTransfers().some((transfer) => transfer.isGoing)) event.preventDefault();
});
// Update the countdowns. Send the upload states to other tabs every second, because these states soon expire.
setInterval(() => {
  for (const [transfer, row] of rows) {
    if (transfer.state === "offline") row.draw();
    if (transfer.state !== "elsewhere") continue;
    // Ask tabs that have not reported lately: the timers of hidden tabs are slow, but hidden tabs answer at once.
    if (getSilence(transfer.uploadId) > ASK_AFTER) channel.ask();
    if (!isElsewhere(transfer.uploadId)) {
      transfer.sentElsewhere(false);
      fetchUnfinished();
    }
  }
  publishState();
}, 1000);

channel.ask();
// Wait until other tabs have had time to report their running uploads.
setTimeout(fetchUnfinished, 300);
