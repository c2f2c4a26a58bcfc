// The upload page: the queue of uploads, and resuming of unfinished uploads.

import { jobs, me } from "../base/api.js";
import { icon, need, setText } from "../base/dom.js";
import { counted } from "../base/format.js";
import { LiveChannel } from "../base/live-channel.js";
import { explain, toast } from "../base/notice.js";
import { bytes, INGEST, isOfPages, liveUploads, parseTags, readVideo, round } from "../videos/api.js";
import { askToCancel } from "./cancel-upload.js";
import { ASK_AFTER, STATE_HOLDS, uploadChannel } from "./tab-channel.js";
import { chosenFrom, pickFiles } from "./file-picker.js";
import { takeDrops, unreadable } from "./drop-zone.js";
import { dropHandle, handleOf, keptHandles } from "./file-handles.js";
import { Row } from "./upload-row.js";
import { tooLarge, Transfer } from "./transfer.js";

/**
 * @typedef {import("./file-picker.js").Chosen} Chosen
 * @typedef {import("./upload-row.js").RowAct} RowAct
 * @typedef {import("./tab-channel.js").Going} Going
 */

const AT_ONCE = 3;
const SIGNED_OUT = 4401;
const RUNNING = new Set(["queued", "processing", "waiting", "paused"]);
const UNDER_WAY = new Set(["waiting", "sending", "paused", "offline", "elsewhere", "processing"]);
const NEEDS_YOU = new Set(["refused", "failed", "unfinished"]);
const TITLE = document.title;

const list = need("[data-list]");
const panel = need("[data-panel]");
const drop = need("[data-drop]");
const input = /** @type {HTMLInputElement} */ (need("#files"));
const pauseAll = need("[data-pause-all]");

/** Rows of the uploads, in the order of the list. @type {Map<Transfer, Row>} */ const rows = new Map();
/** Latest state of uploads in other tabs, by upload id. @type {Map<string, {at: number, going: Going}>} */ const elsewhere =
  new Map();
/** Latest message of each job. @type {Map<string, any>} */ const heard = new Map();
/** @type {import("../../../docs/openapi").Me|null} */ let account = null;
/** Name of another user who signed in after this page loaded. Uploads pause: they would go to that user's library. */
let stranger = "";

const channel = uploadChannel({
  onAsk: tellTabs,
  onAct: (id, act) => {
    const transfer = all().find((one) => one.uploadId === id);
    if (!transfer) return;
    if (act === "cancelled") letGo(transfer);
    else if (act === "pause" && transfer.isGoing) transfer.pause();
    else if (act === "resume" && transfer.file) transfer.resume();
  },
  onState: (files) => {
    for (const file of files) {
      if (file.state === "stopped") elsewhere.delete(file.id);
      else elsewhere.set(file.id, { at: Date.now(), going: file.state });
      const transfer = all().find((one) => one.uploadId === file.id && !one.file);
      if (!transfer) continue;
      transfer.sent = Math.max(transfer.sent, file.sent);
      transfer.sentElsewhere(isElsewhere(file.id), file.state);
      if (file.state === "stopped") askUnfinished();
    }
  },
});

function all() {
  return [...rows.keys()];
}

/** @param {string} id */
function isElsewhere(id) {
  return Date.now() - (elsewhere.get(id)?.at ?? 0) < STATE_HOLDS;
}

// New files

/** @param {Chosen[]} files */
async function add(files) {
  await limitsKnown;
  for (const { file, handle } of files) {
    const waiting = all().find((one) => (one.state === "unfinished" || one.state === "elsewhere") && one.fits(file));
    if (waiting?.state === "unfinished") waiting.giveFile(file, handle);
    else if (waiting || all().some((one) => isSame(one, file))) toast(`“${file.name}” is already in the list.`, "warn");
    else begin(new Transfer({ file, name: file.name, size: file.size, handle }));
  }
}

/** @param {Transfer} transfer @param {File} file */
function isSame(transfer, file) {
  return (
    transfer.state !== "ready" &&
    !NEEDS_YOU.has(transfer.state) &&
    transfer.fits(file) &&
    (!transfer.file || transfer.file.lastModified === file.lastModified)
  );
}

/** @param {Transfer} transfer */
function begin(transfer) {
  const limit = account?.limits.max_upload_bytes;
  if (limit && transfer.size > limit) transfer.refuse("too_large", ...tooLarge(limit));
  else if (transfer.size === 0)
    transfer.refuse(
      "empty",
      "Empty file",
      "If the file is still being recorded or copied, add it again when that is finished.",
    );
  show(transfer);
}

/** @param {Transfer} transfer */
function show(transfer) {
  const row = new Row(transfer, (act) => does(transfer, act));
  rows.set(transfer, row);
  transfer.isElsewhere = isElsewhere;
  transfer.addEventListener("change", () => changed(transfer));
  list.append(row.element);
  changed(transfer);
}

/** @param {Transfer} transfer */
function forget(transfer) {
  const row = rows.get(transfer);
  if (!row) return;
  const next = /** @type {HTMLElement|null} */ (row.element.nextElementSibling ?? row.element.previousElementSibling);
  const hadFocus = row.element.contains(document.activeElement);
  rows.delete(transfer);
  row.element.remove();
  if (hadFocus || document.activeElement === document.body) (next ?? input).focus();
  drawSummary();
  schedule();
}

// Actions

/** @param {Transfer} transfer @param {RowAct} act */
async function does(transfer, act) {
  if (act === "pause") transfer.pause();
  else if (act === "resume" || act === "try") transfer.resume();
  else if (act === "again") {
    await showStorage();
    if (!stranger) transfer.resume();
  } else if (act === "cancel") askToCancel(transfer.name, transfer.sent, () => stop(transfer));
  else if (act === "remove") forget(transfer);
  else if (act === "reopen") {
    if (await transfer.reopen(true)) return;
    transfer.handle = null;
    rows.get(transfer)?.remark("The file could not be opened. Choose it again to continue.");
  } else if (act === "choose") chooseFor(transfer);
}

/**
 * Let the user choose the missing file of an unfinished upload, or another file instead of a refused one.
 * @param {Transfer} transfer
 */
async function chooseFor(transfer) {
  const [chosen] = await pickFiles(false, unreadable);
  if (!chosen) return;
  if (transfer.state === "refused") {
    forget(transfer);
    return add([chosen]);
  }
  if (transfer.fits(chosen.file)) return transfer.giveFile(chosen.file, chosen.handle);
  rows
    .get(transfer)
    ?.remark(
      `“${chosen.file.name}” (${bytes(chosen.file.size)}) is another file. Choose “${transfer.name}” (${bytes(transfer.size)}).`,
    );
}

/** @param {Transfer} transfer */
async function stop(transfer) {
  try {
    if (await transfer.cancel()) stopped(transfer);
  } catch (error) {
    toast(`The upload of “${transfer.name}” was not cancelled. ${explain(error)}`, "bad");
  }
}

/** @param {Transfer} transfer */
function letGo(transfer) {
  transfer.wasCancelled();
  stopped(transfer);
}

/** @param {Transfer} transfer */
function stopped(transfer) {
  const id = transfer.uploadId;
  if (id) channel.tell([{ id, name: transfer.name, state: "stopped", sent: 0, size: transfer.size, speed: 0 }]);
  forget(transfer);
  showStorage();
}

// Queue

function schedule() {
  if (stranger) return;
  let places = AT_ONCE - all().filter((one) => one.state === "sending").length;
  for (const transfer of all()) {
    if (places <= 0) return;
    if (transfer.state !== "waiting" || !transfer.file) continue;
    transfer.tags = parseTags(/** @type {HTMLInputElement} */ (need("#tags")).value);
    places -= 1;
    transfer.start();
  }
}

let drawing = false;
/** @type {Set<Transfer>} */ const toDraw = new Set();
/** @type {WeakMap<Transfer, string>} */ const was = new WeakMap();

/** @param {Transfer} transfer */
function changed(transfer) {
  toDraw.add(transfer);
  if (was.get(transfer) !== transfer.state) {
    was.set(transfer, transfer.state);
    stateChanged(transfer);
  }
  if (drawing) return;
  drawing = true;
  // A timer limits redraws: progress events are frequent, and hidden pages get no animation frames.
  setTimeout(() => {
    drawing = false;
    for (const one of toDraw) rows.get(one)?.draw();
    toDraw.clear();
    drawSummary();
  }, 100);
}

/** @param {Transfer} transfer */
function stateChanged(transfer) {
  queueMicrotask(schedule);
  if (["processing", "ready", "refused", "failed"].includes(transfer.state) && transfer.uploadId)
    channel.tell([
      {
        id: transfer.uploadId,
        name: transfer.name,
        state: "stopped",
        sent: transfer.sent,
        size: transfer.size,
        speed: 0,
      },
    ]);
  else if (transfer.isGoing || transfer.state === "paused") tellTabs();
  if (transfer.error?.type === "stopped_elsewhere") showStorage();
  if (transfer.state === "processing" || transfer.state === "ready") {
    showStorage();
    const job = heard.get(transfer.video?.job_id ?? "");
    if (job) jobChanged(job);
  }
}

function tellTabs() {
  const files = all().filter((one) => one.uploadId && one.file && (one.isGoing || one.state === "paused"));
  if (files.length)
    channel.tell(
      files.map((one) => ({
        id: one.uploadId,
        name: one.name,
        state: /** @type {any} */ (one.state),
        sent: one.sent,
        size: one.size,
        speed: one.speed,
      })),
    );
}

// Summary

function drawSummary() {
  const transfers = all();
  panel.hidden = transfers.length === 0;
  const count = (/** @type {(one: Transfer) => boolean} */ fits) => transfers.filter(fits).length;
  const ready = transfers.filter((one) => one.state === "ready");
  setText(need("[data-count]"), counted(transfers.length, "file"));
  const needing = count((one) => NEEDS_YOU.has(one.state));
  const words = [
    `${ready.length} ready`,
    `${count((one) => UNDER_WAY.has(one.state))} in progress`,
    needing === 1 ? "1 needs attention" : `${needing} need attention`,
  ];
  setText(need("[data-summary]"), words.filter((word) => !word.startsWith("0 ")).join(" · "));
  const speed = transfers.reduce((sum, one) => sum + one.speed, 0);
  setText(need("[data-speed]"), speed > 0 ? `${bytes(speed)}/s` : "");
  const going = transfers.some((one) => one.isGoing);
  const paused = transfers.some((one) => one.state === "paused");
  pauseAll.hidden = !going && !paused;
  if (pauseAll.dataset.act !== (going ? "pause" : "resume")) {
    pauseAll.dataset.act = going ? "pause" : "resume";
    pauseAll.replaceChildren(icon(going ? "pause" : "play"), going ? "Pause all" : "Resume all");
  }
  const compare = need("[data-compare]");
  const ids = ready.map((one) => one.video?.id).filter(Boolean);
  compare.hidden = ids.length < 2 || ids.length > 3;
  compare.href = `/compare?new&${ids.map((id) => `video=${id}`).join("&")}`;
  setText(need("span", compare), `Compare ${ids.length} videos`);
  const [sent, size] = transfers.reduce(([s, z], one) => (one.isGoing ? [s + one.sent, z + one.size] : [s, z]), [0, 0]);
  document.title = size ? `${Math.floor((sent / size) * 100)} % · ${TITLE}` : TITLE;
}

async function showStorage() {
  try {
    account = await me();
  } catch {
    return; // ignore the error: the server checks the limits too
  }
  if (!account) return;
  if (account.username !== document.body.dataset.user) return leaveAlone(account.username);
  const { limits, usage, tier } = account;
  setText(
    need("[data-free]"),
    `${bytes(Math.max(0, limits.max_storage_bytes - usage.storage_bytes))} free of ${round(limits.max_storage_bytes)}`,
  );
  setText(
    need("[data-limit]"),
    `Up to ${round(limits.max_upload_bytes)} each on ${tier[0].toUpperCase()}${tier.slice(1)}, several at once.`,
  );
}

/** @param {string} name */
function leaveAlone(name) {
  if (!stranger) toast(`${name} has signed in in this browser, so the uploads are paused. Reload the page.`, "bad");
  stranger = name;
  for (const transfer of all()) if (transfer.isGoing) transfer.pause();
}

const limitsKnown = showStorage();

// Unfinished uploads

async function askUnfinished() {
  let uploads;
  // List the handles before the uploads. In the other order, an upload that starts in between would lose its handle.
  const kept = await keptHandles();
  try {
    const known = await liveUploads();
    // Uploads for analyses resume on another page and keep their handles.
    for (const id of kept) if (!known.some((upload) => upload.id === id)) dropHandle(id);
    uploads = known.filter((upload) => isOfPages(upload) && upload.purpose === "library");
  } catch {
    return;
  }
  const live = new Set(uploads.map((upload) => upload.id));
  for (const transfer of all())
    if (!transfer.file && !live.has(transfer.uploadId) && ["unfinished", "elsewhere"].includes(transfer.state))
      forget(transfer);
  for (const upload of uploads.reverse()) {
    const isOurs = () => all().some((one) => one.uploadId === upload.id || one.hasJustBegun(upload));
    if (isOurs()) continue;
    const transfer = Transfer.unfinished(upload);
    transfer.handle = (await handleOf(upload.id)) ?? null;
    transfer.sentElsewhere(isElsewhere(upload.id), elsewhere.get(upload.id)?.going);
    if (isOurs()) continue;
    show(transfer);
    if (transfer.state === "unfinished") transfer.reopen(false);
  }
}

// Processing on the server

new LiveChannel("/ws/jobs/", {
  onMessage: (message) => {
    if (message.type === "jobs") message.jobs.forEach(jobChanged);
    else if (message.type === "job") jobChanged(message.job);
  },
  snapshot: () => jobs(100),
  onSnapshot: (snapshot) => snapshot.jobs.forEach(jobChanged),
  subject: (message) => message.job?.id ?? message.id ?? "",
  final: new Set([SIGNED_OUT]),
});

/** @param {any} job */
function jobChanged(job) {
  if (job.kind !== INGEST) return;
  heard.set(job.id, job);
  for (const transfer of all()) {
    if (transfer.state !== "processing" && transfer.state !== "ready") continue;
    // As long as this page has not read the upload's video, any ingest job may be the upload's.
    const isItsOwn = transfer.video?.job_id === job.id;
    if (!isItsOwn && (transfer.video || !transfer.resource)) continue;
    const runs = RUNNING.has(job.status);
    const ended =
      isItsOwn && !runs && (transfer.work !== null || transfer.state === "processing" || !transfer.video?.poster_url);
    if (isItsOwn && runs) transfer.working({ progress: job.progress, message: job.message });
    const mayHaveChanged = runs && (transfer.state === "processing" || !transfer.video?.poster_url);
    if (ended || mayHaveChanged || !transfer.video) renew(transfer, ended);
  }
}

/** @type {Set<Transfer>} */ const renewing = new Set();

/** @param {Transfer} transfer @param {boolean} ended */
async function renew(transfer, ended) {
  if (renewing.has(transfer) && !ended) return;
  renewing.add(transfer);
  try {
    const video = await readVideo(transfer.resource);
    if (ended) transfer.working(null);
    transfer.adopt(video);
  } catch {
    // Ignore the error: the next message of the job starts another attempt.
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
  add(await pickFiles(true, unreadable));
});
input.addEventListener("change", () => {
  add(chosenFrom(input));
  input.value = "";
});

takeDrops(drop, add);

pauseAll.addEventListener("click", () => {
  const pausing = pauseAll.dataset.act === "pause";
  for (const transfer of all()) {
    if (pausing && transfer.isGoing) transfer.pause();
    else if (!pausing && transfer.state === "paused") transfer.resume();
  }
});
window.addEventListener("offline", () => all().forEach((transfer) => transfer.networkLost()));
window.addEventListener("online", () => {
  for (const transfer of all()) if (transfer.state === "offline" && transfer.lack !== "session") transfer.resume();
});
window.addEventListener("signedin", () => {
  for (const transfer of all()) if (transfer.state === "offline" && transfer.lack === "session") transfer.resume();
  showStorage();
});
window.addEventListener("beforeunload", (event) => {
  if (all().some((transfer) => transfer.isGoing)) event.preventDefault();
});
// Update countdowns. Send the upload states to other tabs before the previously sent states expire there.
setInterval(() => {
  for (const [transfer, row] of rows) {
    if (transfer.state === "offline") row.draw();
    if (transfer.state !== "elsewhere") continue;
    // Ask tabs that have not reported lately: the timers of hidden tabs are slow, but hidden tabs answer at once.
    if (Date.now() - (elsewhere.get(transfer.uploadId)?.at ?? 0) > ASK_AFTER) channel.ask();
    if (!isElsewhere(transfer.uploadId)) {
      transfer.sentElsewhere(false);
      askUnfinished();
    }
  }
  tellTabs();
}, 1000);

channel.ask();
// Wait until other tabs have had time to report their running uploads.
setTimeout(askUnfinished, 300);
