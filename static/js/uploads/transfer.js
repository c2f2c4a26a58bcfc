// One file on its way: through tus, or straight to the bucket, from a file of this machine to a video that is ready. It
// knows no page; whatever changes it tells by the event "change".

import { cookie } from "../base/api.js";
import "../../vendor/tus-js-client/tus.min.js";
import { bytes, endedUpload, readVideo, round, TUS } from "../videos/api.js";
import { cancelUpload } from "./cancel.js";
import { DirectStack, goesDirect, pieceOf } from "./direct.js";
import { dropHandle, fileOf, keepHandle } from "./handles.js";
import { Speed } from "./speed.js";

/** @type {any} */ const tus = /** @type {any} */ (window).tus;

/**
 * @typedef {"waiting"|"sending"|"paused"|"offline"|"unfinished"|"elsewhere"|"refused"|"processing"|"ready"|"failed"|"gone"} State
 * unfinished: begun before, and its file has to be given again. elsewhere: another tab sends it. refused: the server
 * will not have it. failed: it came, and cannot be used.
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {{purpose: string, [more: string]: string}} Into metadata of the upload
 */

// The first piece is small, so that what is no video is refused before much of it was sent. The others are small
// enough for proxies that limit a body, large enough to lose no time between them.
const FIRST_PIECE = 1024 * 1024;
const PIECE = 16 * 1024 * 1024;
const STALLED = 30_000; // ms without a byte after which the connection counts as lost
const FIRST_WAIT = 1000;
/** Whether this page has found that it never reaches the bucket. */ let isBucketShut = false;
const LONGEST_WAIT = 30_000;

export class Transfer extends EventTarget {
  /** @type {State} */ state = "waiting";
  sent = 0;
  /** @type {{title: string, text: string, type: string}|null} */ error = null;
  /** @type {Video|null} */ video = null;
  /** @type {{progress: number, message: string}|null} of the job that takes it in */ work = null;
  /** Milliseconds as Date.now(): when it is tried again; 0 when only the network's return leads on. */
  retryAt = 0;
  /** Why it is not being sent while its state is "offline". @type {"network"|"server"|"session"} */
  lack = "network";
  uploadId = "";
  /** What the tab that sends it says of it, while its state is "elsewhere". @type {import("./channel.js").Going} */ going =
    "sending";
  /** @type {Date|null} until when it may be gone on with */ expires = null;
  /** @type {string[]} given to the video */ tags = [];
  /** Whether another tab sends the upload with this id. @type {(id: string) => boolean} */ isElsewhere = () => false;
  #speed = new Speed();
  /** @type {any} */ #upload = null;
  /** @type {DirectStack|null} how it goes straight to the bucket */ #bucket = null;
  #resource = "";
  /** Whether the server has told of the upload, and not this browser's memory alone. */ #isKnown = false;
  /** The request that begins the upload, until its answer is there. @type {Promise<void>|null} */ #beginning = null;
  #endBeginning = () => {};
  #tries = 0;
  /** Bytes of each piece but the first small one and the last. */ #piece = PIECE;
  #timer = 0;
  #watch = 0;
  #movedAt = 0;

  /**
   * @param {object} about
   * @param {File|null} about.file
   * @param {string} about.name
   * @param {number} about.size bytes
   * @param {FileSystemFileHandle|null} [about.handle]
   * @param {Into} [about.into] what the server makes of it
   * @param {((id: string) => Promise<Video>)|null} [about.read] asks for what it has become; null where its owner does
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
   * @param {import("../videos/api.js").Upload} upload begun before, here or elsewhere
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

  /** @returns {number} bytes a second */
  get speed() {
    return this.state === "sending" ? this.#speed.value : 0;
  }

  /** Whether leaving the page would stop it. */
  get isGoing() {
    return this.file !== null && (this.state === "waiting" || this.state === "sending" || this.state === "offline");
  }

  /**
   * Whether a file is the one that this upload began with, as far as its name and size tell.
   * @param {File} file
   */
  fits(file) {
    return file.size === this.size && file.name.normalize("NFC") === this.name.normalize("NFC");
  }

  /**
   * Whether this may be an upload that the server tells of: begun, and the answer with its address is on its way.
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
   * Give an unfinished upload its file again; it waits for its turn.
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
   * @param {boolean} ask
   * @returns {Promise<boolean>} whether it is there and the same
   */
  async reopen(ask) {
    const file = this.handle && (await fileOf(this.handle, ask));
    if (!file || !this.fits(file)) return false;
    this.giveFile(file);
    return true;
  }

  /** Begin, or go on where it was. */
  async start() {
    if (!this.file) return;
    clearTimeout(this.#timer);
    this.error = null;
    this.#speed.forget();
    this.#set("sending");
    this.#watchMoves();
    // Paused and resumed before the answer came: the same request goes on.
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
    // It may have been paused while the browser looked for an earlier attempt.
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
    this.refuse("elsewhere", "Already on its way", "Another tab of this browser is sending this file.");
  }

  pause() {
    // Aborted, the request that begins it could leave an upload on the server that nothing here knows of.
    if (!this.#beginning) this.#stop();
    this.#set("paused");
  }

  /** Back into the line, by the person's will: waiting is over. */
  resume() {
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#set("waiting");
  }

  /** Stop, for want of a network; it goes on when that is back. */
  networkLost() {
    if (this.state !== "sending") return;
    this.#stop();
    this.#lacks("network", 0);
  }

  /**
   * Stop for good and delete what has arrived. What the server did not delete stays, paused, for it would come back.
   * @returns {Promise<boolean>} whether it is gone; false when it had become something already, which is shown then
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

  /** Nothing of it is left on the server: it is let go, without a word to that. */
  wasCancelled() {
    // It may have been resumed while the server was asked.
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

  /** @param {Video} video as it is now */
  adopt(video) {
    this.video = video;
    if (video.status === "failed")
      this.error = { type: video.error?.type ?? "", title: "It cannot be used", text: video.error?.message ?? "" };
    this.#set(video.status === "failed" ? "failed" : video.status === "ready" ? "ready" : "processing");
  }

  /** @param {{progress: number, message: string}|null} work how far its job is; null when that has ended */
  working(work) {
    this.work = work && { ...work, progress: Math.max(this.work?.progress ?? 0, work.progress) };
    this.#tell();
  }

  /**
   * @param {boolean} sends whether another tab has it
   * @param {import("./channel.js").Going} [going] what that tab does with it
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
      // Without an endpoint a refused HEAD is told; with one the library below would begin a new upload by itself.
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
      // When it is tried again is decided here, and shown.
      retryDelays: null,
      removeFingerprintOnSuccess: true,
      // The token changes when somebody signs in again.
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

  /** @param {File} file @returns {Record<string, unknown>} what the API is told of it */
  #said(file) {
    return { filename: file.name, content_type: file.type, ...this.into, ...(this.tags.length && { tags: this.tags }) };
  }

  /** @param {any} response */
  #answered(response) {
    this.#resource = response.getHeader("X-Resource-Id") ?? this.#resource;
    const until = Date.parse(response.getHeader("Upload-Expires") ?? "");
    if (!Number.isNaN(until)) this.expires = new Date(until);
  }

  /** From here on there is this upload alone, whatever the server answers. */
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

  /** The request that begins it has its answer, or is given up. */
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
      // It is there; what the server makes of it is told by the job's messages, or by the library.
    }
  }

  /** The video's id, once the server has told it. */
  get resource() {
    return this.#resource;
  }

  /** @param {any} error tus-js-client's */
  #broke(error) {
    // Read before anything is stopped: a request that is aborted forgets its answer.
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
    // An answer to HEAD has no body; by itself this status says that the upload has ended.
    if (status === 409 && wasHead) return void this.#ended();
    // The lock of an attempt that the server has not given up yet, or an offset that is another now: asked again soon.
    if (status === 423 || body?.type === "upload_conflict" || (status === 409 && !body))
      return this.#lacks("server", Math.max(1000, this.#pauseLength() / 4));
    if (status === 429 || status >= 500) return this.#lacks("server", retryAfter * 1000 || this.#pauseLength());
    if (status === 410 || (status === 404 && !this.#isKnown)) return this.#beginAnew();
    if (status === 404) return this.#stoppedElsewhere();
    this.#refusedBy(status, body);
  }

  /** The bucket is behind a wall for this browser: the file goes as it would where pages do not send there. */
  async #goThroughTheSite() {
    isBucketShut = true;
    this.#lacks("network", 0);
    const id = this.uploadId;
    // Its room is wanted for the same file again. Where the site does not delete it, it runs out by itself.
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

  /** It ran out, or only this browser remembered it: it begins from nothing. */
  #beginAnew() {
    const wasKnown = this.#isKnown;
    this.#leave();
    this.sent = 0;
    if (wasKnown) this.#lacks("server", this.#pauseLength());
    else this.#set("waiting");
  }

  /** Somebody gave it up, or somebody else is signed in: it is not begun again unasked. */
  #stoppedElsewhere() {
    this.#leave();
    this.sent = 0;
    this.refuse(
      "stopped_elsewhere",
      "Stopped elsewhere",
      "It was cancelled in another window, and what had arrived is gone.",
    );
  }

  /** The server says that it is over: what it has become is shown, or why it became nothing. */
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
        "This upload has ended on the server. Send the file again if it is not in your library.",
    });
  }

  /** Nothing leads to the upload any more. */
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
    const said = body?.reason ?? body?.error ?? "The server will not have this file.";
    // What it refused is over there: the same file, mended, is a new one.
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

  /** @returns {number} milliseconds until the next try, longer each time, and not the same for everybody */
  #pauseLength() {
    return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries) * (0.8 + 0.4 * Math.random());
  }

  #stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    // Without a request there is nothing to wait for, and what fails afterwards is not told.
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
 * What this browser finds an upload again by: the file, whose upload it is, and what it becomes beside a video of the
 * library: which video's file, or the source of which analysis.
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
 * @param {string} address of an upload
 * @returns {string} its id
 */
function idOf(address) {
  return decodeURIComponent(new URL(address, location.href).pathname.split("/").filter(Boolean).pop() ?? "");
}

/**
 * @param {any} response tus-js-client's
 * @returns {{status: number, body: any, retryAfter: number}} body: null where it is no JSON, such as a proxy's page
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
 * What was refused, in words: a title of what it is, and what to do.
 * @param {string} type
 * @param {number} status
 * @param {string} said by the server
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
  if (status === 415) return ["Not a video", `${said} Choose the recording itself.`];
  if (type === "malware_found") return ["Not accepted", said];
  return [status === 422 ? "It cannot be used" : "Not accepted", said];
}

/**
 * @param {number|undefined} limit bytes
 * @returns {[string, string]}
 */
export function tooLarge(limit) {
  return [
    "Too large, nothing was sent",
    `Your plan takes files up to ${limit ? round(limit) : "a smaller size"}. Cut it in two, or export it at a lower bitrate, and add it again.`,
  ];
}
