// The upload of one chunk, as a form with number, SHA-256 and bytes. The request is an XMLHttpRequest, because fetch
// does not report upload progress.

import { ApiError, readCookie } from "../../base/api.js";
import { getChunkUrl } from "./api.js";

const STALLED = 30_000; // ms without progress after which the connection counts as lost

/**
 * Upload a chunk and return the upload's new state. The error has status 0 if the request was aborted or received no
 * answer.
 * @param {string} upload The upload's id.
 * @param {number} number
 * @param {Blob} bytes
 * @param {(sent: number) => void} onSent Receives the number of bytes sent so far.
 * @param {AbortSignal} signal
 * @throws {ApiError}
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
    request.open("POST", getChunkUrl(upload));
    request.setRequestHeader("Accept", "application/json");
    // Read the CSRF token for each request, because signing in changes it.
    request.setRequestHeader("X-CSRFToken", readCookie("csrftoken"));
    request.upload.onprogress = (event) => {
      alive();
      onSent(Math.min(event.loaded, bytes.size));
    };
    request.onload = () =>
      request.status >= 200 && request.status < 300 ? resolve(parseBody(request)) : reject(makeError(request));
    request.onerror = request.onabort = lost;
    request.onloadend = () => clearTimeout(timer);
    alive();
    request.send(form);
  });
}

/**
 * Return a chunk's SHA-256 in hexadecimal. Over plain http, where browsers cannot compute it, return an empty string.
 * @param {Blob} bytes
 */
async function sha256(bytes) {
  const content = await bytes.arrayBuffer().catch(() => {
    throw new ApiError("This browser can no longer read the clip.", { type: "clip_lost", status: 400 });
  });
  if (!globalThis.crypto?.subtle) return "";
  const digest = await crypto.subtle.digest("SHA-256", content);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return the JSON of a response; null for other content, such as an error page. @param {XMLHttpRequest} request */
function parseBody(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return null;
  }
}

/** @param {XMLHttpRequest} request */
function makeError(request) {
  if (request.status === 401) window.dispatchEvent(new Event("signedout"));
  const body = parseBody(request);
  return new ApiError(body?.error ?? "The server's answer could not be read. Try again.", {
    status: request.status,
    type: body?.type ?? "unknown",
    requestId: body?.request_id ?? request.getResponseHeader("X-Request-ID"),
    retryAfter: Number(request.getResponseHeader("Retry-After")) || null,
    body,
  });
}
