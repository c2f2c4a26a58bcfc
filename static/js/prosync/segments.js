// The segments of a dubbing request and their sounds: validation, editing, API format.

import { formatMoment } from "../base/format.js";

/**
 * @typedef {{id: number, name: string, duration: number|null}} Sound A sound. `name` is the name of its file.
 *   `duration` is in seconds, or null while unknown.
 */

/**
 * A part of the video that gets a new sound. `start` and `end` are positions in the video. `sound` is the id of the new
 * sound, or null if none is chosen. Only the sound between `from` and `to` is used; null means from its beginning, or
 * to its end. All positions are in seconds.
 * @typedef {{id: number, start: number, end: number, sound: number|null, from: number|null, to: number|null,
 *   label: string}} Segment
 */

/**
 * An error that prevents sending the segments. `segment` is the id of the faulty segment, and `text` explains the error
 * to the user. `mend` is a change that corrects the error, and the label of its button.
 * @typedef {{label: string, change: Partial<Segment>}} Mend
 * @typedef {{segment: number, field: "start"|"end"|"sound"|"from"|"to", text: string, mend: Mend|null}} Fault
 */

export const LEAST = 0.1; // minimum length of a new or dragged segment, in seconds
export const USUAL = 4; // default length of a new segment, in seconds
const ROUND = 1000;
// seconds by which an end may exceed the duration of the video or sound, because durations are rounded to milliseconds
const SLACK = 0.0005;

/** @param {number} seconds */
const roundTime = (seconds) => Math.round(seconds * ROUND) / ROUND;

/** Return the segments sorted by start. @param {Segment[]} segments @returns {Segment[]} */
export const sortSegments = (segments) =>
  [...segments].sort((one, other) => one.start - other.start || one.end - other.end || one.id - other.id);

/**
 * Return the errors that prevent sending, in order of the segments.
 * @param {Segment[]} segments @param {Sound[]} sounds @param {number} duration @returns {Fault[]}
 */
export function findErrors(segments, sounds, duration) {
  /** @type {Fault[]} */ const faults = [];
  /** @type {Segment|null} */ let last = null;
  sortSegments(segments).forEach((segment, at) => {
    const { id, start, end } = segment;
    /** @param {Fault["field"]} field @param {string} text @param {string} [label] @param {Partial<Segment>} [change] */
    const say = (field, text, label, change = {}) =>
      faults.push({ segment: id, field, text, mend: label ? { label, change } : null });
    const videoEnd = formatMoment(duration);
    if (end <= start) {
      const change = { end: roundTime(Math.min(duration, start + USUAL)) };
      say("end", "The end must be after the start.", `Set the length to ${USUAL} s`, change);
    } else if (start >= duration) say("start", `The video ends at ${videoEnd}. Set an earlier start.`);
    else if (end > duration + SLACK) {
      const change = { end: roundTime(duration) };
      say("end", `The video ends at ${videoEnd}. Set an earlier end.`, `Move the end to ${videoEnd}`, change);
    }
    if (last && start < last.end - 1e-9) {
      const text = `This segment starts ${formatShort(last.end - start)} before segment ${at} ends.`;
      const label = last.end < end ? `Move the start to ${formatMoment(last.end)}` : "";
      say("start", text, label, { start: roundTime(last.end) });
    }
    if (!last || end > last.end) last = segment;
    findSoundError(segment, sounds, say);
  });
  return faults;
}

/**
 * @param {Segment} segment @param {Sound[]} sounds
 * @param {(field: Fault["field"], text: string, label?: string, change?: Partial<Segment>) => void} say
 */
function findSoundError({ sound, from, to }, sounds, say) {
  const own = sounds.find(({ id }) => id === sound);
  if (!own) return say("sound", sounds.length ? "Choose a sound." : "Add a sound first.");
  const { duration } = own;
  const end = to ?? duration;
  const whole = /** @type {const} */ (["Use the whole sound", { from: null, to: null }]);
  if (end !== null && end <= (from ?? 0))
    say(to === null ? "from" : "to", "The sound's end must be after its start.", ...whole);
  else if (duration !== null && to !== null && to > duration + SLACK)
    say("to", `The sound ends at ${formatMoment(duration)}. Set an earlier end.`, ...whole);
}

/** @param {number} seconds */
const formatShort = (seconds) =>
  seconds < 0.0995
    ? `${Math.max(1, Math.round(seconds * ROUND))} ms`
    : `${(Math.round(seconds * 10) / 10).toFixed(1)} s`;

/**
 * Return the first free gap at or after a time. Cut a gap longer than `wanted` seconds to this length. Return null if
 * the gap is too short for a segment.
 * @param {Segment[]} segments @param {number} at @param {number} duration @param {number} wanted
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
 * Return a segment's start and end after the user has dragged it by `by` seconds. Neighbours limit the drag.
 * @param {Segment[]} segments @param {Segment} segment @param {"move"|"start"|"end"} what @param {number} by
 * @param {number} duration @returns {{start: number, end: number}}
 */
export function dragSegment(segments, segment, what, by, duration) {
  const others = segments.filter((one) => one.id !== segment.id);
  const least = Math.max(0, ...others.map(({ end }) => end).filter((end) => end <= segment.start + 1e-9));
  const most = Math.min(duration, ...others.map(({ start }) => start).filter((start) => start >= segment.end - 1e-9));
  if (what === "start")
    return { start: roundTime(Math.min(Math.max(segment.start + by, least), segment.end - LEAST)), end: segment.end };
  if (what === "end")
    return { start: segment.start, end: roundTime(Math.max(Math.min(segment.end + by, most), segment.start + LEAST)) };
  const length = segment.end - segment.start;
  const start = Math.min(Math.max(segment.start + by, least), Math.max(least, most - length));
  return { start: roundTime(start), end: roundTime(start + length) };
}

/**
 * Convert segments to the API's format. The returned `files` are the ids of the sounds, in the order in
 * which they must be uploaded.
 * @param {Segment[]} segments @param {Sound[]} sounds @returns {{segments: any[], refs: string[], files: number[]}}
 */
export function toRequest(segments, sounds) {
  const used = sounds.filter((sound) => segments.some((segment) => segment.sound === sound.id));
  const ref = (/** @type {number|null} */ id) => `sound-${used.findIndex((sound) => sound.id === id) + 1}`;
  return {
    files: used.map((sound) => sound.id),
    refs: used.map((sound) => ref(sound.id)),
    segments: sortSegments(segments).map(({ start, end, sound, from, to, label }) => {
      const length = sounds.find((one) => one.id === sound)?.duration ?? 0;
      const crop = from === null && to === null ? {} : { startTime: from ?? 0, endTime: to ?? length };
      return { startTime: start, endTime: end, audioInput: { refId: ref(sound), ...crop }, ...(label && { label }) };
    }),
  };
}
