// The result of a workout analysis: preview, exercises, repetition times and movement chart.

import { h, icon, requireElement, setText } from "../base/dom.js";
import { formatClock, describeConfidence, formatCount, formatTenths } from "../base/format.js";
import { SeekBar } from "../videos/seek-bar.js";
import { createDrawing, roundToHundredths, TimeChart } from "./time-chart.js";
import { bindKeys } from "./shortcuts.js";
import { Screen } from "./result-player.js";
import { formatExerciseTitle, formatRange, describeRepetition } from "./labels.js";

/**
 * @typedef {import("./api.js").Session} Session
 * @typedef {import("./api.js").Workout} Workout
 * @typedef {import("./api.js").Exercise} Exercise
 * @typedef {import("./api.js").Repetition} Repetition
 */

const FILM = "preview";
const HEIGHT = 100; // Each lane of the chart has this height, in SVG units.
// The space above and below the movement curve is 2 * MARGIN SVG units in total. Three quarters of this space are above
// the curve, for the numbers of the repetitions.
const MARGIN = 12;
const SLOW = 1.25; // multiple of the median duration above which a repetition is marked as slow

export class WorkoutView {
  /** @type {Screen|null} */ screen = null;
  #place = 0;
  #current = "";

  /**
   * @param {HTMLElement} root
   * @param {Session} session
   * @param {Workout} data
   * @param {{result: () => Promise<Workout>, session: () => Promise<Session>}} renew
   */
  constructor(root, session, data, renew) {
    this.root = root;
    this.data = data;
    const { preview_url, duration } = data;
    const poster = session.source?.poster_url ?? undefined;
    const film = preview_url
      ? { id: FILM, url: preview_url, duration, poster, renew: async () => (await renew.result()).preview_url ?? "" }
      : session.source?.stream_url && {
          id: FILM,
          url: session.source.stream_url,
          duration,
          poster,
          renew: async () => (await renew.session()).source?.stream_url ?? "",
        };
    const player = requireElement("[data-screen]", root);
    player.hidden = !film;
    root.toggleAttribute("data-unseen", !film);
    if (film) this.screen = new Screen(player, [film]);
    this.seekBar = this.screen && new SeekBar(requireElement("[data-seek]", root), this.screen.player);
    setText(requireElement("[data-total-words]", root), formatCount(data.total_repetitions, "repetition"));
    this.rows = this.#drawExercises(requireElement("[data-exercises]", root));
    this.bars = this.#drawBars(requireElement("[data-bars]", root));
    this.chart = this.#drawChart(requireElement("[data-chart]", root));
    this.screen?.addEventListener("time", () => this.#follow());
    this.screen?.addEventListener("change", () => this.seekBar?.update());
    bindKeys(this.screen, this.chart, (time) => this.seek(time), "repetition");
    this.#follow();
  }

  get place() {
    return this.screen ? this.screen.time : this.#place;
  }

  /** @param {number} time */
  seek(time) {
    this.#place = Math.min(Math.max(0, time), this.data.duration);
    if (this.screen) this.screen.seek(this.#place);
    else this.#follow();
  }

  /** @param {HTMLElement} list */
  #drawExercises(list) {
    const { exercises, not_counted } = this.data;
    const rows = exercises.map((one) => ({ from: one.start_time, to: one.end_time, element: this.#exercise(one) }));
    const others = not_counted.map((one) => ({
      from: one.start_time,
      to: one.end_time,
      element: h(
        "li",
        { class: "exercise" },
        h("span", { class: "big faint", "aria-hidden": "true" }, "–"),
        h("h3", {}, "Not counted ", this.#range(one.start_time, one.end_time)),
        h("span", { class: "status warn conf" }, icon("info"), "Unclear"),
        h("p", { dir: "auto" }, one.reason),
      ),
    }));
    const all = [...rows, ...others].sort((a, b) => a.from - b.from);
    list.replaceChildren(...all.map(({ element }) => element));
    if (!all.length)
      list.replaceChildren(h("li", { class: "pad muted" }, "No repeated movement was found, so nothing was counted."));
    return all;
  }

  /** @param {Exercise} exercise */
  #exercise(exercise) {
    const { name, repetitions, start_time, end_time, tempo, feedback, name_confidence, signal } = exercise;
    const sure = describeConfidence(exercise.confidence);
    const named =
      typeof name_confidence === "number" && name !== "movement" ? describeConfidence(name_confidence) : null;
    return h(
      "li",
      { class: "exercise" },
      h("span", { class: "big" }, String(repetitions)),
      h("h3", {}, h("span", {}, formatExerciseTitle(name, repetitions)), " ", this.#range(start_time, end_time)),
      h(
        "div",
        { class: "conf" },
        h(
          "span",
          { class: "mono text-small" },
          h("span", { class: "visually-hidden" }, "Confidence in the count "),
          `${sure.number} ${sure.word}`,
        ),
        h("progress", {
          class: `bar ${sure.tone} conf`,
          value: String(exercise.confidence),
          max: "1",
          "aria-hidden": "true",
        }),
      ),
      h(
        "div",
        { class: "told" },
        h(
          "p",
          { dir: "auto" },
          [tempo && `${formatTenths(tempo.seconds)} each.`, ...feedback].filter(Boolean).join(" "),
        ),
        h(
          "p",
          { class: "faint" },
          [
            signal && `Counted by tracking ${signal}`,
            named && `name ${named.number} ${named.word}`,
            tempo && tempo.pauses.length > 0 && formatCount(tempo.pauses.length, "pause"),
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
    );
  }

  /** @param {number} from @param {number} to */
  #range(from, to) {
    return h(
      "button",
      {
        class: "mono text-small faint jump",
        type: "button",
        onclick: () => {
          this.seek(from);
          this.screen?.play();
        },
      },
      h("span", { class: "visually-hidden" }, "Play "),
      formatRange(from, to),
    );
  }

  /** @param {HTMLElement} holder */
  #drawBars(holder) {
    const { exercises } = this.data;
    const counts = exercises.flatMap((one) => one.rep_times);
    holder.hidden = counts.length === 0;
    const longest = Math.max(0.001, ...counts.map((one) => one.end - one.start));
    /** @type {Map<Repetition, HTMLElement>} */ const bars = new Map();
    /** @type {string[]} */ const slow = [];
    const list = requireElement("ol", holder);
    list.replaceChildren();
    exercises.forEach((exercise, n) => {
      const usual = findMedian(exercise.rep_times.map((one) => one.end - one.start));
      const slowOnes = exercise.rep_times.flatMap((one, index) =>
        one.end - one.start > SLOW * usual ? [index + 1] : [],
      );
      if (slowOnes.length) slow.push(`${formatExerciseTitle(exercise.name, 2).toLowerCase()} ${slowOnes.join(", ")}`);
      exercise.rep_times.forEach((one, index) => {
        const words = `${describeRepetition(exercise.name, index + 1, exercise.rep_times.length)}: ${formatTenths(one.turn - one.start)} to the turning point, ${formatTenths(one.end - one.turn)} back`;
        const bar = h(
          "li",
          { class: [slowOnes.includes(index + 1) && "slow", n > 0 && index === 0 && "next"].filter(Boolean).join(" ") },
          h(
            "button",
            {
              type: "button",
              "aria-label": words,
              title: words,
              onclick: () => this.seek(one.start),
              vars: { "--there": (one.turn - one.start) / longest, "--back": (one.end - one.turn) / longest },
            },
            h("i", { class: "bar-up" }),
            h("i", { class: "bar-down" }),
          ),
          h("span", { "aria-hidden": "true" }, String(index + 1)),
        );
        bars.set(one, bar);
        list.append(bar);
      });
    });
    list.classList.toggle("many", counts.length > 40);
    setText(
      requireElement("[data-slow]", holder),
      slow.length ? `Repetitions that took at least a quarter longer than usual: ${slow.join("; ")}.` : "",
    );
    return bars;
  }

  /** @param {HTMLElement} holder */
  #drawChart(holder) {
    const { exercises, not_counted, duration } = this.data;
    const chart = new TimeChart(holder, {
      duration,
      label: "Position in the video (movement chart)",
      stops: exercises.flatMap((one) => one.rep_times.map((repetition) => repetition.start)).sort((a, b) => a - b),
      say: (time) => this.#say(time),
      seek: (time) => this.seek(time),
    });
    chart.lane(
      "",
      "plot",
      ...exercises.map((one) => chart.stretch(one.start_time, one.end_time, "band")),
      ...not_counted.map((one) => chart.stretch(one.start_time, one.end_time, "band unknown")),
      createDrawing(duration, HEIGHT, { d: exercises.map(makeCurvePath).join(""), class: "line" }),
      ...exercises.flatMap((one) =>
        one.rep_times.map((repetition, n) =>
          h("span", { class: "peak", vars: { "--x": chart.share(repetition.turn) } }, String(n + 1)),
        ),
      ),
    );
    chart.names.firstElementChild?.append(
      h("span", { class: "axis-label", vars: { "--y": 0.94 } }, "turn"),
      h("span", { class: "axis-label", vars: { "--y": 0.06 } }, "rest"),
    );
    chart.lanes.classList.toggle(
      "crowded",
      exercises.some((one) => one.rep_times.length / Math.max(1, one.end_time - one.start_time) > 60 / duration),
    );
    setText(
      requireElement("[data-chart-sentence]", this.root),
      [
        ...exercises.map(
          (one) =>
            `${formatCount(one.repetitions, formatExerciseTitle(one.name, 1).toLowerCase())} from ${formatClock(one.start_time)} to ${formatClock(one.end_time)}`,
        ),
        ...not_counted.map((one) => `not counted from ${formatClock(one.start_time)} to ${formatClock(one.end_time)}`),
      ].join("; ") || "No repeated movement was found.",
    );
    return chart;
  }

  /** @param {number} time @returns {{exercise: Exercise, number: number}|null} */
  #at(time) {
    for (const exercise of this.data.exercises) {
      const index = exercise.rep_times.findLastIndex((one) => time >= one.start - 0.02 && time < one.end);
      if (index >= 0) return { exercise, number: index + 1 };
    }
    return null;
  }

  /** @param {number} time @returns {string} */
  #say(time) {
    const now = this.#at(time);
    if (now)
      return `${formatClock(time)}, ${describeRepetition(now.exercise.name, now.number, now.exercise.rep_times.length)}`;
    const unknown = this.data.not_counted.some((one) => time >= one.start_time && time < one.end_time);
    return `${formatClock(time)}${unknown ? ", not counted" : ""}`;
  }

  #follow() {
    const { place } = this;
    this.chart.update(place);
    this.seekBar?.update();
    const now = this.#at(place);
    const words = now ? describeRepetition(now.exercise.name, now.number, now.exercise.rep_times.length) : "";
    for (const { from, to, element } of this.rows) {
      if (place >= from && place < to) element.setAttribute("aria-current", "true");
      else element.removeAttribute("aria-current");
    }
    if (words === this.#current) return;
    this.#current = words;
    setText(requireElement("[data-count-words]", this.root), words);
    const repetition = now?.exercise.rep_times[now.number - 1];
    for (const [one, bar] of this.bars) bar.toggleAttribute("data-now", one === repetition);
  }
}

/**
 * Return an exercise's movement as an SVG path. The path is flipped if needed, so that the middle of each repetition is
 * at the top.
 * @param {Exercise} exercise
 * @returns {string}
 */
function makeCurvePath({ curve, rep_times }) {
  if (!curve?.values.length) return "";
  const value = (/** @type {number} */ time) =>
    curve.values[Math.min(curve.values.length - 1, Math.max(0, Math.round((time - curve.start) / curve.step)))];
  const rise = rep_times.reduce((sum, one) => sum + value(one.turn) - value(one.start), 0);
  const height = (/** @type {number} */ v) =>
    roundToHundredths(HEIGHT - MARGIN / 2 - (rise < 0 ? 1 - v : v) * (HEIGHT - 2 * MARGIN));
  return `M${curve.values.map((v, n) => `${roundToHundredths(curve.start + n * curve.step)} ${height(v)}`).join("L")}`;
}

/** @param {number[]} values */
function findMedian(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : 0;
}
