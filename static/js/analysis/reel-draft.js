// Pure functions for the moments of an edited reel, and the draft of the reel in this browser.

import { Drafts } from "../base/drafts.js";
import { formatMoment } from "../base/format.js";
import { LEAST } from "./chosen-moments.js";

/**
 * @typedef {import("./chosen-moments.js").Moment} Moment
 * @typedef {"cut"|"fade"} Transition
 * @typedef {Moment & {key: number, title: string, transition: Transition}} ReelMoment A moment of the reel; `title` is
 *   the text of the title card before it, and `transition` says how the reel changes to it.
 * @typedef {{moment: ReelMoment, card: number, start: number, end: number}} Placed The place of a moment in the reel, in
 *   seconds; its title card begins at `card`.
 */

export const TITLE_SECONDS = 2.5; // length of a title card
export const FADE_SECONDS = 0.5; // length of a fade through black
export const MAX_TITLE = 80; // maximum number of characters of a title card
const ROUNDING = 0.0005; // seconds by which a displayed time differs from the exact time
const NEAR = 0.05; // seconds by which the times of the same moment may differ
let lastKey = 0;

/** @param {string} session */
export const openReelDrafts = (session) => new Drafts(document.body.dataset.userId ?? "", `reel/${session}`);

/** @param {Moment & {title?: string, transition?: Transition}} moment @returns {ReelMoment} */
export const toReelMoment = ({ start, end, title = "", transition = "cut" }) => {
  lastKey += 1;
  return { key: lastKey, start, end, title, transition };
};

/**
 * Return the times of each moment in the reel.
 * @param {ReelMoment[]} moments @returns {Placed[]}
 */
export function placeMoments(moments) {
  let at = 0;
  return moments.map((moment) => {
    const card = at;
    const start = card + (moment.title.trim() ? TITLE_SECONDS : 0);
    at = start + moment.end - moment.start;
    return { moment, card, start, end: at };
  });
}

/**
 * Return the moments with another start, end or position of one moment. Each moment keeps its minimum length, and does
 * not overlap the others.
 * @param {ReelMoment[]} moments @param {ReelMoment} moment @param {"start"|"end"|"both"} edge
 * @param {number} time The new time of the edge; for both edges, of the start. @param {number} duration
 */
export function trimMoment(moments, moment, edge, time, duration) {
  const { start, end } = moment;
  const others = moments.filter((one) => one !== moment);
  const from = Math.max(0, ...others.filter((one) => one.end <= start).map((one) => one.end));
  const to = Math.min(duration, ...others.filter((one) => one.start >= end).map((one) => one.start));
  const within = (/** @type {number} */ least, /** @type {number} */ most) =>
    Math.round(Math.max(least, Math.min(time, most)) * 1000) / 1000;
  const next = { ...moment };
  if (edge === "start") next.start = within(from, end - LEAST);
  if (edge === "end") next.end = within(start + LEAST, to);
  if (edge === "both") {
    next.start = within(from, to - (end - start));
    next.end = next.start + end - start;
  }
  return moments.map((one) => (one === moment ? next : one));
}

/**
 * Return why a moment cannot start or end at a time; empty if it can.
 * @param {ReelMoment[]} moments @param {ReelMoment} moment @param {"start"|"end"} edge
 * @param {number} time @param {number} duration
 */
export function findTimeError(moments, moment, edge, time, duration) {
  const { start, end } = moment;
  if (edge === "start" && time > end - LEAST + ROUNDING)
    return `A moment lasts at least ${LEAST} s: the latest start is ${formatMoment(end - LEAST)}.`;
  if (edge === "end" && time < start + LEAST - ROUNDING)
    return `A moment lasts at least ${LEAST} s: the earliest end is ${formatMoment(start + LEAST)}.`;
  if (time > duration + ROUNDING) return `The video ends at ${formatMoment(duration)}.`;
  const [from, to] = edge === "start" ? [time, start] : [end, time];
  const at = moments.findIndex((one) => one !== moment && one.start < to - ROUNDING && one.end > from + ROUNDING);
  if (at < 0) return "";
  return `Moments cannot overlap: moment ${at + 1} is at ${formatMoment(moments[at].start)}–${formatMoment(moments[at].end)}.`;
}

/**
 * Return the moments with one of them split at a time, or null if a part would be too short.
 * @param {ReelMoment[]} moments @param {ReelMoment} moment @param {number} time
 */
export function splitMoment(moments, moment, time) {
  if (time - moment.start < LEAST || moment.end - time < LEAST) return null;
  const parts = [{ ...moment, end: time }, toReelMoment({ start: time, end: moment.end })];
  return moments.flatMap((one) => (one === moment ? parts : [one]));
}

/**
 * Return the list with one item at another index.
 * @template T @param {T[]} items @param {T} item @param {number} to @returns {T[]}
 */
export function moveItem(items, item, to) {
  const others = items.filter((one) => one !== item);
  others.splice(Math.max(0, Math.min(to, others.length)), 0, item);
  return others;
}

/**
 * Return the score, the description and the picture of a moment, as the server gives them to the finished reel: from
 * the highlight with the same times, or from the best segment of those that the moment mostly covers.
 * @param {Moment} moment @param {import("./api.js").Highlights} data
 * @returns {{score: number, description: string, thumbnail_url?: string|null}}
 */
export function describeMoment({ start, end }, { highlights, found = [], segments }) {
  const isSame = (/** @type {{start_time: number, end_time: number}} */ one) =>
    Math.abs(one.start_time - start) <= NEAR && Math.abs(one.end_time - end) <= NEAR;
  const same = highlights.find(isSame) ?? found.find(isSame);
  if (same || !segments.length) return same ?? { score: 0, description: "" };
  const getShared = (/** @type {import("./api.js").Segment} */ one) =>
    Math.min(end, one.end_time) - Math.max(start, one.start_time);
  const most = Math.max(...segments.map(getShared));
  const [best] = segments.filter((one) => getShared(one) >= most / 2).sort((one, other) => other.score - one.score);
  return best;
}
