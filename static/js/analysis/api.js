// The analysis API.

import { callApi, get, makeIdempotencyKey } from "../base/api.js";

/**
 * @typedef {"highlights"|"workout"} Kind
 * @typedef {import("../../../docs/openapi").AnalysisStatus} Session An analysis and its state.
 * @typedef {{index: number, start_time: number, end_time: number, score: number, description: string, signals:
 * Record<string, number>}} Segment
 * @typedef {{start_time: number, end_time: number, score: number, description: string, segment?: number, reel_start:
 * number, reel_end: number, thumbnail_url?: string|null}} Highlight
 * @typedef {{step: number, score: number[], sound: number[], motion: number[]}} Curves
 * @typedef {{kind: "cut"|"dissolve"|"fade", start: number, end: number}} Edge
 * @typedef {{summary: string, duration: number, segments: Segment[], highlights: Highlight[], curves: Curves, edges:
 * Edge[], warnings: string[], method: string, highlight_video_url: string|null, thumbnails: string[], below_minimum?:
 * Segment[], found?: Highlight[]}} Highlights
 * @typedef {{start: number, turn: number, end: number}} Repetition
 * @typedef {{limit: number, offset: number, total: number}} Pagination
 * @typedef {{start: number, end: number}} Pause
 * @typedef {{seconds: number, down: number, up: number, per_minute: number, pauses: Pause[]}} Tempo
 * @typedef {{step: number, start: number, values: number[]}} MovementCurve
 * @typedef {{name: string, start_time: number, end_time: number, repetitions: number, rep_times: Repetition[], tempo:
 * Tempo|null, confidence: number, name_confidence: number|null, signal: string, curve: MovementCurve|null, feedback:
 * string[]}} Exercise
 * @typedef {{start_time: number, end_time: number, reason: string}} NotCounted
 * @typedef {{summary: string, duration: number, exercises: Exercise[], total_repetitions: number, not_counted:
 * NotCounted[], warnings: string[], method: string, preview_url: string|null}} Workout
 */

const ANALYSES = "/api/v1/video";
const makePath = (/** @type {string} */ what, /** @type {string} */ id) =>
  `${ANALYSES}/${what}/${encodeURIComponent(id)}`;

/**
 * @param {{limit: number, offset: number, analysis_type?: string}} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<{sessions: Session[], pagination: Pagination}>}
 */
export function listSessions(query, signal) {
  const given = Object.entries(query)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => [name, String(value)]);
  return get(`${ANALYSES}/sessions?${new URLSearchParams(given)}`, { signal });
}

/** @param {string} id @param {AbortSignal} [signal] @returns {Promise<Session>} */
export const readSession = (id, signal) => get(makePath("status", id), { signal });
/** @param {string} id @returns {Promise<{data: any}>} */
export const readResults = (id) => get(makePath("results", id));
/** @param {string} id @returns {Promise<{status: string}>} */
export const cancelSession = (id) => callApi("POST", makePath("cancel", id), {});
/**
 * @param {string} id
 * @param {boolean} keep
 * @returns {Promise<Session>}
 */
export const keepSession = (id, keep) => callApi("POST", makePath("keep", id), { keep });
/**
 * Ask the server to cut a new reel from chosen moments of a video.
 * @param {string} id
 * @param {{start: number, end: number}[]} moments
 * @param {string} key
 * @returns {Promise<{job_id: string}>}
 */
export const cutReel = (id, moments, key) =>
  callApi(
    "POST",
    makePath("reel", id),
    { moments: moments.map(({ start, end }) => ({ start_time: start, end_time: end })) },
    { headers: { "Idempotency-Key": key } },
  );
/** @param {string} id */
export const deleteSession = (id) => callApi("DELETE", makePath("cleanup", id));

/** @param {string} id */
export const getJsonUrl = (id) => makePath("results", id);
/**
 * @param {string} id
 * @param {"segments"|"highlights"|"repetitions"} part
 */
export const getCsvUrl = (id, part) => `${makePath("results", id)}.csv?kind=${part}`;

/** Return a new idempotency key; a retry must send the key of the first attempt. */
export const newKey = makeIdempotencyKey;

/**
 * @param {string} video
 * @param {Kind} kind
 * @param {Record<string, any>} params
 * @param {string} key
 * @returns {Promise<{sessionId: string, warnings: string[]}>}
 */
export function analyseVideo(video, kind, params, key) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ video_id: video, analysis_type: kind, params: JSON.stringify(params) }))
    form.append(name, value);
  return callApi("POST", `${ANALYSES}/upload`, form, { headers: { "Idempotency-Key": key } });
}

/**
 * Return the tus metadata that makes the server analyse an upload.
 * @param {Kind} kind
 * @param {Record<string, any>} params
 */
export const makeUploadOptions = (kind, params) => ({
  purpose: "analysis",
  analysis_type: kind,
  params: JSON.stringify(params),
});
