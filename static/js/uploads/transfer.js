// The upload of one file until its video is ready. The bytes go through the site by tus, or straight to the bucket.
// Fires "change".

import { readCookie } from "../base/api.js";
import { Upload } from "../../vendor/tus-js-client/tus.min.js";
import { formatBytes, findEndedUpload, readVideo, formatRoundBytes, TUS } from "../videos/api.js";
import { cancelUpload } from "./cancel-upload.js";
import { DirectStack, mayGoDirect, choosePartSize } from "./direct-upload.js";
import { deleteHandle, openFile, storeHandle } from "./file-handles.js";
import { Speed } from "./transfer-speed.js";

/**
 * @typedef
 *   {"waiting"|"sending"|"paused"|"offline"|"unfinished"|"elsewhere"|"refused"|"processing"|"ready"|"failed"|"gone"}
 *   State State of an upload. "unfinished": this page needs the file again, by its handle or from the user.
 *   "elsewhere": another tab sends the file. "refused": the file was rejected. "failed": the file was uploaded, but
 *   cannot be used.
 */

/** @typedef {import("../videos/api.js").Video} Video */
/** @typedef {{purpose: string, [more: string]: string}} Into Metadata of the upload. */

// The first piece is small, so that the server soon refuses a file that is no video. Later pieces stay below the size
// limits of proxies.
const FIRST_PIECE = 1024 * 1024;
const PIECE = 16 * 1024 * 1024;
const AT_ONCE = 3; // maximum number of files that are sent at once
const STALLED = 30_000; // ms without progress after which the connection counts as lost
const FIRST_WAIT = 1000;
/** True once this page failed to reach the bucket. */ let isBucketShut = false;
const LONGEST_WAIT = 30_000;

export class Transfer extends EventTarget {
  /** @type {State} */ state = "waiting";
  sent = 0;
  /** @type {{title: string, text: string, type: string}|null} */ error = null;
  /** @type {Video|null} */ video = null;
  /** State of the ingest job; null when none runs. @type {{progress: number, message: string}|null} */ work = null;
  /** Time of the next retry, as Date.now(); 0 if the retry waits for the network. */
  retryAt = 0;
  /** Reason why the state is "offline". @type {"network"|"server"|"session"} */
  lack = "network";
  uploadId = "";
  /** State of this upload as reported by another tab. @type {import("./tab-channel.js").Going} */ going = "sending";
  /** Time when the unfinished upload expires. @type {Date|null} */ expires = null;
  /** Tags for the new video. @type {string[]} */ tags = [];
  /** Function that returns whether another tab sends an upload. @type {(id: string) => boolean} */
  isElsewhere = () => false;
  #speed = new Speed();
  /** @type {any} */ #upload = null;
  /** @type {DirectStack|null} */ #bucket = null;
  /** Id of the new video; empty until known. */ resource = "";
  /** True once the server has confirmed the upload's creation. */ #isKnown = false;
  /** Ends with the creation request; null if none runs. @type {PromiseWithResolvers<void>|null} */ #beginning = null;
  #tries = 0;
  #piece = PIECE;
  #timer = 0;
  #watch = 0;
  #movedAt = 0;

  /**
   * `size` is the size of the file in bytes. `read` fetches the finished video; null if the caller fetches it.
   * @param {{file: File|null, name: string, size: number, handle?: FileSystemFileHandle|null, into?: Into,
   *   read?: ((id: string) => Promise<Video>)|null}} about
   */
  constructor({ file, name, size, handle = null, into = { purpose: "library" }, read = readVideo }) {
    super();
    this.into = into;
    this.read = read;
    this.file = file;
    this.name = name;
    this.size = size;
    this.handle = handle;
    this.isDirect = !isBucketShut && mayGoDirect(into);
    this.#piece = this.isDirect ? choosePartSize(size, PIECE) : PIECE;
  }

  /**
   * Represent an upload that was started before this page loaded or in another tab.
   * @param {import("../videos/api.js").Upload} upload
   * @param {{into?: Into, read?: ((id: string) => Promise<Video>)|null}} [about]
   */
  static unfinished(upload, about = {}) {
    const transfer = new Transfer({ file: null, name: upload.filename, size: upload.size, ...about });
    transfer.state = "unfinished";
    transfer.sent = upload.offset;
    transfer.uploadId = upload.id;
    transfer.isDirect = upload.front === "direct";
    if (upload.chunk_size) transfer.#piece = upload.chunk_size;
    transfer.#isKnown = true;
    transfer.expires = new Date(upload.expires_at);
    return transfer;
  }

  /** Speed in bytes per second. @returns {number} */
  get speed() {
    return this.state === "sending" ? this.#speed.value : 0;
  }

  /** True if leaving the page would interrupt the upload. */
  get isGoing() {
    return this.file !== null && (this.state === "waiting" || this.state === "sending" || this.state === "offline");
  }

  /** Return whether a file has the name and size of this upload's file. @param {File} file */
  fits(file) {
    return file.size === this.size && file.name.normalize("NFC") === this.name.normalize("NFC");
  }

  /**
   * Return whether an upload in the server's list may be this upload, by size and name. Return false once the creation
   * request is answered, because this upload's id is then known.
   * @param {import("../videos/api.js").Upload} upload
   */
  hasJustBegun(upload) {
    const isSame = this.size === upload.size && this.name.normalize("NFC") === upload.filename;
    return this.#beginning !== null && this.uploadId === "" && isSame;
  }

  /** @param {File} file @param {FileSystemFileHandle|null} [handle] */
  giveFile(file, handle = null) {
    this.file = file;
    this.handle = handle ?? this.handle;
    this.#set("waiting");
  }

  /**
   * Open the file by its handle; `ask` allows to ask the user for permission. Return false if the file is inaccessible,
   * or if its name or size is not that of the upload.
   * @param {boolean} ask @returns {Promise<boolean>}
   */
  async reopen(ask) {
    const file = this.handle && (await openFile(this.handle, ask));
    if (!file || !this.fits(file)) return false;
    this.giveFile(file);
    return true;
  }

  async start() {
    if (!this.file) return;
    clearTimeout(this.#timer);
    this.error = null;
    this.#speed.forget();
    this.#set("sending");
    this.#watchMoves();
    // If the user has paused and resumed, the first creation request may still be running; wait for its response.
    if (this.#beginning) return;
    if (!this.#upload) {
      this.#upload = this.#make(this.file);
      /** @type {any[]} */ const previous = this.uploadId ? [] : await this.#upload.findPreviousUploads();
      const [before] = previous.sort((one, other) => Date.parse(other.creationTime) - Date.parse(one.creationTime));
      if (before && this.isElsewhere(getId(before.uploadUrl))) {
        this.#stop();
        this.#upload = null;
        return this.refuse("elsewhere", "Already uploading", "Another tab is uploading this file.");
      }
      if (before) {
        this.#upload.resumeFromPreviousUpload(before);
        this.#bind();
      }
    }
    // The user may have paused during the search for an interrupted upload of this file.
    if (/** @type {State} */ (this.state) !== "sending") return;
    if (!this.#upload.options.uploadUrl) this.#beginning = Promise.withResolvers();
    this.#upload.start();
  }

  pause() {
    // Do not abort the creation request: the server might create the upload, but this page would not learn its id.
    if (!this.#beginning) this.#stop();
    this.#set("paused");
  }

  /** Queue the upload again and reset its retry delay. */
  resume() {
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#set("waiting");
  }

  networkLost() {
    if (this.state !== "sending") return;
    this.#stop();
    this.#lacks("network", 0);
  }

  /**
   * Cancel the upload and delete its data. Return false if the upload had already ended. After an error, the upload
   * stays paused.
   * @returns {Promise<boolean>} @throws {import("../base/api.js").ApiError}
   */
  async cancel() {
    if (this.file) this.pause();
    await this.#beginning?.promise;
    this.#stop();
    if (this.uploadId) {
      const error = await cancelUpload(this.uploadId, this.isDirect).catch((error) => error);
      if (error?.status === 409) return this.#ended().then(() => false);
      if (error && error.status !== 404 && error.status !== 410) throw error;
    }
    this.wasCancelled();
    return true;
  }

  wasCancelled() {
    // Stop again, because the user may have resumed the upload during its deletion.
    this.#stop();
    if (this.uploadId) deleteHandle(this.uploadId);
    this.#forgetAddress();
    this.#set("gone");
  }

  /** @param {string} type @param {string} title @param {string} text */
  refuse(type, title, text) {
    this.error = { type, title, text };
    this.#set("refused");
  }

  /** @param {Video} video */
  adopt(video) {
    this.video = video;
    const { type = "", message: text = "" } = video.error ?? {};
    if (video.status === "failed") this.error = { type, title: "This file cannot be used", text };
    this.#set(video.status === "failed" || video.status === "ready" ? video.status : "processing");
  }

  /** @param {{progress: number, message: string}|null} work State of the ingest job; null once it ended. */
  working(work) {
    this.work = work && { ...work, progress: Math.max(this.work?.progress ?? 0, work.progress) };
    this.#set();
  }

  /** @param {boolean} sends True if another tab sends this upload. @param {import("./tab-channel.js").Going} [going] */
  sentElsewhere(sends, going = "sending") {
    this.going = going;
    if (sends && (this.state === "unfinished" || this.state === "elsewhere")) this.#set("elsewhere");
    else if (!sends && this.state === "elsewhere") this.#set("unfinished");
  }

  /** @param {File} file */
  #make(file) {
    const tags = this.tags.length ? JSON.stringify(this.tags) : "";
    const begin = () => ({
      filename: file.name,
      content_type: file.type,
      ...this.into,
      ...(tags && { tags: this.tags }),
    });
    if (this.isDirect) this.#bucket = new DirectStack({ size: file.size, piece: this.#piece, begin });
    return new Upload(file, {
      // If the server refuses HEAD for a known upload, tus-js-client starts a new upload at the endpoint. To prevent
      // this, set no endpoint.
      endpoint: this.uploadId ? null : TUS,
      fingerprint: async () => makeFingerprint(file, this.into, this.isDirect),
      uploadUrl: this.uploadId ? new URL(`${TUS}${this.uploadId}`, location.href).href : null,
      metadata: { filename: file.name, filetype: file.type, ...this.into, ...(tags && { tags }) },
      chunkSize: this.isDirect ? this.#piece : FIRST_PIECE,
      ...(this.#bucket && { httpStack: this.#bucket }),
      // Transfer schedules the retries itself, to show a countdown.
      retryDelays: null,
      removeFingerprintOnSuccess: true,
      // Read the CSRF token for each request, because signing in changes it.
      onBeforeRequest: (/** @type {any} */ request) => request.setHeader("X-CSRFToken", readCookie("csrftoken")),
      onAfterResponse: (/** @type {any} */ _, /** @type {any} */ response) => this.#answered(response),
      onUploadUrlAvailable: () => this.#addressKnown(),
      onProgress: (/** @type {number} */ sent) => this.#moved(sent),
      onChunkComplete: () => {
        this.#tries = 0;
        this.#upload.options.chunkSize = this.#piece;
      },
      onSuccess: () => this.#arrived(),
      onError: (/** @type {any} */ error) => this.#broke(error),
    });
  }

  /** @param {any} response */
  #answered(response) {
    this.resource = response.getHeader("X-Resource-Id") ?? this.resource;
    const until = Date.parse(response.getHeader("Upload-Expires") ?? "");
    if (!Number.isNaN(until)) this.expires = new Date(until);
  }

  /** Remove the endpoint. Otherwise, tus-js-client would start a new upload if the server refuses this one. */
  #bind() {
    Object.assign(this.#upload.options, { uploadUrl: this.#upload.url, endpoint: null });
  }

  #addressKnown() {
    this.uploadId = getId(this.#upload.url);
    this.#isKnown = true;
    this.#hasBegun();
    this.#bind();
    if (this.state !== "sending") this.#stop();
    if (this.handle) storeHandle(this.uploadId, this.handle);
    this.#set();
  }

  /** Record that the creation request was answered or aborted. */
  #hasBegun() {
    this.#beginning?.resolve();
    this.#beginning = null;
  }

  /** @param {number} sent */
  #moved(sent) {
    if (sent !== this.sent) this.#movedAt = Date.now();
    this.sent = sent;
    this.#speed.note(sent);
    this.#set();
  }

  async #arrived() {
    this.#stop();
    this.sent = this.size;
    if (this.uploadId) deleteHandle(this.uploadId);
    this.work = null;
    this.#set("processing");
    if (!this.resource || !this.read) return;
    try {
      this.adopt(await this.read(this.resource));
    } catch {
      // Ignore the error: a job message or the library will show the video later.
    }
  }

  /** @param {any} error Error of tus-js-client. */
  #broke(error) {
    // Read the response before stopping, because an aborted request loses it.
    const answer = error.originalResponse && readAnswer(error.originalResponse);
    const wasHead = error.originalRequest?.getMethod() === "HEAD";
    this.#stop();
    if (!answer && this.#bucket?.isShutOut) return void this.#goThroughTheSite();
    if (!answer) return this.#lacks("network", this.#pauseLength());
    const { status, body, retryAfter } = answer;
    if (status === 401) {
      window.dispatchEvent(new Event("signedout"));
      return this.#lacks("session", 0);
    }
    // A 409 response to HEAD means that the upload has ended.
    if (status === 409 && wasHead) return void this.#ended();
    // Retry soon if a previous attempt still holds the server's lock, or if the offset has changed.
    if (status === 423 || body?.type === "upload_conflict" || (status === 409 && !body))
      return this.#lacks("server", Math.max(1000, this.#pauseLength() / 4));
    if (status === 429 || status >= 500) return this.#lacks("server", retryAfter * 1000 || this.#pauseLength());
    if (status === 410 || (status === 404 && !this.#isKnown)) return this.#beginAnew();
    if (status === 404) return this.#stoppedElsewhere();
    this.#refusedBy(status, body);
  }

  /** Restart the upload through the site, because the bucket is unreachable. */
  async #goThroughTheSite() {
    isBucketShut = true;
    this.#lacks("network", 0);
    const id = this.uploadId;
    // Cancel the old upload to free its quota. If the request fails, the old upload expires later.
    await cancelUpload(id, true).catch(() => {});
    if (this.uploadId !== id) return;
    this.#stop();
    this.#leave();
    this.#bucket = null;
    this.isDirect = false;
    this.#piece = PIECE;
    this.sent = 0;
    this.#tries = 0;
    if (this.state !== "paused" && this.state !== "gone") this.#set("waiting");
  }

  /** Start a new upload after the old one expired or vanished from the server. */
  #beginAnew() {
    const wasKnown = this.#isKnown;
    this.#leave();
    this.sent = 0;
    if (wasKnown) this.#lacks("server", this.#pauseLength());
    else this.#set("waiting");
  }

  /** Stop an upload that was cancelled elsewhere or belongs to a different signed-in user. */
  #stoppedElsewhere() {
    this.#leave();
    this.sent = 0;
    const text = "The upload was cancelled in another window, and its data was deleted.";
    this.refuse("stopped_elsewhere", "Cancelled elsewhere", `${text} Upload the file again if you still need it.`);
  }

  async #ended() {
    const upload = await findEndedUpload(this.uploadId).catch(() => null);
    if (upload?.resource_id) {
      this.resource = upload.resource_id;
      this.#forgetAddress();
      return this.#arrived();
    }
    const text = "The server has closed this upload. If the video is not in your library, upload the file again.";
    const { type = "upload_finished", message: error = text } = upload?.error ?? {};
    this.#refusedBy(409, { type, error });
  }

  #leave() {
    this.#forgetAddress();
    if (this.uploadId) deleteHandle(this.uploadId);
    this.uploadId = "";
    this.#isKnown = false;
    this.#upload = null;
  }

  /** @param {number} status @param {any} body */
  #refusedBy(status, body) {
    const type = body?.type ?? `${status}`;
    const said = body?.reason ?? body?.error ?? "The server does not accept this file.";
    // Most refusals end the upload on the server, so a corrected file needs a new upload. If the storage is full or
    // too many uploads are unfinished, a retry can continue the same upload.
    if (type !== "storage_full" && type !== "upload_limit") this.#leave();
    else {
      this.#forgetAddress();
      this.#upload = null;
    }
    this.refuse(type, ...describeRefusal(type, status, said, body));
  }

  #forgetAddress() {
    this.#upload?._removeFromUrlStorage?.();
  }

  /**
   * @param {"network"|"server"|"session"} lack
   * @param {number} wait Milliseconds until the retry; 0 to wait for the network or a sign-in.
   */
  #lacks(lack, wait) {
    this.lack = lack;
    this.#tries += 1;
    const waits = wait > 0 && (lack !== "network" || navigator.onLine);
    if (this.state === "paused") return;
    this.retryAt = waits ? Date.now() + wait : 0;
    this.#set("offline");
    if (waits) this.#timer = window.setTimeout(() => this.state === "offline" && this.#set("waiting"), wait);
  }

  /** Return the milliseconds until the next retry: a random delay that grows with each failure. @returns {number} */
  #pauseLength() {
    return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries) * (0.8 + 0.4 * Math.random());
  }

  #stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    // After an abort, tus-js-client reports nothing, so end the wait for the creation request here.
    this.#upload?.abort();
    this.#hasBegun();
  }

  #watchMoves() {
    clearInterval(this.#watch);
    this.#movedAt = Date.now();
    this.#watch = window.setInterval(() => {
      if (Date.now() - this.#movedAt < STALLED) return;
      this.#bucket?.giveUp();
      this.#stop();
      if (this.#bucket?.isShutOut) return void this.#goThroughTheSite();
      this.#lacks("network", FIRST_WAIT);
    }, 1000);
  }

  /** @param {State} [state] */
  #set(state = this.state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * Start waiting uploads, as many as may be sent at once.
 * @param {Transfer[]} transfers @param {string[]} [tags] Tags for the new videos.
 */
export function startWaiting(transfers, tags = []) {
  let places = AT_ONCE - transfers.filter((one) => one.state === "sending").length;
  for (const transfer of transfers) {
    if (places <= 0) return;
    if (transfer.state !== "waiting" || !transfer.file) continue;
    transfer.tags = tags;
    places -= 1;
    transfer.start();
  }
}

/** Return the key of an interrupted upload. @param {File} file @param {Into} into @param {boolean} isDirect */
function makeFingerprint({ name, type, size, lastModified }, { purpose, ...rest }, isDirect) {
  const front = isDirect ? "direct" : "tus";
  return [front, document.body.dataset.user, ...Object.values(rest), name, type, size, lastModified].join("-");
}

/** @param {string} address */
const getId = (address) =>
  decodeURIComponent(new URL(address, location.href).pathname.split("/").filter(Boolean).pop() ?? "");

/**
 * Return the status, body and retry delay (seconds) of a response. The body is null if it is not JSON, as in a proxy's
 * error page.
 * @param {any} response @returns {{status: number, body: any, retryAfter: number}}
 */
function readAnswer(response) {
  let body = null;
  try {
    body = JSON.parse(response.getBody());
  } catch {}
  return { status: response.getStatus(), retryAfter: Number(response.getHeader("Retry-After")) || 0, body };
}

/**
 * Return title and advice for a refused upload.
 * @param {string} type @param {number} status @param {string} said @param {any} body @returns {[string, string]}
 */
function describeRefusal(type, status, said, body) {
  if (type === "too_large") return describeTooLarge(body?.limit);
  if (type === "storage_full") {
    const free = body?.limit ? formatBytes(Math.max(0, body.limit - (body.used ?? 0))) : "";
    const words = free ? `${free} of ${formatRoundBytes(body.limit)} are free. ` : "";
    return ["Your storage is full", `${words}Delete videos that you do not need, then try again.`];
  }
  if (status === 415) return ["Not a video", `${said} Choose a video file.`];
  return [status === 422 && type !== "malware_found" ? "This file cannot be used" : "File not accepted", said];
}

/** @param {number|undefined} limit Maximum size in bytes. @returns {[string, string]} */
export function describeTooLarge(limit) {
  const allowed = limit ? `allows files up to ${formatRoundBytes(limit)}` : "does not allow files of this size";
  const advice = "Split the file or export it at a lower bitrate, then add it again.";
  return ["File too large", `Your plan ${allowed}. ${advice}`];
}
