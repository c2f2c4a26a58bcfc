// Why a reel is shorter than was asked for, and with what it would be longer. Pure.

import { counted, hundredths, tenths } from "../base/format.js";
import { reachWords } from "./words.js";

/** @typedef {import("./api.js").Highlights} Highlights */

const SHORT = 0.6; // of what was asked for: what is above it is told of by nobody
const MOST_HIGHLIGHTS = 50;

/**
 * @param {Pick<Highlights, "highlights"|"segments"|"duration"|"below_minimum">} data
 * @param {Record<string, any>} params what was asked for
 * @returns {{text: string, params: Record<string, any>|null}|null} params: those of a longer reel, null where nothing
 *   would make it longer; null altogether for a reel that is long enough
 */
export function whyShort({ highlights, segments, duration, below_minimum: best = [] }, params) {
  if (!highlights.length && best.length)
    return {
      text: "There is no reel. The table lists the best moments below the minimum.", // the summary has the numbers
      params: { ...params, min_score: floored(best[0].score) },
    };
  const length = highlights.reduce((sum, one) => sum + one.end_time - one.start_time, 0);
  const wanted = Math.min(params.target_duration, duration);
  if (!segments.length || length >= SHORT * wanted) return null;
  const said = `The reel has ${tenths(length)} of the ${tenths(params.target_duration)} that were asked for`;
  if (highlights.length >= params.max_highlights && params.max_highlights < MOST_HIGHLIGHTS)
    return {
      text: `${said}: it has at most ${counted(params.max_highlights, "highlight")}.`,
      params: { ...params, max_highlights: Math.min(MOST_HIGHLIGHTS, 2 * params.max_highlights) },
    };
  const below = segments.filter((one) => one.score > 0 && one.score < params.min_score);
  if (!below.length) return { text: `${said}: nothing else in the video stands out.`, params: null };
  return {
    text: `${said}: ${reachWords(segments, params.min_score)} ${hundredths(params.min_score)}.`,
    params: { ...params, min_score: lower(below, wanted - length) },
  };
}

/** The score as pages show it. @param {number} score */
const floored = (score) => Number(hundredths(score));

/**
 * @param {import("./api.js").Segment[]} below those that stay out
 * @param {number} lacking seconds
 * @returns {number} the minimum score by which as many of them come in as are lacking
 */
function lower(below, lacking) {
  let sum = 0;
  const last = [...below]
    .sort((one, other) => other.score - one.score)
    .find((one) => {
      sum += one.end_time - one.start_time;
      return sum >= lacking;
    });
  return last ? floored(last.score) : 0;
}
