// Checks of a clip before its upload. The browser's player reads duration and picture size; if it cannot play the clip,
// type and duration are read from the file.

import { describeTooLarge } from "../../uploads/transfer.js";

/**
 * @typedef {object} Facts Facts about a clip.
 * @property {number} duration Duration in seconds; 0 if unknown.
 * @property {number} width
 * @property {number} height
 * @property {boolean} plays True if this browser can play the clip.
 */

const PATIENCE = 10_000; // maximum ms to wait for an event of the video element
const BEYOND = 1e7; // a seek position, in seconds, after the end of every clip
const HEAD = 4096;

export class Refused extends Error {
  /** @param {string} title @param {string} text */
  constructor(title, text) {
    super(`${title}. ${text}`);
    this.name = "Refused";
  }
}

/**
 * Check a clip, and return facts about it.
 * @param {Blob} blob
 * @param {number} limit The maximum size of the clip in bytes.
 * @param {number} [knownDuration] The duration of a clip recorded on this page, in seconds; 0 for a file.
 * @returns {Promise<Facts>}
 * @throws {Refused} The clip is empty, too large, unreadable or not a video.
 */
export async function inspectClip(blob, limit, knownDuration = 0) {
  if (blob.size === 0) throw new Refused("Empty file", "Choose another file.");
  if (blob.size > limit) throw new Refused(...describeTooLarge(limit));
  const head = await readBytes(blob, 0, HEAD).catch(() => {
    const text = "The file may have been moved, or this browser has no permission to open it. Choose the file again.";
    throw new Refused("The file could not be read", text);
  });
  const facts = await readByPlayer(blob);
  if (facts) {
    if (!facts.width) throw new Refused("No video in the file", "The file has only sound. Choose a video.");
    return { ...facts, duration: facts.duration || knownDuration };
  }
  if (!isContainer(new Uint8Array(head))) throw new Refused("Not a video", "Choose a video file.");
  return { duration: knownDuration || (await readMp4Duration(blob)), width: 0, height: 0, plays: false };
}

/** @param {Blob} blob @param {number} from @param {number} end */
const readBytes = (blob, from, end) => blob.slice(from, end).arrayBuffer();

/**
 * Return the duration and picture size that the browser's player reads; null if the player cannot play the clip.
 * @param {Blob} blob
 * @returns {Promise<Facts|null>}
 */
async function readByPlayer(blob) {
  const video = document.createElement("video");
  const address = URL.createObjectURL(blob);
  try {
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: address });
    await waitForEvent(video, "loadeddata");
    await findEnd(video);
    const duration = Number.isFinite(video.duration) ? video.duration : video.currentTime;
    return { duration, width: video.videoWidth, height: video.videoHeight, plays: true };
  } catch {
    return null;
  } finally {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(address);
  }
}

/**
 * Seek to the end if the player does not know the duration; afterwards, the player usually knows it. For example,
 * recordings made by a browser do not state their duration.
 * @param {HTMLVideoElement} video
 */
async function findEnd(video) {
  if (Number.isFinite(video.duration)) return;
  video.currentTime = BEYOND;
  await waitForEvent(video, "seeked");
}

/**
 * Make a loaded video's controls show the duration. If the player does not know it, as in a browser's recording, seek
 * to the end and back.
 * @param {Event & {currentTarget: HTMLVideoElement}} event
 */
export async function showDuration({ currentTarget: video }) {
  // Live video has no end.
  if (video.srcObject || Number.isFinite(video.duration)) return;
  // Set `preload` to "auto": otherwise phones do not load the first picture again after `findEnd` has sought the end.
  video.preload = "auto";
  await findEnd(video).catch(() => {});
  video.currentTime = 0;
}

/** @param {HTMLVideoElement} video @param {string} event @returns {Promise<void>} */
function waitForEvent(video, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, PATIENCE);
    video.addEventListener(event, () => resolve(clearTimeout(timer)), { once: true });
    video.addEventListener("error", () => reject(clearTimeout(timer)), { once: true });
  });
}

/** Signatures that identify video containers, by their byte offset in the file. @type {Record<number, string[]>} */
const MARKS = {
  0: ["\x1aE\xdf\xa3", "OggS", "FLV", "\x30\x26\xb2\x75", "\0\0\x01\xba", "\0\0\x01\xb3"],
  4: ["ftyp", "moov", "mdat", "free", "wide"],
  8: ["AVI "],
};

/** @param {Uint8Array} head */
function isContainer(head) {
  const text = String.fromCharCode(...head);
  return (
    Object.entries(MARKS).some(([at, marks]) => marks.some((mark) => text.startsWith(mark, Number(at)))) ||
    (text[0] === "G" && text[188] === "G") ||
    (text[4] === "G" && text[196] === "G")
  );
}

/**
 * Return the duration in seconds from the `mvhd` box of an MP4 or MOV (ISO 14496-12, 8.2.2); 0 without such a box.
 * @param {Blob} blob
 * @returns {Promise<number>}
 */
export async function readMp4Duration(blob) {
  let [from, end] = [0, blob.size];
  while (from + 8 <= end) {
    const box = new DataView(await readBytes(blob, from, from + 48));
    const type = String.fromCharCode(...new Uint8Array(box.buffer, 4, 4));
    const isLong = box.getUint32(0) === 1 && box.byteLength >= 16;
    const size = isLong ? Number(box.getBigUint64(8)) : box.getUint32(0) || end - from;
    const header = isLong ? 16 : 8;
    if (size < header) return 0;
    if (type === "mvhd") return readMvhd(box, header);
    if (type === "moov") [from, end] = [from + header, Math.min(end, from + size)];
    else from += size;
  }
  return 0;
}

/** Return the duration, in seconds, of an `mvhd` box with content at `at`. @param {DataView} box @param {number} at */
function readMvhd(box, at) {
  const isLong = box.byteLength > at && box.getUint8(at) === 1;
  if (box.byteLength < at + (isLong ? 32 : 20)) return 0;
  const scale = box.getUint32(at + (isLong ? 20 : 12));
  const length = isLong ? Number(box.getBigUint64(at + 24)) : box.getUint32(at + 16);
  return scale > 0 && length !== 0xffffffff ? length / scale : 0;
}
