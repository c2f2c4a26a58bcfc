// The analysis API.

import { callApi, get, makeIdempotencyKey } from "../base/api.js";

/**
 * @typedef {"highlights"|"workout"} Kind
 * @typedef {import("../../../docs/openapi").AnalysisStatus} Session An analysis and its state.
 * @typedef {import("../../../docs/openapi").ScoredSegment} Segment
 * @typedef {import("../../../docs/openapi").Highlight & {reel_start: number, reel_end: number}} Highlight
 * @typedef {import("../../../docs/openapi").HighlightsData & {highlights: Highlight[]}} Highlights
 * @typedef {import("../../../docs/openapi").WorkoutData} Workout
 * @typedef {Workout["exercises"][number]} Exercise
 */

const ANALYSES = "/api/v1/video";
const makePath = (/** @type {string} */ what, /** @type {string} */ id) =>
  `${ANALYSES}/${what}/${encodeURIComponent(id)}`;

/**
 * @param {{limit: number, offset: number, analysis_type?: string}} query @param {AbortSignal} [signal]
 * @returns {Promise<{sessions: Session[], pagination: Pagination}>}
 */
export function listSessions(query, signal) {
  const given = Object.entries(query).flatMap(([name, value]) => (value === "" ? [] : [[name, String(value)]]));
  return get(`${ANALYSES}/sessions?${new URLSearchParams(given)}`, { signal });
}

/** @param {string} id @param {AbortSignal} [signal] @returns {Promise<Session>} */
export const readSession = (id, signal) => get(makePath("status", id), { signal });
/** @param {string} id @returns {Promise<{data: any}>} */
export const readResults = (id) => get(makePath("results", id));
/** @param {string} id @returns {Promise<{status: string}>} */
export const cancelSession = (id) => callApi("POST", makePath("cancel", id), {});
/** @param {string} id @param {boolean} keep @returns {Promise<Session>} */
export const keepSession = (id, keep) => callApi("POST", makePath("keep", id), { keep });
/**
 * Ask the server to cut a new reel from chosen moments of a video.
 * @param {string} id @param {import("./reel-draft.js").ReelMoment[]} chosen In the order of the reel.
 * @param {string} key @returns {Promise<{job_id: string}>}
 */
export function cutReel(id, chosen, key) {
  const moments = chosen.map(({ start, end, title, transition }) => ({
    start_time: start,
    end_time: end,
    title,
    transition,
  }));
  return callApi("POST", makePath("reel", id), { moments, order: "given" }, { headers: { "Idempotency-Key": key } });
}
/** @param {string} id */
export const deleteSession = (id) => callApi("DELETE", makePath("cleanup", id));

/** @param {string} id */
export const getJsonUrl = (id) => makePath("results", id);
/** @param {string} id @param {"segments"|"highlights"|"repetitions"} part */
export const getCsvUrl = (id, part) => `${makePath("results", id)}.csv?kind=${part}`;

/** Return a new idempotency key; a retry must send the key of the first attempt. */
export const newKey = makeIdempotencyKey;

/**
 * @param {string} video @param {Kind} kind @param {Record<string, any>} params @param {string} key
 * @returns {Promise<{sessionId: string, warnings: string[]}>}
 */
export function analyseVideo(video, kind, params, key) {
  const form = new FormData();
  form.append("video_id", video);
  form.append("analysis_type", kind);
  form.append("params", JSON.stringify(params));
  return callApi("POST", `${ANALYSES}/upload`, form, { headers: { "Idempotency-Key": key } });
}
