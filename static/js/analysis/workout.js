// The result of a workout analysis: preview, exercises, repetition times and movement chart.

import { requireElement, setText } from "../base/dom.js";
import { formatClock, describeConfidence, formatCount, formatTenths } from "../base/format.js";
import { html, iconView, mount, nothing } from "../base/view.js";
import { SeekBar } from "../videos/seek-bar.js";
import { axisLabelView, drawingView, round, TimeChart } from "./time-chart.js";
import { bindKeys, makeSourceFilm, openScreen } from "./result-player.js";
import { formatExerciseTitle, formatRange, describeRepetition } from "./labels.js";

/**
 * @typedef {import("./api.js").Session} Session
 * @typedef {import("./api.js").Workout} Workout
 * @typedef {import("./api.js").Exercise} Exercise
 */

const FILM = "preview";
const HEIGHT = 100; // Each lane of the chart has this height, in SVG units.
// The space above and below the movement curve is 2 * MARGIN SVG units in total. Three quarters of this space are above
// the curve, for the numbers of the repetitions.
const MARGIN = 12;
const SLOW = 1.25; // multiple of the median duration above which a repetition is marked as slow

export class WorkoutView {
  #place = 0;
  /** @type {string|null} */ #shown = null;

  /**
   * @param {HTMLElement} root @param {Session} session @param {Workout} data
   * @param {{result: () => Promise<Workout>, session: () => Promise<Session>}} renew
   */
  constructor(root, session, data, renew) {
    this.root = root;
    this.data = data;
    const { preview_url: url, duration, exercises, not_counted } = data;
    this.parts = [...exercises, ...not_counted].sort((one, other) => one.start_time - other.start_time);
    const poster = session.source?.poster_url;
    const film = url
      ? { id: FILM, url, duration, poster, renew: async () => (await renew.result()).preview_url ?? "" }
      : makeSourceFilm(FILM, session, duration, renew.session);
    this.screen = openScreen(root, [film]);
    this.seekBar = this.screen && new SeekBar(requireElement("[data-seek]", root), this.screen.player);
    setText(requireElement("[data-total-words]", root), formatCount(data.total_repetitions, "repetition"));
    this.drawParts = mount(requireElement("[data-exercises]", root));
    const bars = requireElement("[data-bars]", root);
    const list = requireElement("ol", bars);
    const count = exercises.flatMap((one) => one.rep_times).length;
    bars.hidden = count === 0;
    list.classList.toggle("many", count > 40);
    this.drawBars = mount(list);
    const slow = exercises
      .filter((one) => findSlow(one).length)
      .map((one) => `${formatExerciseTitle(one.name, 2).toLowerCase()} ${findSlow(one).join(", ")}`);
    const words = `Repetitions that took at least a quarter longer than usual: ${slow.join("; ")}.`;
    setText(requireElement("[data-slow]", bars), slow.length ? words : "");
    this.chart = this.#makeChart();
    this.screen?.addEventListener("time", () => this.#follow());
    this.screen?.addEventListener("change", () => this.seekBar?.update());
    bindKeys(this.screen, this.chart, (time) => this.seek(time));
    this.#follow();
  }

  get place() {
    return this.screen ? this.screen.player.time : this.#place;
  }

  /** @param {number} time */
  seek(time) {
    this.#place = Math.min(Math.max(0, time), this.data.duration);
    if (this.screen) this.screen.seek(this.#place);
    else this.#follow();
  }

  #partsView() {
    if (!this.parts.length)
      return html`<li class="pad muted">No repeated movement was found, so nothing was counted.</li>`;
    return this.parts.map(
      (part) => html`
        <li class="exercise" aria-current=${contains(part, this.place) ? "true" : nothing}>
          ${"reason" in part ? this.#notCountedView(part) : this.#exerciseView(part)}
        </li>`,
    );
  }

  /** @param {Workout["not_counted"][number]} part */
  #notCountedView({ start_time, end_time, reason }) {
    return html`
      <span class="big faint" aria-hidden="true">–</span>
      <h3>Not counted ${this.#rangeView(start_time, end_time)}</h3>
      <span class="status warn conf">${iconView("info")}Unclear</span>
      <p dir="auto">${reason}</p>`;
  }

  /** @param {Exercise} exercise */
  #exerciseView(exercise) {
    const { name, repetitions, start_time, end_time, confidence, tempo, name_confidence, signal } = exercise;
    const sure = describeConfidence(confidence);
    const named =
      typeof name_confidence === "number" && name !== "movement" ? describeConfidence(name_confidence) : null;
    const told = [tempo && `${formatTenths(tempo.seconds)} each.`, ...exercise.feedback];
    const details = [
      signal && `Counted by tracking ${signal}`,
      named && `name ${named.number} ${named.word}`,
      tempo && tempo.pauses.length > 0 && formatCount(tempo.pauses.length, "pause"),
    ];
    return html`
      <span class="big">${repetitions}</span>
      <h3>
        <span>${formatExerciseTitle(name, repetitions)}</span> ${this.#rangeView(start_time, end_time)}
      </h3>
      <div class="conf">
        <span class="mono text-small">
          <span class="visually-hidden">Confidence in the count </span>${sure.number} ${sure.word}
        </span>
        <progress class="bar ${sure.tone} conf" value=${confidence} max="1" aria-hidden="true"></progress>
      </div>
      <div class="told">
        <p dir="auto">${told.filter(Boolean).join(" ")}</p>
        <p class="faint">${details.filter(Boolean).join(" · ")}</p>
      </div>`;
  }

  /** @param {number} from @param {number} to */
  #rangeView(from, to) {
    const play = () => {
      this.seek(from);
      this.screen?.play();
    };
    return html`<button class="mono text-small faint jump" type="button" @click=${play}>
      <span class="visually-hidden">Play </span>${formatRange(from, to)}
    </button>`;
  }

  /** @param {Exercise["rep_times"][number]|undefined} now */
  #barsView(now) {
    const { exercises } = this.data;
    const counts = exercises.flatMap((one) => one.rep_times);
    const longest = Math.max(0.001, ...counts.map((one) => one.end - one.start));
    return exercises.map((exercise, n) => {
      const slow = findSlow(exercise);
      return exercise.rep_times.map((one, index) => {
        const [there, back] = [one.turn - one.start, one.end - one.turn];
        const title = describeRepetition(exercise.name, index + 1, exercise.rep_times.length);
        const words = `${title}: ${formatTenths(there)} to the turning point, ${formatTenths(back)} back`;
        const classes = [slow.includes(index + 1) && "slow", n > 0 && index === 0 && "next"].filter(Boolean).join(" ");
        return html`
          <li class=${classes} ?data-now=${one === now}>
            <button type="button" aria-label=${words} title=${words} @click=${() => this.seek(one.start)}
              .style=${`--there: ${there / longest}; --back: ${back / longest}`}>
              <i class="bar-up"></i><i class="bar-down"></i>
            </button>
            <span aria-hidden="true">${index + 1}</span>
          </li>`;
      });
    });
  }

  #makeChart() {
    const { exercises, not_counted, duration } = this.data;
    const line = drawingView(duration, HEIGHT, { d: exercises.map(makeCurvePath).join(""), class: "line" });
    const chart = new TimeChart(requireElement("[data-chart]", this.root), {
      duration,
      label: "Position in the video (movement chart)",
      stops: exercises.flatMap((one) => one.rep_times.map((repetition) => repetition.start)).sort((a, b) => a - b),
      say: (time) => {
        const isUnknown = not_counted.some((part) => contains(part, time));
        const words = this.#at(time)?.title ?? (isUnknown ? "not counted" : "");
        return [formatClock(time), words].filter(Boolean).join(", ");
      },
      seek: (time) => this.seek(time),
      lanes: (chart) => {
        const peakView = (/** @type {{turn: number}} */ { turn }, /** @type {number} */ n) =>
          html`<span class="peak" .style=${`--x: ${chart.share(turn)}`}>${n + 1}</span>`;
        const content = [
          exercises.map((one) => chart.stretchView(one.start_time, one.end_time, "band")),
          not_counted.map((one) => chart.stretchView(one.start_time, one.end_time, "band unknown")),
          line,
          exercises.map(({ rep_times }) => rep_times.map(peakView)),
        ];
        return [{ name: "", kind: "plot", content, axis: [axisLabelView(0.94, "turn"), axisLabelView(0.06, "rest")] }];
      },
    });
    chart.lanes.classList.toggle(
      "crowded",
      exercises.some((one) => one.rep_times.length / Math.max(1, one.end_time - one.start_time) > 60 / duration),
    );
    const sentences = [...exercises, ...not_counted].map((part) => {
      const words =
        "reason" in part
          ? "not counted"
          : formatCount(part.repetitions, formatExerciseTitle(part.name, 1).toLowerCase());
      return `${words} from ${formatClock(part.start_time)} to ${formatClock(part.end_time)}`;
    });
    const sentence = sentences.join("; ") || "No repeated movement was found.";
    setText(requireElement("[data-chart-sentence]", this.root), sentence);
    return chart;
  }

  /** Return the repetition at a time, and its title; null without one. @param {number} time */
  #at(time) {
    for (const { name, rep_times } of this.data.exercises) {
      const index = rep_times.findLastIndex((one) => time >= one.start - 0.02 && time < one.end);
      if (index >= 0)
        return { repetition: rep_times[index], title: describeRepetition(name, index + 1, rep_times.length) };
    }
    return null;
  }

  #follow() {
    const { place } = this;
    this.chart.update(place);
    this.seekBar?.update();
    const now = this.#at(place);
    const shown = [now?.title, ...this.parts.map((part) => contains(part, place))].join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.drawParts(this.#partsView());
    this.drawBars(this.#barsView(now?.repetition));
    setText(requireElement("[data-count-words]", this.root), now?.title ?? "");
  }
}

/** @param {{start_time: number, end_time: number}} part @param {number} time */
const contains = ({ start_time, end_time }, time) => time >= start_time && time < end_time;

/** Return the numbers, from 1, of the slow repetitions of an exercise. @param {Exercise} exercise */
function findSlow({ rep_times }) {
  const lengths = rep_times.map((one) => one.end - one.start);
  const usual = [...lengths].sort((a, b) => a - b)[Math.floor(lengths.length / 2)];
  return lengths.flatMap((length, index) => (length > SLOW * usual ? [index + 1] : []));
}

/**
 * Return an exercise's movement as an SVG path. The path is flipped if needed, so that the middle of each repetition is
 * at the top.
 * @param {Exercise} exercise @returns {string}
 */
function makeCurvePath({ curve, rep_times }) {
  if (!curve?.values.length) return "";
  const value = (/** @type {number} */ time) =>
    curve.values[Math.min(curve.values.length - 1, Math.max(0, Math.round((time - curve.start) / curve.step)))];
  const rise = rep_times.reduce((sum, one) => sum + value(one.turn) - value(one.start), 0);
  const height = (/** @type {number} */ v) =>
    round(HEIGHT - MARGIN / 2 - (rise < 0 ? 1 - v : v) * (HEIGHT - 2 * MARGIN));
  return `M${curve.values.map((v, n) => `${round(curve.start + n * curve.step)} ${height(v)}`).join("L")}`;
}
