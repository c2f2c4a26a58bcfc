// API calls for library videos and uploads.

import { callApi, get } from "../base/api.js";
import { formatFrameRate, formatIsoDay } from "../base/format.js";

/**
 * @typedef {import("../../../docs/openapi").Rendition} Rendition
 * @typedef {import("../../../docs/openapi").Video} Video
 * @typedef {import("../../../docs/openapi").Upload} Upload
 */

const LIBRARY = "/api/v1/library";
const USES_A_CALL = 100;
export const TUS = "/api/v1/uploads/tus/";
/** Letters of the videos in a comparison. A comparison has at most as many videos as there are letters. */
export const LETTERS = ["A", "B", "C"];
export const INGEST = "ingest";

/**
 * @param {Record<string, string|number>} query
 * @param {AbortSignal} [signal]
 * @returns {Promise<import("../../../docs/openapi").LibraryPage>}
 */
export function listVideos(query, signal) {
  const given = Object.entries(query).filter(([, value]) => value !== "");
  return get(`${LIBRARY}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`, { signal });
}

/** @param {string} id @returns {Promise<Video>} */
export const readVideo = (id) => get(`${LIBRARY}/${encodeURIComponent(id)}`);
/** Read a library or catalogue video. @param {string} id @returns {Promise<Video & {is_listed?: boolean}>} */
export const findVideo = (id) =>
  readVideo(id).catch(async (error) => {
    if (error.status !== 404) throw error;
    return { ...(await get(`/api/v1/videos/${encodeURIComponent(id)}`)), is_listed: true };
  });
/** @param {string} id @param {{title?: string, description?: string, tags?: string[]}} fields @returns {Promise<Video>} */
export const changeVideo = (id, fields) => callApi("PATCH", `${LIBRARY}/${encodeURIComponent(id)}`, fields);
/**
 * Delete a video; `isFinal` skips the bin. Comparisons that use the video show a gap instead.
 * @param {string} id
 * @param {boolean} isFinal
 */
export const deleteVideo = (id, isFinal) =>
  callApi("DELETE", `${LIBRARY}/${encodeURIComponent(id)}?leave_gaps=true${isFinal ? "&purge=true" : ""}`);
/** @param {string} id @returns {Promise<Video>} */
export const restoreVideo = (id) => callApi("POST", `${LIBRARY}/${encodeURIComponent(id)}/restore`);
/** @param {Video[]} videos @returns {Promise<{kind: string, name: string, url: string}[]>} */
export async function listUses(videos) {
  const found = [];
  for (let at = 0; at < videos.length; at += USES_A_CALL) {
    const ids = videos.slice(at, at + USES_A_CALL).map((video) => video.id);
    found.push(...(await get(`${LIBRARY}/uses?video_ids=${ids.join(",")}`)).uses);
  }
  return [...new Map(found.map((use) => [use.url, use])).values()];
}
/** @param {string} id @param {"proxy"|"silent"} kind @returns {Promise<{job_id?: string}>} */
export const makeRendition = (id, kind) => callApi("POST", `${LIBRARY}/${encodeURIComponent(id)}/renditions`, { kind });
/**
 * Start a job that makes the frame at `time` (seconds) the video's poster.
 * @param {string} id
 * @param {number} time
 * @returns {Promise<{job_id?: string}>}
 */
export const setPoster = (id, time) =>
  callApi("POST", `${LIBRARY}/${encodeURIComponent(id)}/renditions`, { kind: "poster", time });

const UPLOADS = "/api/v1/uploads";
const UPLOADS_A_CALL = 100;

/** Return a download URL that, unlike signed URLs, does not expire. @param {Video} video */
export const getDownloadUrl = (video) => `/api/v1/media/stream/${video.id}?download=1`;

/** Return whether web pages can resume an upload, which depends on its protocol. @param {Upload} upload */
export const isFromPages = ({ front }) => front === "tus" || front === "direct";

/** Return the user's unfinished uploads, newest first. @returns {Promise<Upload[]>} */
export async function listLiveUploads() {
  /** Uploads by id: two responses may list the same upload. @type {Map<string, Upload>} */ const found = new Map();
  for (let offset = 0; ; offset += UPLOADS_A_CALL) {
    const query = `status=initiated&status=uploading&limit=${UPLOADS_A_CALL}&offset=${offset}`;
    const { uploads, total } = await get(`${UPLOADS}?${query}`);
    for (const upload of uploads) found.set(upload.id, upload);
    if (uploads.length < UPLOADS_A_CALL || offset + UPLOADS_A_CALL >= total) return [...found.values()];
  }
}

/**
 * Return an upload that has ended; null if it is not among the last 100.
 * @param {string} id
 * @returns {Promise<Upload|null>}
 */
export async function findEndedUpload(id) {
  const { uploads } = await get(`${UPLOADS}?status=completed&status=failed&limit=${UPLOADS_A_CALL}`);
  return uploads.find((/** @type {Upload} */ upload) => upload.id === id) ?? null;
}

/** Format a size as `3.1 GiB` or `412 MiB`. @param {number} bytes @returns {string} */
export function formatBytes(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Format a size limit in bytes as `5 GiB`. @param {number} size @returns {string} */
export const formatRoundBytes = (size) => formatBytes(size).replace(".0 ", " ");

/**
 * Format a part and the whole, both in bytes, as `1.3 of 2 GiB`.
 * @param {number} part
 * @param {number} whole
 * @returns {string}
 */
export function formatPartOfBytes(part, whole) {
  const [value, unit] = formatBytes(part).split(" ");
  return formatBytes(whole).endsWith(` ${unit}`)
    ? `${value} of ${formatRoundBytes(whole)}`
    : `${formatBytes(part)} of ${formatRoundBytes(whole)}`;
}

/**
 * Format a video's picture size as `1080p60`, or as `1080×1920` for portrait; empty if the size is unknown.
 * @param {Video} video
 * @returns {string}
 */
export function formatPicture({ width, height, fps }) {
  if (!width || !height) return "";
  if (height > width) return `${width}×${height}`;
  const whole = Math.round(fps);
  return `${height}p${fps ? formatFrameRate(Math.abs(fps - whole) < 0.005 ? whole : fps) : ""}`;
}

const DAY = 86_400_000;

/** Format a date as `Today, 14:02`, `Yesterday` or `3 Mar`. @param {Date} date @param {Date} [now] @returns {string} */
export function formatDay(date, now = new Date()) {
  const midnight = (/** @type {Date} */ d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  const days = Math.round((midnight(now) - midnight(date)) / DAY);
  const [hours, minutes] = [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, "0"));
  if (days === 0) return `Today, ${hours}:${minutes}`;
  if (days === 1) return "Yesterday";
  return date.getFullYear() === now.getFullYear()
    ? `${date.getDate()} ${date.toLocaleDateString("en", { month: "short" })}`
    : formatIsoDay(date);
}

/** @param {string} text @returns {string[]} */
export function parseTags(text) {
  const tags = text.split(",").map((tag) => tag.trim().replace(/\s+/g, " "));
  return [...new Set(tags.filter(Boolean))];
}
