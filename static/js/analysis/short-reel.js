// The reason why a reel is shorter than requested, and settings for a longer one.

import { formatCount, formatHundredths, formatTenths } from "../base/format.js";
import { describeReach } from "./labels.js";

/** @typedef {import("./api.js").Highlights} Highlights */

const SHORT = 0.6; // share of the requested length below which the page explains why the reel is short
const MOST_HIGHLIGHTS = 50;

/**
 * Return why a reel is short, with settings for a longer reel if there are any. Return null if the reel is
 * long enough.
 * @param {Pick<Highlights, "highlights"|"segments"|"duration"|"below_minimum">} data
 * @param {Record<string, any>} params @returns {{text: string, params: Record<string, any>|null}|null}
 */
export function explainShortReel({ highlights, segments, duration, below_minimum: best = [] }, params) {
  if (!highlights.length && best.length)
    return {
      text: "No moment reached the minimum score, so there is no reel. The table lists the moments with the highest scores.",
      params: { ...params, min_score: floorScore(best[0].score) },
    };
  const length = highlights.reduce((sum, one) => sum + one.end_time - one.start_time, 0);
  const wanted = Math.min(params.target_duration, duration);
  if (!segments.length || length >= SHORT * wanted) return null;
  const said = `The reel lasts ${formatTenths(length)} instead of the requested ${formatTenths(params.target_duration)}.`;
  if (highlights.length >= params.max_highlights && params.max_highlights < MOST_HIGHLIGHTS)
    return {
      text: `${said} The settings allow at most ${formatCount(params.max_highlights, "highlight")}.`,
      params: { ...params, max_highlights: Math.min(MOST_HIGHLIGHTS, 2 * params.max_highlights) },
    };
  const below = segments.filter((one) => one.score > 0 && one.score < params.min_score);
  if (!below.length) return { text: `${said} Nothing else in the video stands out.`, params: null };
  return {
    text: `${said} Only ${describeReach(segments, params.min_score)}`,
    params: { ...params, min_score: findLowerMinimum(below, wanted - length) },
  };
}

/** @param {number} score */
const floorScore = (score) => Number(formatHundredths(score));

/**
 * Return the highest minimum score that adds enough segments to fill the reel's missing seconds; 0 if none does.
 * @param {import("./api.js").Segment[]} below @param {number} lacking @returns {number}
 */
function findLowerMinimum(below, lacking) {
  let sum = 0;
  const last = [...below]
    .sort((one, other) => other.score - one.score)
    .find((one) => {
      sum += one.end_time - one.start_time;
      return sum >= lacking;
    });
  return last ? floorScore(last.score) : 0;
}
