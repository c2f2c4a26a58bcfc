// One piece of a clip on its way: a form with its number, its bytes and their SHA-256. By XMLHttpRequest, for fetch does
// not tell how many bytes have gone.

import { ApiError, cookie } from "../../base/api.js";
import { chunkAddress } from "./api.js";

/** Without a byte for so long the connection counts as lost, milliseconds. */
const STALLED = 30_000;

/**
 * @param {string} upload its id
 * @param {number} number of the piece, from 0
 * @param {Blob} bytes
 * @param {(sent: number) => void} onSent bytes so far
 * @param {AbortSignal} signal
 * @returns {Promise<any>} the upload's state
 * @throws {ApiError} with status 0 where no answer came, also where it was stopped
 */
export async function sendChunk(upload, number, bytes, onSent, signal) {
  const form = new FormData();
  form.append("chunk_number", String(number));
  const checksum = await sha256(bytes);
  if (checksum) form.append("checksum", checksum);
  form.append("chunk", bytes, "chunk");
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const lost = () => reject(new ApiError("The server cannot be reached."));
    let timer = 0;
    const alive = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => request.abort(), STALLED);
    };
    if (signal.aborted) return lost();
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.open("POST", chunkAddress(upload));
    request.setRequestHeader("Accept", "application/json");
    // The token changes when somebody signs in again.
    request.setRequestHeader("X-CSRFToken", cookie("csrftoken"));
    request.upload.onprogress = (event) => {
      alive();
      onSent(Math.min(event.loaded, bytes.size));
    };
    request.onload = () =>
      request.status >= 200 && request.status < 300 ? resolve(bodyOf(request)) : reject(failure(request));
    request.onerror = request.onabort = lost;
    request.onloadend = () => clearTimeout(timer);
    alive();
    request.send(form);
  });
}

/**
 * @param {Blob} bytes
 * @returns {Promise<string>} 64 hexadecimal digits; empty where the browser has no such thing, as over plain http
 * @throws {ApiError} of the type `clip_lost` where they cannot be read
 */
async function sha256(bytes) {
  /** @type {ArrayBuffer} */ let content;
  try {
    content = await bytes.arrayBuffer();
  } catch {
    throw new ApiError("This browser cannot read the clip any more.", { type: "clip_lost", status: 400 });
  }
  if (!globalThis.crypto?.subtle) return "";
  const digest = await crypto.subtle.digest("SHA-256", content);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {XMLHttpRequest} request @returns {any} null where it is no JSON, such as a proxy's page */
function bodyOf(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return null;
  }
}

/** @param {XMLHttpRequest} request */
function failure(request) {
  if (request.status === 401) window.dispatchEvent(new Event("signedout"));
  const body = bodyOf(request);
  return new ApiError(body?.error ?? "The server gave no usable answer.", {
    status: request.status,
    type: body?.type ?? "unknown",
    requestId: body?.request_id ?? request.getResponseHeader("X-Request-ID"),
    retryAfter: Number(request.getResponseHeader("Retry-After")) || null,
    body,
  });
}
