// What is asked for: segments of a video and the sounds that are to be heard in them. Pure; knows no page.

import { moment } from "../base/format.js";

/**
 * @typedef {object} Sound
 * @property {number} id
 * @property {string} name of the file
 * @property {number|null} duration seconds; null while it is not known
 *
 * @typedef {object} Segment
 * @property {number} id
 * @property {number} start seconds of the video
 * @property {number} end
 * @property {number|null} sound the id of its sound; null while it has none
 * @property {number|null} from seconds of the sound; null for its beginning
 * @property {number|null} to null for its end
 * @property {string} label
 *
 * @typedef {object} Mend what sets a fault right
 * @property {string} label
 * @property {Partial<Segment>} change
 *
 * @typedef {object} Fault
 * @property {number} segment its id
 * @property {"start"|"end"|"sound"|"from"|"to"} field
 * @property {string} text a sentence
 * @property {Mend|null} mend
 */

export const LEAST = 0.1; // seconds of a segment that is made by hand
export const USUAL = 4; // of a new one
const ROUND = 1000;
const SLACK = 0.0005; // a duration is shown to the millisecond

/** @param {number} seconds */
export const rounded = (seconds) => Math.round(seconds * ROUND) / ROUND;

/**
 * @param {Segment[]} segments
 * @returns {Segment[]} in the order of the video
 */
export const inOrder = (segments) =>
  [...segments].sort((one, other) => one.start - other.start || one.end - other.end || one.id - other.id);

/**
 * What has to be mended before the segments can be sent, in the order of the video.
 * @param {Segment[]} segments
 * @param {Sound[]} sounds
 * @param {number} duration seconds of the video
 * @returns {Fault[]}
 */
export function faultsOf(segments, sounds, duration) {
  /** @type {Fault[]} */
  const faults = [];
  /** @type {Segment|null} */
  let last = null;
  inOrder(segments).forEach((segment, at) => {
    const say = (
      /** @type {Fault["field"]} */ field,
      /** @type {string} */ text,
      /** @type {Mend|null} */ mend = null,
    ) => faults.push({ segment: segment.id, field, text, mend });
    if (segment.end <= segment.start)
      say("end", "It ends before it begins.", {
        label: `Let it last ${USUAL} s`,
        change: { end: rounded(Math.min(duration, segment.start + USUAL)) },
      });
    else if (segment.start >= duration) say("start", `The video ends at ${moment(duration)}.`);
    else if (segment.end > duration + SLACK)
      say("end", `The video ends at ${moment(duration)}.`, {
        label: `Move the end to ${moment(duration)}`,
        change: { end: rounded(duration) },
      });
    if (last && segment.start < last.end - 1e-9) {
      const over = last.end - segment.start;
      const mend =
        last.end < segment.end
          ? { label: `Move the start to ${moment(last.end)}`, change: { start: rounded(last.end) } }
          : null;
      say("start", `Begins ${short(over)} before segment ${at} ends.`, mend);
    }
    if (!last || segment.end > last.end) last = segment;
    faults.push(...soundFaults(segment, sounds));
  });
  return faults;
}

/**
 * @param {Segment} segment
 * @param {Sound[]} sounds
 * @returns {Fault[]}
 */
function soundFaults({ id, sound, from, to }, sounds) {
  const own = sounds.find((one) => one.id === sound);
  if (!own)
    return [
      { segment: id, field: "sound", text: sounds.length ? "Choose its sound." : "Add a sound first.", mend: null },
    ];
  const whole = { label: "Use the whole sound", change: { from: null, to: null } };
  const begin = from ?? 0;
  const end = to ?? own.duration;
  if (end !== null && end <= begin)
    return [{ segment: id, field: to === null ? "from" : "to", text: "No part of the sound is left.", mend: whole }];
  if (own.duration !== null && to !== null && to > own.duration + SLACK)
    return [{ segment: id, field: "to", text: `The sound ends at ${moment(own.duration)}.`, mend: whole }];
  return [];
}

/** @param {number} seconds */
const short = (seconds) =>
  seconds < 0.0995
    ? `${Math.max(1, Math.round(seconds * ROUND))} ms`
    : `${(Math.round(seconds * 10) / 10).toFixed(1)} s`;

/**
 * Where a new segment fits: from a moment on, or from where the one there ends, as long as there is room.
 * @param {Segment[]} segments
 * @param {number} at seconds
 * @param {number} duration of the video
 * @param {number} wanted seconds
 * @returns {{start: number, end: number}|null} null where there is none
 */
export function roomFor(segments, at, duration, wanted = USUAL) {
  let start = Math.max(0, at);
  for (const segment of inOrder(segments))
    if (segment.start <= start + 1e-9 && segment.end > start) start = segment.end;
  const next = inOrder(segments).find((segment) => segment.start >= start);
  const end = Math.min(duration, next ? next.start : duration, start + wanted);
  return end - start < LEAST ? null : { start: rounded(start), end: rounded(end) };
}

/**
 * How far a segment may be moved or stretched before it meets another or the video's ends.
 * @param {Segment[]} segments
 * @param {Segment} segment
 * @param {number} duration
 * @returns {{least: number, most: number}} seconds for its start and its end
 */
function bounds(segments, segment, duration) {
  const others = inOrder(segments.filter((one) => one.id !== segment.id));
  const before = others.filter((one) => one.end <= segment.start + 1e-9).map((one) => one.end);
  const behind = others.filter((one) => one.start >= segment.end - 1e-9).map((one) => one.start);
  return { least: Math.max(0, ...before), most: Math.min(duration, ...behind) };
}

/**
 * The segment moved or stretched by so much, as far as there is room.
 * @param {Segment[]} segments
 * @param {Segment} segment as it was when the dragging began
 * @param {"move"|"start"|"end"} what
 * @param {number} by seconds
 * @param {number} duration
 * @returns {{start: number, end: number}}
 */
export function dragged(segments, segment, what, by, duration) {
  const { least, most } = bounds(segments, segment, duration);
  if (what === "start")
    return { start: rounded(Math.min(Math.max(segment.start + by, least), segment.end - LEAST)), end: segment.end };
  if (what === "end")
    return { start: segment.start, end: rounded(Math.max(Math.min(segment.end + by, most), segment.start + LEAST)) };
  const length = segment.end - segment.start;
  const start = Math.min(Math.max(segment.start + by, least), Math.max(least, most - length));
  return { start: rounded(start), end: rounded(start + length) };
}

/**
 * As the API takes them, with the sounds that they use in the order of their files.
 * @param {Segment[]} segments
 * @param {Sound[]} sounds
 * @returns {{segments: any[], refs: string[], files: number[]}} files: ids of the sounds
 */
export function asked(segments, sounds) {
  const used = sounds.filter((sound) => segments.some((segment) => segment.sound === sound.id));
  const ref = (/** @type {number|null} */ id) => `sound-${used.findIndex((sound) => sound.id === id) + 1}`;
  return {
    files: used.map((sound) => sound.id),
    refs: used.map((sound) => ref(sound.id)),
    segments: inOrder(segments).map(({ start, end, sound, from, to, label }) => {
      const cropped = from !== null || to !== null;
      const length = sounds.find((one) => one.id === sound)?.duration ?? 0;
      const crop = cropped ? { startTime: from ?? 0, endTime: to ?? length } : {};
      return {
        startTime: start,
        endTime: end,
        audioInput: { refId: ref(sound), ...crop },
        ...(label ? { label } : {}),
      };
    }),
  };
}
