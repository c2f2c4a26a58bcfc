// The lanes of a score chart: scores with their minimum, sound, motion and cuts.

import { formatHundredths } from "../base/format.js";
import { html } from "../base/view.js";
import { axisLabelView, drawingView, makeAreaPath, makeMirroredPath, round } from "./time-chart.js";

/** @typedef {Pick<import("./api.js").Highlights, "segments"|"curves"|"edges"|"duration">} Scores */

const HEIGHT = 100; // height of a lane of the chart, in SVG units
const MAX_CUTS = 4000;

/**
 * Return a function that makes the lanes of a chart.
 * @param {Scores} data
 */
export function makeScoreLanes(data) {
  const { segments, curves, duration } = data;
  const draw = (/** @type {{d: string, class: string}[]} */ ...paths) => drawingView(duration, HEIGHT, ...paths);
  const wave = { d: makeMirroredPath(curves.sound, curves.step, HEIGHT), class: "wave" };
  const hill = { d: makeAreaPath(curves.motion, curves.step, HEIGHT), class: "hill" };
  const others = [
    ...(curves.sound.some((value) => value > 0) ? [{ name: "Sound", kind: "sound", content: draw(wave) }] : []),
    ...(curves.motion.length ? [{ name: "Motion", kind: "motion", content: draw(hill) }] : []),
    { name: "Cuts", kind: "cuts", content: draw(...makeCutPaths(data)) },
  ];
  /**
   * @param {(segment: import("./api.js").Segment) => boolean} isInReel
   * @param {number} least The minimum score. @param {import("../base/view.js").View} [marks]
   */
  return (isInReel, least, marks = null) => {
    const pathOf = (/** @type {boolean} */ inReel) =>
      segments
        .filter((one) => isInReel(one) === inReel)
        .map((one) => makeBarPath(one, duration / segments.length))
        .join("");
    const bars = draw({ d: pathOf(false), class: "unselected" }, { d: pathOf(true), class: "selected" });
    const content = [bars, html`<i class="least" .style=${`--y: ${least}`}></i>`, marks];
    // The label of the minimum score must not overlap the labels 0 and 1.
    const label = least > 0.12 && least < 0.88 ? axisLabelView(least, formatHundredths(least)) : null;
    const axis = [axisLabelView(1, "1.0"), label, axisLabelView(0, "0")];
    return [{ name: "", kind: "plot", axis, content }, ...others];
  };
}

/**
 * Draw each cut as a line, and each dissolve or fade as an area from its start to its end. Behind them, each segment of
 * the video has a bar that shows how frequent cuts, dissolves and fades are. Far from highlights, the analysis may miss
 * cuts, dissolves and fades.
 * @param {Scores} data
 */
function makeCutPaths(data) {
  const edges = data.edges.slice(0, MAX_CUTS);
  const some = data.segments.map(({ start_time, end_time, signals: { cuts } }) =>
    cuts > 0 ? `M${start_time} ${HEIGHT}V${round(HEIGHT * (1 - cuts))}H${end_time}V${HEIGHT}Z` : "",
  );
  const isLine = (/** @type {{start: number, end: number}} */ { start, end }) => end - start < 0.05;
  const wide = edges.map((one) => (isLine(one) ? "" : `M${one.start} 24H${one.end}V76H${one.start}Z`));
  const lines = edges.map((one) => (isLine(one) ? `M${one.start} 14V86` : ""));
  return [
    { d: some.join(""), class: "some" },
    { d: wide.join(""), class: "wide" },
    { d: lines.join(""), class: "truncate" },
  ];
}

/**
 * Return the SVG path of the bar that shows a segment's score, with a gap to the neighbouring bars.
 * @param {import("./api.js").Segment} segment @param {number} usual
 */
function makeBarPath({ start_time, end_time, score }, usual) {
  const gap = Math.min(usual * 0.1, (end_time - start_time) * 0.25);
  return `M${start_time + gap} ${HEIGHT}V${HEIGHT * (1 - Math.max(score, 0.005))}H${end_time - gap}V${HEIGHT}Z`;
}
