// Calls to the JSON API.

import { formatCount } from "./format.js";

/** An error response of the server, or a failed connection. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, type?: string, requestId?: string|null, retryAfter?: number|null, body?: any}} [about]
   */
  constructor(message, { status = 0, type = "offline", requestId = null, retryAfter = null, body = null } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
    this.body = body;
  }

  /** Sentence that tells the user how to proceed after the error; empty if there is no general advice. */
  get nextStep() {
    if (this.status === 0) return "Check the network, then try again.";
    if (this.status === 401) return "Sign in, then try again.";
    if (this.status === 429)
      return `Wait ${this.retryAfter ? formatCount(this.retryAfter, "second") : "a few seconds"}, then try again.`;
    if (this.status === 503) return /try again/i.test(this.message) ? "" : "Try again later.";
    if (this.status >= 500)
      return `The server reported an internal error, which has been logged${this.requestId ? ` (request ${this.requestId})` : ""}. Try again.`;
    return "";
  }

  get sentence() {
    return [this.message, this.nextStep].filter(Boolean).join(" ");
  }
}

const SILENT = {
  401: "Your session has ended.",
  403: "You do not have permission for this.",
  404: "This item no longer exists, or you do not have access to it.",
  413: "The server does not accept this much data. Shorten the text or choose a smaller file.",
  429: "You sent too many requests in a short time.",
};

/**
 * Send a request to the JSON API and return the parsed response; null if the response is empty. Throw an AbortError if
 * the caller aborts the request.
 * @param {string} method
 * @param {string} url
 * @param {any} [body]
 * @param {{signal?: AbortSignal, headers?: Record<string, string>, keepalive?: boolean}} [options] `keepalive` lets a
 *   request end after the page has been left.
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function callApi(method, url, body, { signal, headers = {}, keepalive = false } = {}) {
  /** @type {RequestInit} */
  const request = {
    method,
    signal,
    keepalive,
    credentials: "same-origin",
    headers: { Accept: "application/json", ...headers },
  };
  if (method !== "GET") Object.assign(/** @type {any} */ (request.headers), makeWriteHeaders());
  if (body instanceof FormData) request.body = body;
  else if (body !== undefined) {
    request.body = JSON.stringify(body);
    /** @type {any} */ (request.headers)["Content-Type"] = "application/json";
  }
  const response = await sendRequest(url, request);
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  // Another tab has signed in to a different account. Reload, so that the user sees this.
  if (answer?.type === "account_changed") location.reload();
  throw makeError(response, answer);
}

/**
 * Return the headers of a request that changes data: the CSRF token, and the user whose page sends the request. The
 * server refuses the request if another user has signed in since. Call it for each request, because signing in changes
 * the token.
 * @returns {Record<string, string>}
 */
export function makeWriteHeaders() {
  const { userId } = document.body.dataset;
  return { "X-CSRFToken": readCookie("csrftoken"), ...(userId && { "X-User-Id": userId }) };
}

/**
 * Fetch an HTML fragment rendered by the server.
 * @param {string} url
 * @returns {Promise<DocumentFragment>}
 * @throws {ApiError}
 */
export async function fetchFragment(url) {
  const response = await sendRequest(url, { credentials: "same-origin", headers: { Accept: "text/html" } });
  if (!response.ok) throw makeError(response, await response.json().catch(() => null));
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  return template.content;
}

/**
 * @param {string} url
 * @param {RequestInit} request
 */
async function sendRequest(url, request) {
  let response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw new ApiError("The server cannot be reached.");
  }
  if (response.status === 401) window.dispatchEvent(new Event("signedout"));
  return response;
}

/**
 * @param {Response} response
 * @param {any} answer
 */
function makeError(response, answer) {
  return new ApiError(
    answer?.error ??
      SILENT[/** @type {keyof SILENT} */ (response.status)] ??
      "The server's answer could not be read. Try again.",
    {
      status: response.ok ? 500 : response.status,
      type: answer?.type ?? "unknown",
      requestId: answer?.request_id ?? response.headers.get("X-Request-ID"),
      retryAfter: Number(response.headers.get("Retry-After")) || null,
      body: answer,
    },
  );
}

export const get = (/** @type {string} */ url, /** @type {{signal?: AbortSignal}} */ options = {}) =>
  callApi("GET", url, undefined, options);
export const put = (/** @type {string} */ url, /** @type {any} */ body) => callApi("PUT", url, body);
const patch = (/** @type {string} */ url, /** @type {any} */ body) => callApi("PATCH", url, body);
const remove = (/** @type {string} */ url) => callApi("DELETE", url);
const post = (/** @type {string} */ url, /** @type {any} */ body = {}, options = {}) =>
  callApi("POST", url, body, options);

/**
 * Return a random Idempotency-Key. Over plain HTTP, browsers do not offer crypto.randomUUID.
 * @returns {string}
 */
export function makeIdempotencyKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** @param {string} name */
export function readCookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

const SESSIONS = "/api/sessions/multi-vod";

/** @param {string} id */
export function sessionUrl(id) {
  const base = `${SESSIONS}/${encodeURIComponent(id)}`;
  return {
    read: () => get(base),
    /** @returns {Promise<{people: {username: string}[]}>} */
    people: () => get(`${base}/people`),
    change: (/** @type {any} */ fields, keepalive = false) => callApi("PATCH", base, fields, { keepalive }),
    remove: () => remove(base),
    duplicate: () => post(`${base}/duplicate`, {}, { headers: { "Idempotency-Key": makeIdempotencyKey() } }),
    leave: () => post(`${base}/leave`),
    archive: (/** @type {boolean} */ archived) => post(`${base}/${archived ? "archive" : "unarchive"}`),
    seek: (/** @type {number} */ timestamp) => put(`${base}/global-seek`, { timestamp }),
    playback: (/** @type {{state: string, rate?: number, at?: number}} */ state) => put(`${base}/playback`, state),
    seekVod: (/** @type {string} */ id, /** @type {number} */ timestamp) =>
      put(`${base}/vods/${encodeURIComponent(id)}/seek`, { timestamp }),
    vodPlayback: (/** @type {string} */ id, /** @type {{state: string, rate?: number, at?: number}} */ state) =>
      put(`${base}/vods/${encodeURIComponent(id)}/playback`, state),
    offsets: (/** @type {Record<string, number>} */ offsets) => put(`${base}/offsets`, { offsets, source: "manual" }),
    place: (/** @type {string} */ id, /** @type {import("./timeline.js").Placement} */ { offset, driftPpm, anchor }) =>
      put(`${base}/offsets`, {
        offsets: { [id]: offset },
        drifts: { [id]: driftPpm },
        anchors: { [id]: anchor },
        source: "manual",
      }),
    history: (/** @type {number} */ limit) => get(`${base}/offset-history?limit=${limit}`),
    preview: (
      /** @type {any} */ roi,
      /** @type {Record<string, number[]>} */ times,
      /** @type {AbortSignal} */ signal,
    ) => post(`${base}/timer-preview`, { roi, times }, { signal }),
    align: (/** @type {any} */ fields, key = makeIdempotencyKey()) =>
      post(`${base}/align`, fields, { headers: { "Idempotency-Key": key } }),
    export: (/** @type {any} */ fields) =>
      post(`${base}/export`, fields, { headers: { "Idempotency-Key": makeIdempotencyKey() } }),
    alignment: (/** @type {string} */ job) => get(`${base}/alignments/${job}`),
    apply: (/** @type {string} */ job, /** @type {string[]} */ vodIds) =>
      post(`${base}/alignments/${job}/apply`, { vod_ids: vodIds }),
  };
}

/** @param {string} id */
export function sharesUrl(id) {
  const base = `${SESSIONS}/${encodeURIComponent(id)}/shares`;
  return {
    list: () => get(base),
    create: (/** @type {{username: string, role: string, can_comment: boolean}} */ share) => post(base, share),
    change: (/** @type {string} */ share, /** @type {any} */ values) => patch(`${base}/${share}`, values),
    remove: (/** @type {string} */ share) => remove(`${base}/${share}`),
  };
}

/** @param {string} id */
export function linksUrl(id) {
  const base = `${SESSIONS}/${encodeURIComponent(id)}/links`;
  return {
    list: () => get(base),
    create: (/** @type {{expires_in: number, can_comment: boolean, password?: string}} */ link) => post(base, link),
    remove: (/** @type {string} */ link) => remove(`${base}/${link}`),
  };
}

/** @param {string} url */
async function listAll(url) {
  const first = await get(url);
  /** Events by id. An event that moves while the list's pages load can be on two pages. @type {Map<string, any>} */
  const events = new Map(first.events.map((/** @type {any} */ event) => [event.event_id, event]));
  for (let cursor = first.next_cursor; cursor; ) {
    const page = await get(`${url}&cursor=${encodeURIComponent(cursor)}`);
    for (const event of page.events) events.set(event.event_id, event);
    cursor = page.next_cursor;
  }
  return { ...first, events: [...events.values()] };
}

/** @param {string} id */
export function eventsUrl(id) {
  const base = `${SESSIONS}/${encodeURIComponent(id)}/events`;
  const once = (key = makeIdempotencyKey(), isCancelled = false) => ({
    headers: { "Idempotency-Key": key, ...(isCancelled && { "Idempotency-Cancel": "true" }) },
  });
  return {
    list: () => listAll(`${base}?joined=false`),
    /** List the events; simultaneous events of several videos are merged into one. */
    joined: () => listAll(`${base}?joined=true`),
    create: (/** @type {any} */ values, /** @type {string|undefined} */ key, isCancelled = false) =>
      post(base, values, once(key, isCancelled)),
    change: (/** @type {string} */ event, /** @type {any} */ values) => patch(`${base}/${event}`, values),
    remove: (/** @type {string} */ event, /** @type {number|undefined} */ updatedAt) =>
      remove(`${base}/${event}${updatedAt === undefined ? "" : `?updated_at=${updatedAt}`}`),
    reply: (/** @type {string} */ event, /** @type {string} */ body, /** @type {string} */ key, isCancelled = false) =>
      post(`${base}/${event}/replies`, { body }, once(key, isCancelled)),
    seen: (/** @type {string} */ event) => post(`${base}/${event}/seen`),
    removeReply: (/** @type {string} */ event, /** @type {string} */ reply) =>
      remove(`${base}/${event}/replies/${reply}`),
    file: (/** @type {"csv"|"json"} */ kind) => `${base}.${kind}`,
    detect: (/** @type {string[]} */ kinds, /** @type {string[]} */ vodIds) =>
      post(`${base}/detect`, { kinds, vod_ids: vodIds }, once()),
    timeline: `${SESSIONS}/${encodeURIComponent(id)}/timeline.otio`,
    import: (/** @type {File} */ file) => {
      const form = new FormData();
      form.append("file", file);
      return post(`${base}/import`, form, once());
    },
  };
}

export const createSession = (/** @type {any} */ fields, /** @type {string} */ key) =>
  post(SESSIONS, fields, { headers: { "Idempotency-Key": key } });
export const listLibraryFiles = (
  /** @type {{search: string, limit: number, offset: number}} */ { search, limit, offset },
  /** @type {AbortSignal} */ signal,
) =>
  get(`/api/sessions/library-files?search=${encodeURIComponent(search)}&limit=${limit}&offset=${offset}`, { signal });
export const listJobs = (/** @type {number} */ limit) => get(`/api/v1/jobs?limit=${limit}`);
export const changeJob = (/** @type {string} */ job, /** @type {"cancel"|"pause"|"resume"|"retry"} */ change) =>
  post(`/api/v1/jobs/${job}/${change}`);
/** @param {string|null} [until] Time up to which jobs are cleared; now if omitted. */
export const clearJobs = (until) => post("/api/v1/jobs/clear", { until });
export const listUnseenJobs = () => get("/api/v1/jobs/unseen");
export const markJobsSeen = (/** @type {string} */ until) => post("/api/v1/jobs/seen", { until });
export const deleteJob = (/** @type {string} */ job) => remove(`/api/v1/jobs/${job}`);
export const readJob = (/** @type {string} */ job) => get(`/api/v1/jobs/${job}`);
export const cancelJob = (/** @type {string} */ job) => post(`/api/v1/jobs/${job}/cancel`);

export const readAccount = () => get("/api/v1/me");
export const changeAccount = (/** @type {any} */ fields) => patch("/api/v1/me", fields);
export const issueToken = (/** @type {{name: string, scopes: string[], expires_in: number|null}} */ fields) =>
  post("/api/auth/tokens", fields);
export const revokeToken = (/** @type {string} */ token) => remove(`/api/auth/tokens/${token}`);
