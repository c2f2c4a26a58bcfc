// An HTTP stack for tus-js-client that uploads straight to the bucket. It turns tus requests into API calls, and sends
// pieces to signed addresses.

import { readCookie } from "../base/api.js";
import { TUS } from "../videos/api.js";

const UPLOADS = "/api/v1/uploads";
const MOST_PIECES = 10_000; // maximum number of pieces of a file in S3
const ENOUGH_TRIES = 3;
const AHEAD = 4; // signed addresses in one answer; each request for them also records the received pieces
/**
 * HTTP status for each state of an ended upload. The tus endpoint uses the same statuses, except for `completed`.
 * @type {Record<string, number>}
 */
const ENDED = { completed: 409, failed: 409, expired: 410, cancelled: 404 };
const KNOWN = new Set(["purpose", "title", "video_id"]);

/** Return whether uploads with this metadata can go straight to the bucket. @param {Record<string, string>} into */
export const mayGoDirect = (into) =>
  "s3Cors" in document.body.dataset && Object.keys(into).every((key) => KNOWN.has(key));

/**
 * Return the size of a file's pieces; only the last piece may be smaller. All sizes are in bytes: `size` of the file,
 * `usual` of a piece if the file is not too large for it.
 * @param {number} size @param {number} usual @returns {number}
 */
export const choosePartSize = (size, usual) => Math.max(usual, Math.ceil(size / MOST_PIECES));

/**
 * An upload. `size` is the size of the file and `piece` the size of a piece, in bytes. `begin` returns the fields of
 * the request that creates the upload.
 * @typedef {{size: number, piece: number, begin: () => Record<string, unknown>}} About
 *
 * @typedef {{getStatus: () => number, getHeader: (name: string) => string|undefined, getBody: () => string,
 *   getUnderlyingObject: () => null}} Answer
 */

export class DirectStack {
  /** Signed addresses by piece number. @type {Map<number, string>} */ addresses = new Map();

  /** Number of pieces that the bucket has received. */ taken = 0;
  /** Number of consecutive failures to reach the bucket. */ unreached = 0;
  isAsking = false;

  /** @param {About} about */
  constructor(about) {
    this.about = about;
  }

  /** Count a stalled request to the bucket as a failure. */
  giveUp() {
    if (this.isAsking) this.unreached += 1;
    this.isAsking = false;
  }

  /** True if the network seems to block the bucket but not the site. */
  get isShutOut() {
    return this.taken === 0 && this.unreached >= ENOUGH_TRIES;
  }

  /** @param {string} method @param {string} url */
  createRequest = (method, url) => new DirectRequest(this, method, url);
  getName = () => "DirectStack";
}

class DirectRequest {
  /** @type {Record<string, string>} */ #headers = {};
  #controller = new AbortController();
  /** @type {(sent: number) => void} */ #moved = () => {};

  /** @param {DirectStack} stack @param {string} method @param {string} url */
  constructor(stack, method, url) {
    this.stack = stack;
    this.method = method;
    this.url = url;
  }

  getMethod = () => this.method;
  getURL = () => this.url;
  getUnderlyingObject = () => null;
  /** @param {string} name */
  getHeader = (name) => this.#headers[name];
  abort = async () => this.#controller.abort();

  /** @param {string} name @param {string} value */
  setHeader(name, value) {
    this.#headers[name] = value;
  }

  /** @param {(sent: number) => void} moved */
  setProgressHandler(moved) {
    this.#moved = moved;
  }

  /** @param {Blob|null} body @returns {Promise<Answer>} */
  send(body = null) {
    if (this.method === "POST") return this.#begin();
    return this.method === "HEAD" ? this.#look() : this.#send(/** @type {Blob} */ (body));
  }

  get #at() {
    return `${UPLOADS}/${new URL(this.url, location.href).pathname.split("/").filter(Boolean).pop()}`;
  }

  async #begin() {
    const { size, piece, begin } = this.stack.about;
    const found = await this.#ask("POST", UPLOADS, { ...begin(), size, chunk_size: piece, direct: true });
    if (found.status !== 201) return toAnswer(found);
    const { session_id, expires_at } = found.json;
    return toAnswer(found, { Location: `${TUS}${session_id}`, "Upload-Expires": expires_at });
  }

  async #look() {
    const found = await this.#ask("GET", `${this.#at}/status`);
    if (found.status !== 200) return toAnswer(found);
    const { status, remaining_chunks, expires_at } = found.json;
    const ended = ENDED[status];
    if (ended) return toAnswer({ ...found, status: ended });
    const { size, piece } = this.stack.about;
    // Also count pieces that arrived before a page reload: they prove that the bucket is reachable.
    this.stack.taken ||= Math.ceil(size / piece) - remaining_chunks.length;
    const offset = remaining_chunks.length ? Math.min(...remaining_chunks) * piece : size;
    const headers = { "Upload-Length": `${size}`, "Upload-Offset": `${offset}`, "Upload-Expires": expires_at };
    if (offset < size) return toAnswer(found, headers);
    const answer = await this.#complete(headers);
    // Return 423 instead of 409: after 423, the Transfer class retries soon, but 409 would end the upload.
    return answer.getStatus() === 409 ? toAnswer({ ...found, status: 423 }) : answer;
  }

  /** @param {Blob} piece */
  async #send(piece) {
    const offset = Number(this.#headers["Upload-Offset"]);
    const number = offset / this.stack.about.piece;
    const refused = await this.#findAddress(number);
    if (refused) return toAnswer(refused);
    const url = /** @type {string} */ (this.stack.addresses.get(number));
    let status = 0;
    this.stack.isAsking = true;
    try {
      status = await this.#put(url, piece);
      this.stack.unreached = 0;
      if (status === 200) this.stack.taken += 1;
    } catch (error) {
      this.stack.unreached += 1;
      throw error;
    } finally {
      this.stack.isAsking = false;
      // After a failure, request new addresses: the old ones may have expired.
      if (status === 200) this.stack.addresses.delete(number);
      else this.stack.addresses.clear();
    }
    if (status !== 200) return toAnswer({ status: 503, text: "", json: null, headers: new Headers() });
    const end = offset + piece.size;
    const headers = { "Upload-Offset": `${end}` };
    if (end === this.stack.about.size) return this.#complete(headers);
    return toAnswer({ status: 204, text: "", json: null, headers: new Headers() }, headers);
  }

  /** @param {Record<string, string>} headers */
  async #complete(headers) {
    const found = await this.#ask("POST", `${this.#at}/complete`, {});
    // If pieces are missing, report a conflict. The Transfer class then retries and sends the missing pieces.
    if (found.json?.type === "chunk_missing") found.text = JSON.stringify({ type: "upload_conflict" });
    return toAnswer(found, { ...headers, "X-Resource-Id": found.headers.get("X-Resource-Id") ?? "" });
  }

  /**
   * Request signed addresses for a piece and for the pieces after it. Return the response if the server refused; else
   * null.
   * @param {number} number @returns {Promise<Found|null>}
   */
  async #findAddress(number) {
    const { addresses, about } = this.stack;
    if (addresses.has(number)) return null;
    const last = Math.min(Math.ceil(about.size / about.piece), number + AHEAD);
    const chunk_numbers = Array.from({ length: last - number }, (_, index) => number + index);
    const found = await this.#ask("POST", `${this.#at}/addresses`, { chunk_numbers });
    if (found.status !== 200) return found;
    for (const { chunk_number, url } of found.json.chunks) addresses.set(chunk_number, url);
    return null;
  }

  /**
   * Send a piece and return the HTTP status. XMLHttpRequest reports upload progress, which fetch does not.
   * @param {string} url @param {Blob} piece @returns {Promise<number>}
   */
  #put(url, piece) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("PUT", url);
      request.upload.onprogress = (event) => this.#moved(event.loaded);
      request.onload = () => resolve(request.status);
      request.onerror = () => reject(new Error("The storage server could not be reached."));
      this.#controller.signal.addEventListener("abort", () => request.abort());
      // Remove the content type, because the signature does not cover this header.
      request.send(piece.slice(0, piece.size, ""));
    });
  }

  /**
   * @typedef {{status: number, text: string, json: any, headers: Headers}} Found
   * @param {string} method
   * @param {string} url
   * @param {object} [body]
   * @returns {Promise<Found>}
   */
  async #ask(method, url, body) {
    const response = await fetch(url, {
      method,
      signal: this.#controller.signal,
      headers: {
        Accept: "application/json",
        ...(body && { "Content-Type": "application/json", "X-CSRFToken": readCookie("csrftoken") }),
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    let json = null;
    try {
      json = JSON.parse(text);
    } catch {
      // If the body is not JSON, it is a proxy's error page; the status is enough.
    }
    return { status: response.status, text, json, headers: response.headers };
  }
}

/** @param {Found} found @param {Record<string, string>} [more] @returns {Answer} */
function toAnswer({ status, text, headers }, more = {}) {
  return {
    getStatus: () => status,
    getHeader: (name) => more[name] ?? headers.get(name) ?? undefined,
    getBody: () => text,
    getUnderlyingObject: () => null,
  };
}
