// Captions and chapters of videos.

import { callApi, get } from "../base/api.js";
import { formatMoment, formatPosition, parseMoment } from "../base/format.js";

/** @typedef {import("../../../docs/openapi").TextTrack} TextTrack */

const URL = "/api/v1/text-tracks";
export const UNKNOWN_LANGUAGE = "und";

/** @param {string} video @returns {Promise<TextTrack[]>} */
export const listTracks = async (video) => (await get(`${URL}?video_id=${encodeURIComponent(video)}`)).tracks;
/**
 * Store a text track; it replaces the video's track of the same kind and language.
 * @param {{video_id: string, kind: "captions"|"chapters", language: string, label?: string, content: string}} track
 * @returns {Promise<TextTrack>}
 */
export const storeTrack = (track) => callApi("POST", URL, track);
/** @param {string} id */
export const deleteTrack = (id) => callApi("DELETE", `${URL}/${encodeURIComponent(id)}`);

/** @param {TextTrack} track @returns {Promise<string>} */
export async function readTrack(track) {
  const response = await fetch(track.url, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The file could not be read (${response.status}).`);
  return response.text();
}

/**
 * Decode a text file in UTF-8, UTF-16, or Windows-1252, which older programs write.
 * @param {ArrayBuffer} content
 * @returns {string}
 */
export function decodeText(content) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    const [first, second] = new Uint8Array(content);
    const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
    return new TextDecoder(isUtf16 ? (first === 0xff ? "utf-16le" : "utf-16be") : "windows-1252").decode(content);
  }
}

/**
 * Return the English name of a BCP 47 language tag. Return "" for `und`, and the tag itself if it has no name.
 * @param {string} tag
 * @returns {string}
 */
export function getLanguageName(tag) {
  if (tag === UNKNOWN_LANGUAGE) return "";
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** @param {TextTrack} track @returns {string} */
export const getTrackName = ({ label, language }) => label || getLanguageName(language) || "Captions";

/**
 * Format chapters as the lines that parseChapters reads.
 * @param {{start: number, text: string}[]} chapters
 * @returns {string}
 */
export const formatChapters = (chapters) =>
  chapters.map(({ start, text }) => `${formatShortMoment(start)} ${text}`).join("\n");

/** Format seconds as `4:05` or `4:05.25`. @param {number} seconds */
const formatShortMoment = (seconds) => formatMoment(seconds).replace(/\.?0+$/, "");

/**
 * Convert chapters, written as lines of time and name, to WebVTT; `problem` is an error message or empty.
 * @param {string} lines
 * @param {number} whole
 * @returns {{content: string, problem: string}}
 */
export function parseChapters(lines, whole) {
  /** @type {{start: number, text: string}[]} */ const found = [];
  for (const line of lines.split("\n").map((one) => one.trim())) {
    if (!line) continue;
    if (/^[[(]?\d[\d:.,]*[\])]?$/.test(line)) return makeProblem(`The line “${line}” needs a name after the time.`);
    const parts = /^[[(]?(\d+(?::\d+)*(?:[.,]\d+)?)[\])]?\s*[-–—:]?\s+(.+)$/.exec(line);
    const start = parts ? parseMoment(parts[1]) : null;
    if (!parts || start === null) return makeProblem(`The line “${line}” must begin with a time, such as 4:05.`);
    if (whole && start >= whole) return makeProblem(`The time in the line “${line}” is after the end of the video.`);
    if (found.length && start <= found[found.length - 1].start)
      return makeProblem(`The time in the line “${line}” must be later than the time in the line before.`);
    found.push({ start, text: parts[2] });
  }
  const cues = found.map(({ start, text }, n) => {
    const end = found[n + 1]?.start ?? Math.max(whole, start + 1);
    return `${formatPosition(start)} --> ${formatPosition(end)}\n${escapeText(text)}\n`;
  });
  return { content: `WEBVTT\n\n${cues.join("\n")}`, problem: "" };
}

/** @param {string} problem */
const makeProblem = (problem) => ({ content: "", problem });

/** @param {string} text */
const escapeText = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
