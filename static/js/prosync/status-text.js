// Texts about dubbing runs and their segments.

import { formatCount, formatMoment } from "../base/format.js";

export const STATES = {
  queued: ["clock", "", "Queued"],
  processing: ["run", "run", "Processing"],
  waiting: ["clock", "run", "Waiting for the lip-sync provider"],
  paused: ["pause", "", "Paused"],
  completed: ["check", "ok", "Completed"],
  failed: ["alert", "bad", "Failed"],
  cancelled: ["ban", "", "Cancelled"],
  expired: ["clock", "", "Expired"],
};

const OF_SEGMENTS = {
  queued: { sign: "clock", tone: "", word: "waiting" },
  processing: { sign: "run", tone: "run", word: "processing" },
  completed: { sign: "check", tone: "ok", word: "done" },
  failed: { sign: "alert", tone: "bad", word: "not done" },
  cancelled: { sign: "ban", tone: "", word: "not done" },
  expired: { sign: "clock", tone: "", word: "expired" },
};

/**
 * Return icon, colour and text of a segment's status; null if the segment was not sent yet.
 * @param {string} status
 * @returns {{sign: string, tone: string, word: string}|null}
 */
export const getState = (status) => OF_SEGMENTS[/** @type {keyof OF_SEGMENTS} */ (status)] ?? null;

const MODES = {
  cut_off: (/** @type {string} */ length) => `Plays ${length} of the sound once`,
  silence: (/** @type {string} */ length) => `Plays ${length} of the sound once`,
  loop: (/** @type {string} */ length) => `Repeats ${length} of the sound`,
  bounce: (/** @type {string} */ length) => `Plays ${length} of the sound forwards and backwards`,
  remap: (/** @type {string} */ length) => `Stretches ${length} of the sound`,
};

/**
 * Describe a dubbing run's result: removed text, changed mouth movements, and why picture or sound was encoded again.
 * @param {any} outcome
 * @returns {string}
 */
export function describeRun(outcome) {
  if (!outcome) return "";
  const found = outcome.text?.found ?? [];
  const [first, last] = [
    Math.min(...found.map((/** @type {any} */ one) => one.start)),
    Math.max(...found.map((/** @type {any} */ one) => one.end)),
  ];
  const text = found.length
    ? `Text removed in ${formatCount(found.length, "area")} between ${formatMoment(first)} and ${formatMoment(last)}.`
    : "";
  return [text, describeMouths(outcome).words, outcome.text?.why, outcome.why_picture, outcome.why_sound]
    .filter(Boolean)
    .join(" ");
}

/**
 * Describe in how many segments the mouth movements were changed to match the sound. `why` is the reason for unchanged
 * segments, if all of them have the same reason.
 * @param {any} outcome
 * @returns {{words: string, why: string}}
 */
function describeMouths(outcome) {
  const mouths = (outcome.segments ?? []).map((/** @type {any} */ one) => one?.mouth).filter(Boolean);
  const moved = mouths.filter((/** @type {any} */ mouth) => mouth.label).length;
  const reasons = new Set(
    mouths.filter((/** @type {any} */ one) => !one.label).map((/** @type {any} */ one) => one.why),
  );
  const why = reasons.size === 1 ? ([...reasons][0] ?? "") : "";
  if (!mouths.length) return { words: "", why: "" };
  if (moved === mouths.length) return { words: `Lips matched in every segment.`, why: "" };
  const words = moved ? `Lips matched in ${moved} of ${mouths.length} segments.` : "Lips not matched.";
  return { words: `${words} ${why}`.trim(), why };
}

/** @param {number} seconds */
const formatSeconds = (seconds) => `${(Math.round(seconds * 100) / 100).toFixed(2)} s`;

/**
 * Describe the result of one segment; return an empty string if the segment has no result yet.
 * @param {any} whole
 * @param {number} at
 * @returns {string}
 */
export function describeSegment(whole, at) {
  const outcome = whole?.segments?.[at];
  if (!outcome?.mode) return "";
  const length = formatSeconds(outcome.used);
  const parts = [MODES[/** @type {keyof MODES} */ (outcome.mode)]?.(length) ?? `Uses ${length} of the sound`];
  if (outcome.repeats > 1.005) parts.push(`${(Math.round(outcome.repeats * 10) / 10).toFixed(1)} times`);
  if (Math.abs(outcome.stretch - 1) > 0.005)
    parts.push(`${Math.round(outcome.stretch * 100)} % of its original length`);
  if (outcome.silence > 0.02) parts.push(`followed by ${formatSeconds(outcome.silence)} of silence`);
  const louder = Math.round(Math.abs(outcome.gain) * 10) / 10;
  if (louder >= 0.1) parts.push(`${louder.toFixed(1)} dB ${outcome.gain > 0 ? "louder" : "quieter"}`);
  const said = [`${parts.join(", ")}.`, outcome.note];
  const mouth = outcome.mouth;
  if (mouth?.label) said.push(`Lips matched (${mouth.label}) in ${mouth.moved} of ${mouth.frames} frames.`);
  else if (mouth && mouth.why !== describeMouths(whole).why) said.push(`Lips not matched: ${mouth.why}`);
  else if (mouth) said.push("Lips not matched.");
  return said.filter(Boolean).join(" ");
}
