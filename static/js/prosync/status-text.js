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

/** @type {Record<string, {sign: string, tone: string, word: string}>} */
const OF_SEGMENTS = {
  queued: { sign: "clock", tone: "", word: "waiting" },
  processing: { sign: "run", tone: "run", word: "processing" },
  completed: { sign: "check", tone: "ok", word: "done" },
  failed: { sign: "alert", tone: "bad", word: "not done" },
  cancelled: { sign: "ban", tone: "", word: "not done" },
  expired: { sign: "clock", tone: "", word: "expired" },
};

/** Return icon, colour and text of a segment's status; null if the segment was not sent yet. @param {string} status */
export const getState = (status) => OF_SEGMENTS[status] ?? null;

/** Sentences by mode; `#` stands for the length. @type {Record<string, string>} */
const MODES = {
  cut_off: "Plays # of the sound once",
  silence: "Plays # of the sound once",
  loop: "Repeats # of the sound",
  bounce: "Plays # of the sound forwards and backwards",
  remap: "Stretches # of the sound",
};

/** Describe a run's result: removed text, matched lips, why picture or sound was encoded again. @param {any} outcome */
export function describeRun(outcome) {
  if (!outcome) return "";
  /** @type {{start: number, end: number}[]} */ const found = outcome.text?.found ?? [];
  const first = formatMoment(Math.min(...found.map((area) => area.start)));
  const last = formatMoment(Math.max(...found.map((area) => area.end)));
  const text = found.length ? `Text removed in ${formatCount(found.length, "area")} between ${first} and ${last}.` : "";
  const mouths = describeMouths(outcome).words;
  return [text, mouths, outcome.text?.why, outcome.why_picture, outcome.why_sound].filter(Boolean).join(" ");
}

/**
 * Describe in how many segments the mouth movements were changed to match the sound. `why` is the reason for unchanged
 * segments, if all of them have the same reason.
 * @param {any} outcome @returns {{words: string, why: string}}
 */
function describeMouths(outcome) {
  /** @type {any[]} */ const segments = outcome.segments ?? [];
  const mouths = segments.map((segment) => segment?.mouth).filter(Boolean);
  const moved = mouths.filter((mouth) => mouth.label).length;
  const reasons = new Set(mouths.filter((mouth) => !mouth.label).map((mouth) => mouth.why));
  const why = reasons.size === 1 ? ([...reasons][0] ?? "") : "";
  if (!mouths.length) return { words: "", why: "" };
  if (moved === mouths.length) return { words: "Lips matched in every segment.", why: "" };
  const words = moved ? `Lips matched in ${moved} of ${mouths.length} segments.` : "Lips not matched.";
  return { words: `${words} ${why}`.trim(), why };
}

/** @param {number} seconds */
const formatSeconds = (seconds) => `${(Math.round(seconds * 100) / 100).toFixed(2)} s`;

/** Describe a segment's result; return an empty string if there is none yet. @param {any} whole @param {number} at */
export function describeSegment(whole, at) {
  const outcome = whole?.segments?.[at];
  if (!outcome?.mode) return "";
  const length = formatSeconds(outcome.used);
  const parts = [(MODES[outcome.mode] ?? "Uses # of the sound").replace("#", length)];
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
