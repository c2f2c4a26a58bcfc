// The uploads of a page as a list of rows: queue, buttons, uploads of other tabs, and resuming of unfinished uploads.

import { explainError, showToast } from "../base/notice.js";
import { formatBytes, isFromPages, listLiveUploads } from "../videos/api.js";
import { askToCancel } from "./cancel-upload.js";
import { describeUnreadable } from "./drop-zone.js";
import { deleteHandle, listHandles, readHandle } from "./file-handles.js";
import { pickFiles } from "./file-picker.js";
import { ASK_AFTER, openUploadChannel, STATE_HOLDS, toUploadState } from "./tab-channel.js";
import { startWaiting, Transfer } from "./transfer.js";
import { Row } from "./upload-row.js";

/**
 * @typedef {import("./file-picker.js").Chosen} Chosen
 * @typedef {import("./upload-row.js").RowAct} RowAct
 * @typedef {import("./tab-channel.js").Going} Going
 * @typedef {object} UploadRowsOptions
 * @property {HTMLElement} list
 * @property {() => HTMLElement} nextFocus Returns what to focus after the last row is removed.
 * @property {string} purpose The purpose of the uploads that the page shows.
 * @property {ConstructorParameters<typeof Transfer>[0]["read"]} [read] Fetches the finished video.
 * @property {(transfer: Transfer) => void} onState Called when the state of an upload changes.
 * @property {(transfers: Transfer[]) => void} onDrawn Called after rows are redrawn, added or removed.
 * @property {(transfer: Transfer, chosen: Chosen) => void} replace Uploads another file in place of a refused one.
 * @property {() => void} [onStopped] Called after an upload is cancelled.
 * @property {() => Promise<void>} [beforeRetry]
 * @property {() => boolean} [isHeld] Returns true if no upload may start.
 * @property {() => string[]} [tags] Returns the tags for new videos.
 */

const TITLE = document.title;

export class UploadRows {
  /** Rows in the order of the list. @type {Map<Transfer, Row>} */ #rows = new Map();
  /** Latest state of uploads in other tabs, by upload id. @type {Map<string, {at: number, going: Going}>} */
  #elsewhere = new Map();
  /** @type {Set<Transfer>} */ #toDraw = new Set();
  /** @type {WeakMap<Transfer, string>} */ #states = new WeakMap();
  #isDrawing = false;

  /** @param {UploadRowsOptions} options */
  constructor(options) {
    this.options = options;
    this.channel = openUploadChannel({
      onAsk: () => this.#publishState(),
      onAct: (id, act) => {
        const transfer = this.transfers.find((one) => one.uploadId === id);
        if (!transfer) return;
        if (act === "cancelled") {
          transfer.wasCancelled();
          this.#onStopped(transfer);
        } else if (act === "pause" && transfer.isGoing) transfer.pause();
        else if (act === "resume" && transfer.file) transfer.resume();
      },
      onState: (files) => {
        for (const file of files) {
          if (file.state === "stopped") this.#elsewhere.delete(file.id);
          else this.#elsewhere.set(file.id, { at: Date.now(), going: file.state });
          const transfer = this.transfers.find((one) => one.uploadId === file.id && !one.file);
          if (!transfer) continue;
          transfer.sent = Math.max(transfer.sent, file.sent);
          transfer.sentElsewhere(this.#isElsewhere(file.id), file.state);
          if (file.state === "stopped") this.#fetchUnfinished();
        }
      },
    });
    window.addEventListener("offline", () => this.transfers.forEach((one) => one.networkLost()));
    window.addEventListener("online", () => this.#resumeOffline(false));
    window.addEventListener("signedin", () => this.#resumeOffline(true));
    window.addEventListener("beforeunload", (event) => {
      if (this.transfers.some((one) => one.isGoing)) event.preventDefault();
    });
    // Update the countdowns. Send the upload states to other tabs every second, because these states soon expire.
    setInterval(() => this.#everySecond(), 1000);
    this.channel.ask();
    // Wait until other tabs have had time to report their running uploads.
    setTimeout(() => this.#fetchUnfinished(), 300);
  }

  get transfers() {
    return [...this.#rows.keys()];
  }

  /** @param {Transfer} transfer */
  add(transfer) {
    const row = new Row(transfer, (act) => this.#performAct(transfer, act));
    this.#rows.set(transfer, row);
    transfer.isElsewhere = (id) => this.#isElsewhere(id);
    transfer.addEventListener("change", () => this.#onChanged(transfer));
    this.options.list.append(row.element);
    this.#onChanged(transfer);
  }

  /** @param {Transfer} transfer @param {boolean} [byHand] True if the user has removed the upload. */
  remove(transfer, byHand = false) {
    const row = this.#rows.get(transfer);
    if (!row) return;
    const next = /** @type {HTMLElement|null} */ (row.element.nextElementSibling ?? row.element.previousElementSibling);
    const hadFocus = row.element.contains(document.activeElement);
    this.#rows.delete(transfer);
    row.element.remove();
    // After a dialog, the body has the focus.
    if (hadFocus || (byHand && document.activeElement === document.body)) (next ?? this.options.nextFocus()).focus();
    this.#onDrawn();
    this.schedule();
  }

  schedule() {
    if (!this.options.isHeld?.()) startWaiting(this.transfers, this.options.tags?.());
  }

  // Actions

  /** @param {Transfer} transfer @param {RowAct} act */
  async #performAct(transfer, act) {
    if (act === "pause") transfer.pause();
    else if (act === "resume" || act === "try") transfer.resume();
    else if (act === "again") {
      await this.options.beforeRetry?.();
      if (!this.options.isHeld?.()) transfer.resume();
    } else if (act === "cancel") askToCancel(transfer.name, transfer.sent, () => this.#cancel(transfer));
    else if (act === "remove") this.remove(transfer, true);
    else if (act === "reopen") {
      if (await transfer.reopen(true)) return;
      transfer.handle = null;
      this.#rows.get(transfer)?.remark("The file could not be opened. Choose it again to continue.");
    } else if (act === "choose") this.#chooseFile(transfer);
  }

  /**
   * Let the user choose a file: for an unfinished upload, the same file again; after a refusal, another file.
   * @param {Transfer} transfer
   */
  async #chooseFile(transfer) {
    const [chosen] = await pickFiles(false, describeUnreadable);
    if (!chosen) return;
    if (transfer.state === "refused") {
      this.remove(transfer, true);
      return this.options.replace(transfer, chosen);
    }
    if (transfer.fits(chosen.file)) return transfer.giveFile(chosen.file, chosen.handle);
    const [other, own] = [chosen.file, transfer].map(({ name, size }) => `“${name}” (${formatBytes(size)})`);
    this.#rows.get(transfer)?.remark(`${other} is a different file. To continue this upload, choose ${own}.`);
  }

  /** @param {Transfer} transfer */
  async #cancel(transfer) {
    try {
      if (await transfer.cancel()) this.#onStopped(transfer);
    } catch (error) {
      showToast(`The upload of “${transfer.name}” could not be cancelled. ${explainError(error)}`, "bad");
    }
  }

  /** @param {Transfer} transfer */
  #onStopped(transfer) {
    this.#publishEnd(transfer);
    this.remove(transfer, true);
    this.options.onStopped?.();
  }

  /** Resume the uploads that wait for a sign-in, or those that wait for something else. @param {boolean} ofSession */
  #resumeOffline(ofSession) {
    for (const transfer of this.transfers)
      if (transfer.state === "offline" && (transfer.lack === "session") === ofSession) transfer.resume();
  }

  // Changes

  /** @param {Transfer} transfer */
  #onChanged(transfer) {
    this.#toDraw.add(transfer);
    if (this.#states.get(transfer) !== transfer.state) {
      this.#states.set(transfer, transfer.state);
      queueMicrotask(() => this.schedule());
      if (["processing", "ready", "refused", "failed"].includes(transfer.state)) this.#publishEnd(transfer);
      else if (transfer.isGoing || transfer.state === "paused") this.#publishState();
      this.options.onState(transfer);
    }
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    // Limit redraws by a timer: progress events are frequent, and hidden pages get no animation frames.
    setTimeout(() => {
      this.#isDrawing = false;
      for (const one of this.#toDraw) this.#rows.get(one)?.draw();
      this.#toDraw.clear();
      this.#onDrawn();
    }, 100);
  }

  #onDrawn() {
    const going = this.transfers.filter((one) => one.isGoing);
    const [sent, size] = going.reduce(([s, z], one) => [s + one.sent, z + one.size], [0, 0]);
    document.title = size ? `${Math.floor((sent / size) * 100)} % · ${TITLE}` : TITLE;
    this.options.onDrawn(this.transfers);
  }

  // Other tabs

  /** Milliseconds since another tab has reported an upload. @param {string} id */
  #silence(id) {
    return Date.now() - (this.#elsewhere.get(id)?.at ?? 0);
  }

  /** @param {string} id */
  #isElsewhere(id) {
    return this.#silence(id) < STATE_HOLDS;
  }

  #publishState() {
    const files = this.transfers.filter((one) => one.uploadId && one.file && (one.isGoing || one.state === "paused"));
    if (files.length) this.channel.tell(files.map((one) => toUploadState(one)));
  }

  /** @param {Transfer} transfer */
  #publishEnd(transfer) {
    if (transfer.uploadId) this.channel.tell([toUploadState(transfer, "stopped")]);
  }

  #everySecond() {
    for (const [transfer, row] of this.#rows) {
      if (transfer.state === "offline") row.draw();
      if (transfer.state !== "elsewhere") continue;
      // Ask tabs that have not reported lately: the timers of hidden tabs are slow, but hidden tabs answer at once.
      if (this.#silence(transfer.uploadId) > ASK_AFTER) this.channel.ask();
      if (!this.#isElsewhere(transfer.uploadId)) {
        transfer.sentElsewhere(false);
        this.#fetchUnfinished();
      }
    }
    this.#publishState();
  }

  // Unfinished uploads

  async #fetchUnfinished() {
    const { purpose, read } = this.options;
    let uploads;
    // Read the handles before the list of uploads. Otherwise, the handle of an upload that starts meanwhile would seem
    // unused and be deleted.
    const kept = await listHandles();
    try {
      const known = await listLiveUploads();
      // Delete the handles of uploads that no longer exist. Keep those of other purposes, because another page resumes
      // these uploads.
      for (const id of kept) if (!known.some((upload) => upload.id === id)) deleteHandle(id);
      uploads = known.filter((upload) => isFromPages(upload) && upload.purpose === purpose);
    } catch {
      return; // ignore the error: a banner reports it
    }
    const live = new Set(uploads.map((upload) => upload.id));
    for (const transfer of this.transfers)
      if (!transfer.file && !live.has(transfer.uploadId) && ["unfinished", "elsewhere"].includes(transfer.state))
        this.remove(transfer);
    for (const upload of uploads.reverse()) {
      const isOurs = () => this.transfers.some((one) => one.uploadId === upload.id || one.hasJustBegun(upload));
      if (isOurs()) continue;
      const transfer = Transfer.unfinished(upload, { into: { purpose }, read });
      transfer.handle = (await readHandle(upload.id)) ?? null;
      transfer.sentElsewhere(this.#isElsewhere(upload.id), this.#elsewhere.get(upload.id)?.going);
      if (isOurs()) continue;
      this.add(transfer);
      if (transfer.state === "unfinished") transfer.reopen(false);
    }
  }
}
