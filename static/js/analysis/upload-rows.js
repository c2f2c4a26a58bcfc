// The list of files that are being uploaded for analysis.

import { requireElement, setText } from "../base/dom.js";
import { explainError, showToast } from "../base/notice.js";
import { askToCancel } from "../uploads/cancel-upload.js";
import { ASK_AFTER, STATE_HOLDS, openUploadChannel } from "../uploads/tab-channel.js";
import { pickFiles } from "../uploads/file-picker.js";
import { describeUnreadable } from "../uploads/drop-zone.js";
import { deleteHandle, readHandle } from "../uploads/file-handles.js";
import { Row } from "../uploads/upload-row.js";
import { describeTooLarge, Transfer } from "../uploads/transfer.js";
import { formatBytes, isFromPages, listLiveUploads } from "../videos/api.js";

/**
 * @typedef {import("../uploads/file-picker.js").Chosen} Chosen
 * @typedef {import("../uploads/tab-channel.js").Going} Going
 * @typedef {import("../uploads/upload-row.js").RowAct} RowAct
 * @typedef {import("./api.js").Kind} Kind
 */

const PURPOSE = "analysis";
const AT_ONCE = 2;
const TITLE = document.title;
const EMPTY = "The file is empty. If it is still being recorded or copied, add it again afterwards.";

export class Uploads {
  /** @type {Map<Transfer, Row>} */ #rows = new Map();
  /** Uploads of other tabs by upload id. @type {Map<string, {at: number, going: Going}>} */ #elsewhere = new Map();
  #drawing = false;

  /**
   * `onArrived` is called after an upload. It receives the id of the analysis, or "" if the server's response was lost.
   * @param {HTMLElement} panel @param {number} limit @param {(sessionId: string) => void} onArrived
   */
  constructor(panel, limit, onArrived) {
    this.panel = panel;
    this.limit = limit;
    this.list = requireElement("[data-uploads-list]", panel);
    this.onArrived = onArrived;
    this.channel = openUploadChannel({
      onAsk: () => this.#tellTabs(),
      onAct: (id, act) => {
        const transfer = this.#all.find((one) => one.uploadId === id);
        if (act === "pause" && transfer?.isGoing) transfer.pause();
        else if (act === "resume" && transfer?.file) transfer.resume();
        else if (act === "cancelled" && transfer) {
          transfer.wasCancelled();
          this.#stopped(transfer);
        }
      },
      onState: (files) => {
        for (const file of files) {
          if (file.state === "stopped") this.#elsewhere.delete(file.id);
          else this.#elsewhere.set(file.id, { at: Date.now(), going: file.state });
          const transfer = this.#all.find((one) => one.uploadId === file.id && !one.file);
          if (!transfer) continue;
          transfer.sent = Math.max(transfer.sent, file.sent);
          transfer.sentElsewhere(this.#isElsewhere(file.id), file.state);
          if (file.state === "stopped") this.#askUnfinished();
        }
      },
    });
    window.addEventListener("offline", () => this.#all.forEach((one) => one.networkLost()));
    window.addEventListener("online", () => this.#goOn((one) => one.lack !== "session"));
    window.addEventListener("signedin", () => this.#goOn((one) => one.lack === "session"));
    window.addEventListener("beforeunload", (event) => this.#all.some((one) => one.isGoing) && event.preventDefault());
    setInterval(() => this.#everySecond(), 1000);
    this.channel.ask();
    // Ask the server for unfinished uploads only after other tabs have had time to report their own uploads.
    setTimeout(() => this.#askUnfinished(), 300);
  }

  get #all() {
    return [...this.#rows.keys()];
  }

  /** @param {Chosen[]} files @param {Kind} kind @param {Record<string, any>} params */
  add(files, kind, params) {
    // This metadata makes the server analyse an upload.
    const into = { purpose: PURPOSE, analysis_type: kind, params: JSON.stringify(params) };
    for (const { file, handle } of files) {
      const waiting = this.#all.find((one) => one.state === "unfinished" && one.fits(file));
      if (waiting) {
        const words = "was started earlier. It continues with the settings that you chose then.";
        showToast(`The upload of “${file.name}” ${words}`, "warn");
        waiting.giveFile(file, handle);
        continue;
      }
      const transfer = new Transfer({ file, name: file.name, size: file.size, handle, into, read: null });
      if (file.size > this.limit) transfer.refuse("too_large", ...describeTooLarge(this.limit));
      else if (file.size === 0) transfer.refuse("empty", "Empty file", EMPTY);
      this.#show(transfer);
    }
  }

  /** @param {Transfer} transfer */
  #show(transfer) {
    const row = new Row(transfer, (act) => this.#act(transfer, act));
    this.#rows.set(transfer, row);
    transfer.isElsewhere = (id) => this.#isElsewhere(id);
    transfer.addEventListener("change", () => this.#changed(transfer));
    this.list.append(row.element);
    this.#changed(transfer);
  }

  /** @param {Transfer} transfer */
  #changed(transfer) {
    if (transfer.state === "processing") {
      if (!this.#rows.has(transfer)) return;
      this.#stopped(transfer);
      return this.onArrived(transfer.resource);
    }
    queueMicrotask(() => this.#schedule());
    this.#tellTabs();
    if (this.#drawing) return;
    this.#drawing = true;
    // Draw at most every 100 ms, because progress arrives often. Hidden pages get no animation frames, so use a timer.
    setTimeout(() => {
      this.#drawing = false;
      for (const row of this.#rows.values()) row.draw();
      this.#drawSummary();
    }, 100);
  }

  #schedule() {
    let places = AT_ONCE - this.#all.filter((one) => one.state === "sending").length;
    for (const transfer of this.#all) {
      if (places <= 0) return;
      if (transfer.state !== "waiting" || !transfer.file) continue;
      places -= 1;
      transfer.start();
    }
  }

  /** Report the end of an upload to other tabs, and remove its row. @param {Transfer} transfer */
  #stopped(transfer) {
    if (transfer.uploadId) this.channel.tell([{ ...toState(transfer), state: "stopped", speed: 0 }]);
    this.#forget(transfer);
  }

  /** @param {Transfer} transfer */
  #forget(transfer) {
    const row = this.#rows.get(transfer);
    if (!row) return;
    const hadFocus = row.element.contains(document.activeElement);
    const next = /** @type {HTMLElement|null} */ (row.element.nextElementSibling ?? row.element.previousElementSibling);
    this.#rows.delete(transfer);
    row.element.remove();
    this.#drawSummary();
    if (hadFocus) (next ?? /** @type {HTMLElement} */ (requireElement("h1"))).focus();
    this.#schedule();
  }

  /** @param {Transfer} transfer @param {RowAct} act */
  async #act(transfer, act) {
    const cancel = async () => {
      try {
        if (await transfer.cancel()) this.#stopped(transfer);
      } catch (error) {
        showToast(`The upload of “${transfer.name}” could not be cancelled. ${explainError(error)}`, "bad");
      }
    };
    if (act === "pause") transfer.pause();
    else if (act === "resume" || act === "try" || act === "again") transfer.resume();
    else if (act === "remove") this.#forget(transfer);
    else if (act === "cancel") askToCancel(transfer.name, transfer.sent, cancel);
    else if (act === "choose" || (act === "reopen" && !(await transfer.reopen(true)))) this.#choose(transfer);
  }

  /** @param {Transfer} transfer */
  async #choose(transfer) {
    const [chosen] = await pickFiles(false, describeUnreadable);
    if (!chosen) return;
    const { file, handle } = chosen;
    if (transfer.fits(file)) return transfer.giveFile(file, handle);
    if (transfer.state === "refused")
      return showToast(`“${file.name}” is a different file. To analyse it, use “New analysis”.`, "warn");
    const wanted = `To continue this upload, choose “${transfer.name}” (${formatBytes(transfer.size)}).`;
    this.#rows.get(transfer)?.remark(`“${file.name}” (${formatBytes(file.size)}) is a different file. ${wanted}`);
  }

  /** @param {(transfer: Transfer) => boolean} fits */
  #goOn(fits) {
    for (const transfer of this.#all) if (transfer.state === "offline" && fits(transfer)) transfer.resume();
  }

  #drawSummary() {
    const all = this.#all;
    this.panel.hidden = all.length === 0;
    const going = all.filter((one) => one.isGoing);
    const needing = all.length - going.length;
    const words = [
      going.length && `${going.length} uploading`,
      needing && `${needing} ${needing === 1 ? "needs" : "need"} attention`,
    ];
    setText(requireElement("[data-uploads-words]", this.panel), words.filter(Boolean).join(", "));
    const [sent, size] = going.reduce(([s, z], one) => [s + one.sent, z + one.size], [0, 0]);
    document.title = size ? `${Math.floor((sent / size) * 100)} % · ${TITLE}` : TITLE;
  }

  #tellTabs() {
    const files = this.#all.filter((one) => one.uploadId && one.file && (one.isGoing || one.state === "paused"));
    if (files.length) this.channel.tell(files.map(toState));
  }

  /** @param {string} id */
  #isElsewhere(id) {
    return Date.now() - (this.#elsewhere.get(id)?.at ?? 0) < STATE_HOLDS;
  }

  #everySecond() {
    for (const [transfer, row] of this.#rows) {
      if (transfer.state === "offline") row.draw();
      if (transfer.state !== "elsewhere") continue;
      // Ask the sending tab for its progress. Timers of hidden tabs are slow, but hidden tabs answer messages at once.
      if (Date.now() - (this.#elsewhere.get(transfer.uploadId)?.at ?? 0) > ASK_AFTER) this.channel.ask();
      if (!this.#isElsewhere(transfer.uploadId)) {
        transfer.sentElsewhere(false);
        this.#askUnfinished();
      }
    }
    this.#tellTabs();
  }

  async #askUnfinished() {
    let uploads;
    try {
      uploads = (await listLiveUploads()).filter((upload) => isFromPages(upload) && upload.purpose === PURPOSE);
    } catch {
      return; // ignore the error: a banner reports it
    }
    const live = new Set(uploads.map((upload) => upload.id));
    for (const transfer of this.#all) {
      const { file, uploadId, state } = transfer;
      if (file || live.has(uploadId) || !["unfinished", "elsewhere"].includes(state)) continue;
      deleteHandle(uploadId);
      this.#forget(transfer);
    }
    for (const upload of uploads.reverse()) {
      const isOurs = () => this.#all.some((one) => one.uploadId === upload.id || one.hasJustBegun(upload));
      if (isOurs()) continue;
      const transfer = Transfer.unfinished(upload, { into: { purpose: PURPOSE }, read: null });
      transfer.handle = (await readHandle(upload.id)) ?? null;
      transfer.sentElsewhere(this.#isElsewhere(upload.id), this.#elsewhere.get(upload.id)?.going);
      if (isOurs()) continue;
      this.#show(transfer);
      if (transfer.state === "unfinished") transfer.reopen(false);
    }
  }
}

/** @param {Transfer} transfer @returns {import("../uploads/tab-channel.js").UploadState} */
function toState({ uploadId: id, name, state, sent, size, speed }) {
  return { id, name, state: /** @type {any} */ (state), sent, size, speed };
}
