// Uploads into the library that start on the library page instead of the upload page.

import { showToast } from "../base/notice.js";
import { openUploadChannel, toUploadState } from "./tab-channel.js";
import { startWaiting, Transfer } from "./transfer.js";

/**
 * @typedef {import("./tab-channel.js").UploadState} UploadState
 * @typedef {import("./tab-channel.js").UploadAct} UploadAct
 */

export class Sending {
  /** @type {Transfer[]} */ #transfers = [];

  /** @param {{state: (files: UploadState[]) => void, arrived: () => void}} on */
  constructor(on) {
    this.on = on;
    this.channel = openUploadChannel({ onAsk: () => this.#tell(), onAct: (id, act) => this.act(id, act) });
    window.addEventListener("offline", () => this.#transfers.forEach((one) => one.networkLost()));
    for (const back of ["online", "signedin"])
      window.addEventListener(back, () => this.#transfers.forEach((one) => one.state === "offline" && one.resume()));
    window.addEventListener("beforeunload", (event) => {
      if (this.#transfers.some((one) => one.isGoing)) event.preventDefault();
    });
    setInterval(() => this.#tell(), 1000);
  }

  /** @param {import("./file-picker.js").Chosen[]} files */
  add(files) {
    for (const { file, handle } of files) {
      const transfer = new Transfer({ file, name: file.name, size: file.size, handle });
      this.#transfers.push(transfer);
      transfer.addEventListener("change", () => this.#changed(transfer));
      if (!file.size) transfer.refuse("empty", "Empty file", "Choose another file.");
    }
    startWaiting(this.#transfers);
  }

  /** @param {string} id @param {UploadAct} act */
  act(id, act) {
    const transfer = this.#transfers.find((one) => one.uploadId === id);
    if (act === "cancelled") transfer?.wasCancelled();
    else if (act === "pause" && transfer?.isGoing) transfer.pause();
    else if (act === "resume") transfer?.resume();
  }

  /** @param {Transfer} transfer */
  #changed(transfer) {
    if (["sending", "waiting", "offline", "paused"].includes(transfer.state))
      return queueMicrotask(() => startWaiting(this.#transfers));
    if (!this.#transfers.includes(transfer)) return;
    this.#transfers = this.#transfers.filter((one) => one !== transfer);
    if (transfer.state === "refused")
      showToast(`“${transfer.name}” was not uploaded. ${transfer.error?.title}. ${transfer.error?.text}`, "bad");
    if (transfer.uploadId) this.#say([toUploadState(transfer, "stopped")]);
    if (transfer.state === "processing" || transfer.state === "ready") this.on.arrived();
    startWaiting(this.#transfers);
  }

  #tell() {
    const known = this.#transfers.filter((one) => one.uploadId);
    if (known.length) this.#say(known.map((one) => toUploadState(one)));
  }

  /** @param {UploadState[]} files */
  #say(files) {
    this.channel.tell(files);
    this.on.state(files);
  }
}
