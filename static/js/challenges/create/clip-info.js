// Checks of a clip before its upload: file type, duration and picture size, by the browser's player or from the file.

import { tooLarge } from "../../uploads/transfer.js";

/**
 * @typedef {object} Facts
 * @property {number} duration seconds; 0 if unknown
 * @property {number} width pixels
 * @property {number} height pixels
 * @property {boolean} plays whether this browser can play it
 */

const PATIENCE = 10_000; // ms to wait for a media event
/** A time after the end of every clip, seconds. */
const BEYOND = 1e7;
const HEAD = 4096;

/** The error of an unusable clip: reason and advice. */
export class Refused extends Error {
  /** @param {string} title @param {string} text */
  constructor(title, text) {
    super(`${title}. ${text}`);
    this.name = "Refused";
  }
}

/**
 * @param {Blob} blob
 * @param {number} limit bytes
 * @param {number} [knownDuration] length of a recording made here, seconds
 * @returns {Promise<Facts>}
 * @throws {Refused}
 */
export async function look(blob, limit, knownDuration = 0) {
  if (blob.size === 0) throw new Refused("Empty file", "Choose another file.");
  if (blob.size > limit) throw new Refused(...tooLarge(limit));
  /** @type {Uint8Array} */ let head;
  try {
    head = new Uint8Array(await blob.slice(0, HEAD).arrayBuffer());
  } catch {
    throw new Refused(
      "The file could not be read",
      "It may have been moved, or this browser may not open it. Choose it again.",
    );
  }
  const facts = await asked(blob);
  if (facts) {
    if (!facts.width) throw new Refused("No video in the file", "The file has only sound. Choose a video.");
    return { ...facts, duration: facts.duration || knownDuration };
  }
  if (!isContainer(head)) throw new Refused("Not a video", "Choose a video file.");
  return { duration: knownDuration || (await mp4Duration(blob)), width: 0, height: 0, plays: false };
}

/**
 * @param {Blob} blob
 * @returns {Promise<Facts|null>} null if the browser cannot play it
 */
async function asked(blob) {
  const video = document.createElement("video");
  const address = URL.createObjectURL(blob);
  try {
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: address });
    await once(video, "loadeddata");
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
 * Seek a browser's recording to its end: its duration is unknown before that.
 * @param {HTMLVideoElement} video video with metadata
 */
async function findEnd(video) {
  if (Number.isFinite(video.duration)) return;
  video.currentTime = BEYOND;
  await once(video, "seeked");
}

/** Make the player's controls show the duration of a recording too. @param {HTMLVideoElement} video */
export function showLength(video) {
  video.addEventListener("loadedmetadata", async () => {
    if (Number.isFinite(video.duration)) return;
    // Phones reload the first picture after the seek only with this setting.
    video.preload = "auto";
    await findEnd(video).catch(() => {});
    video.currentTime = 0;
  });
}

/**
 * @param {HTMLVideoElement} video
 * @param {string} event
 * @returns {Promise<void>}
 */
function once(video, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("it takes too long")), PATIENCE);
    const done = (/** @type {() => void} */ how) => () => {
      clearTimeout(timer);
      how();
    };
    video.addEventListener(event, done(resolve), { once: true });
    video.addEventListener(
      "error",
      done(() => reject(new Error("not playable"))),
      { once: true },
    );
  });
}

/** @type {[number, string][]} offset and signature of each video container */
const MARKS = [
  [4, "ftyp"],
  [4, "moov"],
  [4, "mdat"],
  [4, "free"],
  [4, "wide"],
  [0, "\x1aE\xdf\xa3"],
  [8, "AVI "],
  [0, "OggS"],
  [0, "FLV"],
  [0, "\x30\x26\xb2\x75"],
  [0, "\0\0\x01\xba"],
  [0, "\0\0\x01\xb3"],
];

/** @param {Uint8Array} head @returns {boolean} whether the file may contain video */
function isContainer(head) {
  const text = String.fromCharCode(...head);
  return (
    MARKS.some(([at, mark]) => text.startsWith(mark, at)) ||
    (text[0] === "G" && text[188] === "G") ||
    (text[4] === "G" && text[196] === "G")
  );
}

/**
 * Read the duration from the `mvhd` box of an MP4 or MOV (ISO 14496-12, 8.2.2).
 * @param {Blob} blob
 * @returns {Promise<number>} seconds; 0 if there is none
 */
export async function mp4Duration(blob) {
  let [from, end] = [0, blob.size];
  while (from + 8 <= end) {
    const box = new DataView(await blob.slice(from, from + 48).arrayBuffer());
    const type = String.fromCharCode(...new Uint8Array(box.buffer, 4, 4));
    const isLong = box.getUint32(0) === 1 && box.byteLength >= 16;
    const size = isLong ? Number(box.getBigUint64(8)) : box.getUint32(0) || end - from;
    const header = isLong ? 16 : 8;
    if (size < header) return 0;
    if (type === "mvhd") return readMvhd(box, header);
    // `mvhd` is inside `moov`.
    if (type === "moov") [from, end] = [from + header, Math.min(end, from + size)];
    else from += size;
  }
  return 0;
}

/** @param {DataView} box @param {number} at offset of the box's content @returns {number} seconds */
function readMvhd(box, at) {
  const isLong = box.byteLength > at && box.getUint8(at) === 1;
  if (box.byteLength < at + (isLong ? 32 : 20)) return 0;
  const scale = box.getUint32(at + (isLong ? 20 : 12));
  const length = isLong ? Number(box.getBigUint64(at + 24)) : box.getUint32(at + 16);
  return scale > 0 && length !== 0xffffffff ? length / scale : 0;
}
