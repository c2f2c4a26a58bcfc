// The upload of one file, by tus or straight to the bucket, until its video is ready. Fires "change".

import { cookie } from "../base/api.js";
import "../../vendor/tus-js-client/tus.min.js";
import { bytes, endedUpload, readVideo, round, TUS } from "../videos/api.js";
import { cancelUpload } from "./cancel-upload.js";
import { DirectStack, goesDirect, pieceOf } from "./direct-upload.js";
import { dropHandle, fileOf, keepHandle } from "./file-handles.js";
import { Speed } from "./transfer-speed.js";

/** @type {any} */ const tus = /** @type {any} */ (window).tus;

/**
 * @typedef {"waiting"|"sending"|"paused"|"offline"|"unfinished"|"elsewhere"|"refused"|"processing"|"ready"|"failed"|"gone"} State
 * unfinished: an earlier upload that needs its file again. elsewhere: sent by another tab. refused: by the server.
 * failed: uploaded, but unusable.
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {{purpose: string, [more: string]: string}} Into metadata of the upload
 */

// The first piece is small, so that non-videos are refused early. Proxies limit the size of the others.
const FIRST_PIECE = 1024 * 1024;
const PIECE = 16 * 1024 * 1024;
const STALLED = 30_000; // ms without progress after which the connection counts as lost
const FIRST_WAIT = 1000;
/** True once the bucket proved unreachable from this page. */ let isBucketShut = false;
const LONGEST_WAIT = 30_000;

export class Transfer extends EventTarget {
  /** @type {State} */ state = "waiting";
  sent = 0;
  /** @type {{title: string, text: string, type: string}|null} */ error = null;
  /** @type {Video|null} */ video = null;
  /** @type {{progress: number, message: string}|null} state of the ingest job */ work = null;
  /** Time of the next try as Date.now(); 0: when the network returns. */
  retryAt = 0;
  /** Reason for the state "offline". @type {"network"|"server"|"session"} */
  lack = "network";
  uploadId = "";
  /** State in the other tab while this one is "elsewhere". @type {import("./tab-channel.js").Going} */ going =
    "sending";
  /** @type {Date|null} end of the time for resuming */ expires = null;
  /** @type {string[]} tags of the new video */ tags = [];
  /** Return whether another tab sends this upload. @type {(id: string) => boolean} */ isElsewhere = () => false;
  #speed = new Speed();
  /** @type {any} */ #upload = null;
  /** @type {DirectStack|null} transport of a direct upload */ #bucket = null;
  #resource = "";
  /** True once the server has confirmed the upload. */ #isKnown = false;
  /** Pending until the creation request is answered. @type {Promise<void>|null} */ #beginning = null;
  #endBeginning = () => {};
  #tries = 0;
  /** Bytes of each piece except the first and the last. */ #piece = PIECE;
  #timer = 0;
  #watch = 0;
  #movedAt = 0;

  /**
   * @param {object} about
   * @param {File|null} about.file
   * @param {string} about.name
   * @param {number} about.size bytes
   * @param {FileSystemFileHandle|null} [about.handle]
   * @param {Into} [about.into]
   * @param {((id: string) => Promise<Video>)|null} [about.read] reads the finished video; null if the caller does
   */
  constructor({ file, name, size, handle = null, into = { purpose: "library" }, read = readVideo }) {
    super();
    this.into = into;
    this.read = read;
    this.file = file;
    this.name = name;
    this.size = size;
    this.handle = handle;
    this.isDirect = !isBucketShut && goesDirect(into);
    this.#piece = this.isDirect ? pieceOf(size, PIECE) : PIECE;
  }

  /**
   * @param {import("../videos/api.js").Upload} upload an upload started earlier, here or elsewhere
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

  /** @returns {number} bytes per second */
  get speed() {
    return this.state === "sending" ? this.#speed.value : 0;
  }

  /** True if leaving the page would stop the upload. */
  get isGoing() {
    return this.file !== null && (this.state === "waiting" || this.state === "sending" || this.state === "offline");
  }

  /**
   * Return whether name and size match this upload's file.
   * @param {File} file
   */
  fits(file) {
    return file.size === this.size && file.name.normalize("NFC") === this.name.normalize("NFC");
  }

  /**
   * Return whether `upload` may be this one, whose creation request is not answered yet.
   * @param {import("../videos/api.js").Upload} upload
   */
  hasJustBegun(upload) {
    return (
      this.#beginning !== null &&
      this.uploadId === "" &&
      this.size === upload.size &&
      this.name.normalize("NFC") === upload.filename
    );
  }

  /**
   * Give an unfinished upload its file again and queue it.
   * @param {File} file
   * @param {FileSystemFileHandle|null} [handle]
   */
  giveFile(file, handle = null) {
    this.file = file;
    this.handle = handle ?? this.handle;
    this.#set("waiting");
  }

  /**
   * Open the file by its handle.
   * @param {boolean} ask whether to ask for permission
   * @returns {Promise<boolean>} whether the file exists unchanged
   */
  async reopen(ask) {
    const file = this.handle && (await fileOf(this.handle, ask));
    if (!file || !this.fits(file)) return false;
    this.giveFile(file);
    return true;
  }

  /** Start or resume the upload. */
  async start() {
    if (!this.file) return;
    clearTimeout(this.#timer);
    this.error = null;
    this.#speed.forget();
    this.#set("sending");
    this.#watchMoves();
    // The creation request of an upload that was paused and resumed continues.
    if (this.#beginning) return;
    if (!this.#upload) {
      this.#upload = this.#make(this.file);
      const before = this.uploadId
        ? null
        : (await this.#upload.findPreviousUploads()).sort(
            (/** @type {any} */ a, /** @type {any} */ b) => Date.parse(b.creationTime) - Date.parse(a.creationTime),
          )[0];
      if (before && this.isElsewhere(idOf(before.uploadUrl))) return this.#alreadyGoing();
      if (before) {
        this.#upload.resumeFromPreviousUpload(before);
        this.#bind();
      }
    }
    // The user may have paused during the lookup.
    if (/** @type {State} */ (this.state) !== "sending") return;
    if (!this.#upload.options.uploadUrl)
      this.#beginning = new Promise((resolve) => {
        this.#endBeginning = resolve;
      });
    this.#upload.start();
  }

  #alreadyGoing() {
    this.#stop();
    this.#upload = null;
    this.refuse("elsewhere", "Already uploading", "Another tab is uploading this file.");
  }

  pause() {
    // Aborting the creation request could leave an unknown upload on the server.
    if (!this.#beginning) this.#stop();
    this.#set("paused");
  }

  /** Queue the upload again and reset its retry delay. */
  resume() {
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#set("waiting");
  }

  /** Pause the upload until the network returns. */
  networkLost() {
    if (this.state !== "sending") return;
    this.#stop();
    this.#lacks("network", 0);
  }

  /**
   * Cancel the upload and delete its data. After an error it stays, paused.
   * @returns {Promise<boolean>} false if it had already ended
   * @throws {import("../base/api.js").ApiError}
   */
  async cancel() {
    if (this.file) this.pause();
    await this.#beginning;
    this.#stop();
    if (this.uploadId) {
      try {
        await cancelUpload(this.uploadId, this.isDirect);
      } catch (error) {
        const status = /** @type {any} */ (error).status;
        if (status === 409) {
          await this.#ended();
          return false;
        }
        if (status !== 404 && status !== 410) throw error;
      }
    }
    this.wasCancelled();
    return true;
  }

  /** Remove an upload that the server has deleted. */
  wasCancelled() {
    // The upload may have been resumed during the request.
    this.#stop();
    if (this.uploadId) dropHandle(this.uploadId);
    this.#forgetAddress();
    this.#set("gone");
  }

  /**
   * Refuse a file before anything of it is sent.
   * @param {string} type
   * @param {string} title
   * @param {string} text
   */
  refuse(type, title, text) {
    this.error = { type, title, text };
    this.#set("refused");
  }

  /** @param {Video} video */
  adopt(video) {
    this.video = video;
    if (video.status === "failed")
      this.error = {
        type: video.error?.type ?? "",
        title: "This file cannot be used",
        text: video.error?.message ?? "",
      };
    this.#set(video.status === "failed" ? "failed" : video.status === "ready" ? "ready" : "processing");
  }

  /** @param {{progress: number, message: string}|null} work state of the ingest job; null once ended */
  working(work) {
    this.work = work && { ...work, progress: Math.max(this.work?.progress ?? 0, work.progress) };
    this.#tell();
  }

  /**
   * @param {boolean} sends whether another tab has this upload
   * @param {import("./tab-channel.js").Going} [going] state in that tab
   */
  sentElsewhere(sends, going = "sending") {
    this.going = going;
    if (sends && (this.state === "unfinished" || this.state === "elsewhere")) this.#set("elsewhere");
    else if (!sends && this.state === "elsewhere") this.#set("unfinished");
  }

  /** @param {File} file */
  #make(file) {
    if (this.isDirect) {
      this.#bucket = new DirectStack({ size: file.size, piece: this.#piece, begin: () => this.#said(file) });
    }
    return new tus.Upload(file, {
      // With an endpoint, tus-js-client would start a new upload after a refused HEAD.
      endpoint: this.uploadId ? null : TUS,
      fingerprint: async () => fingerprint(file, this.into, this.isDirect),
      uploadUrl: this.uploadId ? new URL(`${TUS}${this.uploadId}`, location.href).href : null,
      metadata: {
        filename: file.name,
        filetype: file.type,
        ...this.into,
        ...(this.tags.length ? { tags: JSON.stringify(this.tags) } : {}),
      },
      chunkSize: this.isDirect ? this.#piece : FIRST_PIECE,
      ...(this.#bucket && { httpStack: this.#bucket }),
      // Transfer schedules the retries itself, to show them.
      retryDelays: null,
      removeFingerprintOnSuccess: true,
      // Read the CSRF token for each request: signing in changes it.
      onBeforeRequest: (/** @type {any} */ request) => request.setHeader("X-CSRFToken", cookie("csrftoken")),
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

  /** @param {File} file @returns {Record<string, unknown>} fields of the creation request */
  #said(file) {
    return { filename: file.name, content_type: file.type, ...this.into, ...(this.tags.length && { tags: this.tags }) };
  }

  /** @param {any} response */
  #answered(response) {
    this.#resource = response.getHeader("X-Resource-Id") ?? this.#resource;
    const until = Date.parse(response.getHeader("Upload-Expires") ?? "");
    if (!Number.isNaN(until)) this.expires = new Date(until);
  }

  /** Continue only this upload, whatever the server answers. */
  #bind() {
    Object.assign(this.#upload.options, { uploadUrl: this.#upload.url, endpoint: null });
  }

  #addressKnown() {
    this.uploadId = idOf(this.#upload.url);
    this.#isKnown = true;
    this.#hasBegun();
    this.#bind();
    if (this.state !== "sending") this.#stop();
    if (this.handle) keepHandle(this.uploadId, this.handle);
    this.#tell();
  }

  /** Note that the creation request was answered or aborted. */
  #hasBegun() {
    this.#beginning = null;
    this.#endBeginning();
  }

  /** @param {number} sent */
  #moved(sent) {
    if (sent !== this.sent) this.#movedAt = Date.now();
    this.sent = sent;
    this.#speed.note(sent);
    this.#tell();
  }

  async #arrived() {
    this.#stop();
    this.sent = this.size;
    if (this.uploadId) dropHandle(this.uploadId);
    this.work = null;
    this.#set("processing");
    if (!this.#resource || !this.read) return;
    try {
      this.adopt(await this.read(this.#resource));
    } catch {
      // Job messages or the library will show the video.
    }
  }

  /** Id of the new video, once known. */
  get resource() {
    return this.#resource;
  }

  /** @param {any} error error of tus-js-client */
  #broke(error) {
    // Read the answer before stopping: an aborted request loses it.
    const answer = error.originalResponse && answerOf(error.originalResponse);
    const wasHead = error.originalRequest?.getMethod() === "HEAD";
    this.#stop();
    if (!answer && this.#bucket?.isShutOut) return void this.#goThroughTheSite();
    if (!answer) return this.#lacks("network", this.#pauseLength());
    const { status, body, retryAfter } = answer;
    if (status === 401) {
      window.dispatchEvent(new Event("signedout"));
      return this.#lacks("session", 0);
    }
    // HEAD answers have no body; 409 means that the upload has ended.
    if (status === 409 && wasHead) return void this.#ended();
    // The server still locks an earlier attempt, or the offset has changed: retry soon.
    if (status === 423 || body?.type === "upload_conflict" || (status === 409 && !body))
      return this.#lacks("server", Math.max(1000, this.#pauseLength() / 4));
    if (status === 429 || status >= 500) return this.#lacks("server", retryAfter * 1000 || this.#pauseLength());
    if (status === 410 || (status === 404 && !this.#isKnown)) return this.#beginAnew();
    if (status === 404) return this.#stoppedElsewhere();
    this.#refusedBy(status, body);
  }

  /** Upload through the site instead: this browser cannot reach the bucket. */
  async #goThroughTheSite() {
    isBucketShut = true;
    this.#lacks("network", 0);
    const id = this.uploadId;
    // Free the quota for the new upload. If that fails, the old one expires.
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

  /** Start over after the upload expired or only this browser remembered it. */
  #beginAnew() {
    const wasKnown = this.#isKnown;
    this.#leave();
    this.sent = 0;
    if (wasKnown) this.#lacks("server", this.#pauseLength());
    else this.#set("waiting");
  }

  /** Stop: the upload was cancelled elsewhere, or another user has signed in. */
  #stoppedElsewhere() {
    this.#leave();
    this.sent = 0;
    this.refuse(
      "stopped_elsewhere",
      "Cancelled elsewhere",
      "The upload was cancelled in another window, and its data was deleted. Upload the file again if you still need it.",
    );
  }

  /** Show the result of an upload that has ended on the server. */
  async #ended() {
    const upload = await endedUpload(this.uploadId).catch(() => null);
    if (upload?.resource_id) {
      this.#resource = upload.resource_id;
      this.#forgetAddress();
      return this.#arrived();
    }
    this.#refusedBy(409, {
      type: upload?.error?.type ?? "upload_finished",
      error:
        upload?.error?.message ??
        "This upload has ended on the server. Upload the file again if it is not in your library.",
    });
  }

  /** Forget the upload's id and address. */
  #leave() {
    this.#forgetAddress();
    if (this.uploadId) dropHandle(this.uploadId);
    this.uploadId = "";
    this.#isKnown = false;
    this.#upload = null;
  }

  /** @param {number} status @param {any} body */
  #refusedBy(status, body) {
    const type = body?.type ?? `${status}`;
    const said = body?.reason ?? body?.error ?? "The server does not accept this file.";
    // The server has ended a refused upload; a corrected file needs a new one.
    if (type !== "storage_full" && type !== "upload_limit") this.#leave();
    else {
      this.#forgetAddress();
      this.#upload = null;
    }
    this.refuse(type, ...refusal(type, status, said, body));
  }

  #forgetAddress() {
    this.#upload?._removeFromUrlStorage?.();
  }

  /**
   * @param {"network"|"server"|"session"} lack
   * @param {number} wait milliseconds; 0 waits for an event
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

  /** @returns {number} milliseconds until the next try, increasing and randomized */
  #pauseLength() {
    return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries) * (0.8 + 0.4 * Math.random());
  }

  #stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    // After an abort, tus-js-client reports neither answers nor errors.
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

  /** @param {State} state */
  #set(state) {
    this.state = state;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * Return the key that identifies an interrupted upload in this browser.
 * @param {File} file
 * @param {Into} into
 * @param {boolean} isDirect
 */
function fingerprint({ name, type, size, lastModified }, { purpose, ...rest }, isDirect) {
  return [
    isDirect ? "direct" : "tus",
    document.body.dataset.user,
    ...Object.values(rest),
    name,
    type,
    size,
    lastModified,
  ].join("-");
}

/**
 * @param {string} address upload address
 * @returns {string} upload id
 */
function idOf(address) {
  return decodeURIComponent(new URL(address, location.href).pathname.split("/").filter(Boolean).pop() ?? "");
}

/**
 * @param {any} response response of tus-js-client
 * @returns {{status: number, body: any, retryAfter: number}} body: null if not JSON, such as a proxy's page
 */
function answerOf(response) {
  const [status, retryAfter] = [response.getStatus(), Number(response.getHeader("Retry-After")) || 0];
  try {
    return { status, retryAfter, body: JSON.parse(response.getBody()) };
  } catch {
    return { status, retryAfter, body: null };
  }
}

/**
 * Return title and advice for a refused upload.
 * @param {string} type
 * @param {number} status
 * @param {string} said the server's message
 * @param {any} body
 * @returns {[string, string]}
 */
function refusal(type, status, said, body) {
  if (type === "too_large") return tooLarge(body?.limit);
  if (type === "storage_full")
    return [
      "Your storage is full",
      `${body?.limit ? `${bytes(Math.max(0, body.limit - (body.used ?? 0)))} of ${round(body.limit)} are free. ` : ""}Delete videos that you do not need, then try again.`,
    ];
  if (status === 415) return ["Not a video", `${said} Choose a video file.`];
  if (type === "malware_found") return ["File not accepted", said];
  return [status === 422 ? "This file cannot be used" : "File not accepted", said];
}

/**
 * @param {number|undefined} limit bytes
 * @returns {[string, string]}
 */
export function tooLarge(limit) {
  return [
    "File too large",
    `Your plan allows files up to ${limit ? round(limit) : "a smaller size"}. Split the file or export it at a lower bitrate, then add it again.`,
  ];
}
