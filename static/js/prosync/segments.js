// The segments of a dubbing request and their sounds: validation, editing, API format.

import { formatMoment } from "../base/format.js";

/**
 * A sound. `name` is the name of its file. `duration` is in seconds, or null while unknown.
 * @typedef {object} Sound
 * @property {number} id
 * @property {string} name
 * @property {number|null} duration
 */

/**
 * A part of the video that gets a new sound. `start` and `end` are positions in the video. `sound` is the id of the new
 * sound, or null if none is chosen. Only the sound between `from` and `to` is used; null means from its beginning, or
 * to its end. All positions are in seconds.
 * @typedef {object} Segment
 * @property {number} id
 * @property {number} start
 * @property {number} end
 * @property {number|null} sound
 * @property {number|null} from
 * @property {number|null} to
 * @property {string} label
 */

/**
 * A change that corrects a fault. `label` is the text of the button that makes the change.
 * @typedef {object} Mend
 * @property {string} label
 * @property {Partial<Segment>} change
 */

/**
 * An error that prevents sending the segments. `segment` is the id of the faulty segment, and `text` explains the error
 * to the user.
 * @typedef {object} Fault
 * @property {number} segment
 * @property {"start"|"end"|"sound"|"from"|"to"} field
 * @property {string} text
 * @property {Mend|null} mend
 */

export const LEAST = 0.1; // minimum length of a new or dragged segment, in seconds
export const USUAL = 4; // default length of a new segment, in seconds
const ROUND = 1000;
// seconds by which an end may exceed the duration of the video or sound, because durations are rounded to milliseconds
const SLACK = 0.0005;

/** @param {number} seconds */
const roundTime = (seconds) => Math.round(seconds * ROUND) / ROUND;

/**
 * Return the segments sorted by start.
 * @param {Segment[]} segments
 * @returns {Segment[]}
 */
export const sortSegments = (segments) =>
  [...segments].sort((one, other) => one.start - other.start || one.end - other.end || one.id - other.id);

/**
 * Return the errors that prevent sending, in order of the segments.
 * @param {Segment[]} segments
 * @param {Sound[]} sounds
 * @param {number} duration
 * @returns {Fault[]}
 */
export function findErrors(segments, sounds, duration) {
  /** @type {Fault[]} */
  const faults = [];
  /** @type {Segment|null} */
  let last = null;
  sortSegments(segments).forEach((segment, at) => {
    const say = (
      /** @type {Fault["field"]} */ field,
      /** @type {string} */ text,
      /** @type {Mend|null} */ mend = null,
    ) => faults.push({ segment: segment.id, field, text, mend });
    if (segment.end <= segment.start)
      say("end", "The end must be after the start.", {
        label: `Set the length to ${USUAL} s`,
        change: { end: roundTime(Math.min(duration, segment.start + USUAL)) },
      });
    else if (segment.start >= duration)
      say("start", `The video ends at ${formatMoment(duration)}. Set an earlier start.`);
    else if (segment.end > duration + SLACK)
      say("end", `The video ends at ${formatMoment(duration)}. Set an earlier end.`, {
        label: `Move the end to ${formatMoment(duration)}`,
        change: { end: roundTime(duration) },
      });
    if (last && segment.start < last.end - 1e-9) {
      const over = last.end - segment.start;
      const mend =
        last.end < segment.end
          ? { label: `Move the start to ${formatMoment(last.end)}`, change: { start: roundTime(last.end) } }
          : null;
      say("start", `This segment starts ${formatShort(over)} before segment ${at} ends.`, mend);
    }
    if (!last || segment.end > last.end) last = segment;
    faults.push(...findSoundErrors(segment, sounds));
  });
  return faults;
}

/**
 * @param {Segment} segment
 * @param {Sound[]} sounds
 * @returns {Fault[]}
 */
function findSoundErrors({ id, sound, from, to }, sounds) {
  const own = sounds.find((one) => one.id === sound);
  if (!own)
    return [
      { segment: id, field: "sound", text: sounds.length ? "Choose a sound." : "Add a sound first.", mend: null },
    ];
  const whole = { label: "Use the whole sound", change: { from: null, to: null } };
  const begin = from ?? 0;
  const end = to ?? own.duration;
  if (end !== null && end <= begin)
    return [
      {
        segment: id,
        field: to === null ? "from" : "to",
        text: "The sound's end must be after its start.",
        mend: whole,
      },
    ];
  if (own.duration !== null && to !== null && to > own.duration + SLACK)
    return [
      {
        segment: id,
        field: "to",
        text: `The sound ends at ${formatMoment(own.duration)}. Set an earlier end.`,
        mend: whole,
      },
    ];
  return [];
}

/** @param {number} seconds */
const formatShort = (seconds) =>
  seconds < 0.0995
    ? `${Math.max(1, Math.round(seconds * ROUND))} ms`
    : `${(Math.round(seconds * 10) / 10).toFixed(1)} s`;

/**
 * Return the first free gap at or after a time. Cut a gap longer than `wanted` seconds to this length. Return null if
 * the gap is too short for a segment.
 * @param {Segment[]} segments
 * @param {number} at
 * @param {number} duration
 * @param {number} wanted
 * @returns {{start: number, end: number}|null}
 */
export function findRoom(segments, at, duration, wanted = USUAL) {
  let start = Math.max(0, at);
  for (const segment of sortSegments(segments))
    if (segment.start <= start + 1e-9 && segment.end > start) start = segment.end;
  const next = sortSegments(segments).find((segment) => segment.start >= start);
  const end = Math.min(duration, next ? next.start : duration, start + wanted);
  return end - start < LEAST ? null : { start: roundTime(start), end: roundTime(end) };
}

/**
 * Return a segment's earliest start and latest end between its neighbours.
 * @param {Segment[]} segments
 * @param {Segment} segment
 * @param {number} duration
 * @returns {{least: number, most: number}}
 */
function getBounds(segments, segment, duration) {
  const others = sortSegments(segments.filter((one) => one.id !== segment.id));
  const before = others.filter((one) => one.end <= segment.start + 1e-9).map((one) => one.end);
  const behind = others.filter((one) => one.start >= segment.end - 1e-9).map((one) => one.start);
  return { least: Math.max(0, ...before), most: Math.min(duration, ...behind) };
}

/**
 * Return a segment's start and end after the user has dragged it by `by` seconds. Neighbours limit the drag.
 * @param {Segment[]} segments
 * @param {Segment} segment
 * @param {"move"|"start"|"end"} what
 * @param {number} by
 * @param {number} duration
 * @returns {{start: number, end: number}}
 */
export function dragSegment(segments, segment, what, by, duration) {
  const { least, most } = getBounds(segments, segment, duration);
  if (what === "start")
    return { start: roundTime(Math.min(Math.max(segment.start + by, least), segment.end - LEAST)), end: segment.end };
  if (what === "end")
    return { start: segment.start, end: roundTime(Math.max(Math.min(segment.end + by, most), segment.start + LEAST)) };
  const length = segment.end - segment.start;
  const start = Math.min(Math.max(segment.start + by, least), Math.max(least, most - length));
  return { start: roundTime(start), end: roundTime(start + length) };
}

/**
 * Convert segments to the API's format. The returned `files` are ids of sounds, in upload order.
 * @param {Segment[]} segments
 * @param {Sound[]} sounds
 * @returns {{segments: any[], refs: string[], files: number[]}}
 */
export function toRequest(segments, sounds) {
  const used = sounds.filter((sound) => segments.some((segment) => segment.sound === sound.id));
  const ref = (/** @type {number|null} */ id) => `sound-${used.findIndex((sound) => sound.id === id) + 1}`;
  return {
    files: used.map((sound) => sound.id),
    refs: used.map((sound) => ref(sound.id)),
    segments: sortSegments(segments).map(({ start, end, sound, from, to, label }) => {
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
