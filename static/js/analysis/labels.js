// Texts about analyses.

import { formatClock, formatCount, formatHundredths, pluralize, formatTenths } from "../base/format.js";

/**
 * @typedef {import("./api.js").Session} Session
 * @typedef {import("./api.js").Kind} Kind
 * @typedef {{icon: string, word: string, tone: string}} Status
 */

/** @type {Record<Kind, {icon: string, label: string, what: string, start: string}>} */
export const KINDS = {
  highlights: {
    icon: "star",
    label: "Highlights",
    what: "Finds the best moments by sound, motion and cuts, and joins them into a reel.",
    start: "Find highlights",
  },
  workout: {
    icon: "rep",
    label: "Workout",
    what: "Counts repetitions, rates how steady they are, and shows the count in a preview video.",
    start: "Count repetitions",
  },
};

/** @type {Record<string, Status>} */
const STATUSES = {
  queued: { icon: "clock", word: "Queued", tone: "" },
  processing: { icon: "run", word: "Processing", tone: "run" },
  waiting: { icon: "hour", word: "Waiting", tone: "warn" },
  paused: { icon: "pause", word: "Paused", tone: "" },
  completed: { icon: "check", word: "Completed", tone: "ok" },
  failed: { icon: "alert", word: "Failed", tone: "bad" },
  cancelled: { icon: "ban", word: "Cancelled", tone: "" },
  expired: { icon: "hour", word: "Expired", tone: "" },
};

/** @param {Session} session */
export const isLive = ({ status }) => status === "queued" || status === "processing";

/**
 * Return the state to show: the job's state while the analysis is queued or running, otherwise the analysis's state.
 * @param {Session} session
 */
export const getState = (session) =>
  isLive(session) && session.job_status && session.job_status in STATUSES ? session.job_status : session.status;

/** @param {Session} session @returns {Status} */
export const getStatus = (session) => STATUSES[getState(session)] ?? { icon: "dot", word: getState(session), tone: "" };

/** Format a duration in its two largest units, such as `21 h 14 min`. @param {number} seconds @returns {string} */
export function formatSpan(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60)
    return [`${Math.floor(minutes / 60)} h`, minutes % 60 && `${minutes % 60} min`].filter(Boolean).join(" ");
  const hours = Math.round(minutes / 60);
  return [`${Math.floor(hours / 24)} days`, hours % 24 && `${hours % 24} h`].filter(Boolean).join(" ");
}

/**
 * Return how long a result is kept, such as `kept 21 h 14 min`; empty if it is not kept.
 * @param {Session} session @param {number} [now] @returns {string}
 */
export function describeExpiry({ status, expires_at }, now = Date.now()) {
  if (status !== "expired" && expires_at === null) return "kept with its video";
  const left = expires_at ? (Date.parse(expires_at) - now) / 1000 : NaN;
  return status !== "expired" && left > 0 ? `kept ${formatSpan(left)}` : "";
}

/** The server's name for an exercise that it did not recognise. */
const UNNAMED = "movement";

/** Return an exercise's displayed name, such as `Push-up`. @param {string} name @returns {string} */
export const formatExercise = (name) =>
  name === UNNAMED ? "Repeated movement" : name[0].toUpperCase() + name.slice(1);

/**
 * Return an exercise's displayed name, in the plural unless there is one repetition.
 * @param {string} name @param {number} repetitions @returns {string}
 */
export const formatExerciseTitle = (name, repetitions) =>
  name === UNNAMED || repetitions === 1 ? formatExercise(name) : pluralize(formatExercise(name));

/**
 * Return a repetition's title, such as `Squat 8 of 12`.
 * @param {string} name @param {number} number @param {number} of @returns {string}
 */
export const describeRepetition = (name, number, of) =>
  `${name === UNNAMED ? "Repetition" : formatExercise(name)} ${number} of ${of}`;

/**
 * Return a sentence about the settings of an analysis, including defaults. Return an empty string if the settings are
 * missing, for example because the analysis has expired.
 * @param {Kind} kind @param {Record<string, any>} params @returns {string}
 */
export function describeRequest(kind, params) {
  const said =
    kind === "workout"
      ? [
          params.exercise && (params.exercise === "auto" ? "any exercise" : params.exercise),
          params.min_repetitions && `sets of at least ${params.min_repetitions} repetitions`,
        ]
      : [
          params.target_duration && `a reel of ${formatTenths(params.target_duration)}`,
          params.max_highlights && `at most ${formatCount(params.max_highlights, "highlight")}`,
          params.segment_length && `segments of ${formatTenths(params.segment_length)}`,
        ];
  const words = said.filter(Boolean).join(", ");
  return words ? `Settings: ${words}.` : "";
}

/**
 * Return a sentence such as `2 of 8 segments reach the minimum score of 0.50.`.
 * @param {{score: number}[]} segments @param {number} least @returns {string}
 */
export function describeReach(segments, least) {
  const reach = segments.filter((one) => one.score >= least).length;
  return `${reach} of ${formatCount(segments.length, "segment")} ${reach === 1 ? "reaches" : "reach"} the minimum score of ${formatHundredths(least)}.`;
}

/** @param {number} from @param {number} to @returns {string} */
export const formatRange = (from, to) => `${formatClock(from)}–${formatClock(to)}`;

/** @param {string} name @param {string} what @returns {string} */
export function makeFileName(name, what) {
  const plain = name.replace(/\.[a-z0-9]{2,4}$/i, "").replace(/[\\/:*?"<>|\s\u0000-\u001f]+/g, " ");
  return `${plain.trim().slice(0, 120) || "analysis"} ${what}`;
}

/** Advice by type of error. @type {Record<string, string>} */
const ADVICE = {
  no_video: "The file has no video track. Choose a file with video.",
  vod_unreadable: "Check that the file plays and was copied completely, then analyse it again.",
  timeout: "Cut the video into shorter parts and analyse them one by one.",
  out_of_memory: "Export the video in a lower resolution, then analyse it again.",
};

/** @param {string} type */
export const adviseOnError = (type) =>
  ADVICE[type] ?? "Analyse the video again. If it fails again, contact an administrator.";
