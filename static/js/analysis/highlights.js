// The result of a highlights analysis: player, table of segments, and chart of scores.

import { h, requireElement, setText } from "../base/dom.js";
import { formatClock, formatCount, formatHundredths, formatTenths } from "../base/format.js";
import { matchKeys } from "../base/keys.js";
import { makeAreaPath, createDrawing, makeMirroredPath, roundToHundredths, TimeChart } from "./time-chart.js";
import { bindKeys } from "./shortcuts.js";
import * as reel from "./reel-times.js";
import { ReelEditor } from "./reel-editor.js";
import { Screen } from "./result-player.js";
import { Segments } from "./segments-table.js";
import { formatRange, describeReach } from "./labels.js";

/**
 * @typedef {import("./api.js").Session} Session
 * @typedef {import("./api.js").Highlights} Highlights
 */

const REEL = "reel";
const SOURCE = "source";
const HEIGHT = 100; // height of a lane of the chart, in SVG units
const MAX_CUTS = 4000;

/** View of a highlights result. Dispatches "place" when the shown moment changes. */
export class HighlightsView extends EventTarget {
  /** @type {Screen|null} */ screen = null;
  /** Current position in the source video, in seconds; used only without a player. */ #place = 0;
  #current = -2;
  least = h("i", { class: "least" });
  leastLabel = h("span", { class: "axis-label" });

  /**
   * @param {HTMLElement} root
   * @param {Session} session
   * @param {Highlights} data
   * @param {{result: () => Promise<Highlights>, session: () => Promise<Session>}} renew
   */
  constructor(root, session, data, renew) {
    super();
    this.root = root;
    this.session = session;
    this.data = data;
    const { highlights, highlight_video_url: url } = data;
    const films = [
      ...(url && highlights.length
        ? [
            {
              id: REEL,
              url,
              duration: highlights[highlights.length - 1].reel_end,
              poster: highlights[0].thumbnail_url ?? undefined,
              renew: async () => (await renew.result()).highlight_video_url ?? "",
            },
          ]
        : []),
      ...(session.source?.stream_url
        ? [
            {
              id: SOURCE,
              url: session.source.stream_url,
              duration: data.duration,
              poster: session.source.poster_url ?? undefined,
              renew: async () => (await renew.session()).source?.stream_url ?? "",
            },
          ]
        : []),
    ];
    const player = requireElement("[data-screen]", root);
    player.hidden = films.length === 0;
    root.toggleAttribute("data-unseen", films.length === 0);
    if (films.length) this.screen = new Screen(player, films);
    this.parts = this.#drawParts(requireElement("[data-parts]", root));
    this.switch = requireElement("[data-films]", root);
    this.switch.hidden = films.length < 2;
    this.switch.addEventListener("click", (/** @type {Event} */ event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button) this.show(button.value);
    });
    this.segments = new Segments(requireElement("[data-segments]", root), data, (line) => this.#press(line));
    this.chart = this.#drawChart(requireElement("[data-chart]", root));
    this.showMinimum(Number(session.params.min_score ?? 0));
    this.showBands();
    const numbers = requireElement("[data-numbers]", root);
    numbers.addEventListener("toggle", () => this.#drawNumbers(requireElement("tbody", numbers)), { once: true });
    this.screen?.addEventListener("time", () => this.#follow());
    this.screen?.addEventListener("change", () => this.#mark());
    bindKeys(this.screen, this.chart, (time) => this.seek(time), "segment", [
      ...(highlights.length
        ? [
            {
              keys: "1 – 9",
              label: "Play highlight 1 to 9",
              match: (/** @type {KeyboardEvent} */ event) => !event.ctrlKey && /^[1-9]$/.test(event.key),
              run: (/** @type {KeyboardEvent} */ event) => this.play(Number(event.key) - 1),
            },
          ]
        : []),
      ...(films.length > 1
        ? [
            {
              keys: "S",
              label: "Switch between the reel and the source video",
              match: matchKeys("s"),
              run: () => this.show(this.screen?.shown === REEL ? SOURCE : REEL),
            },
          ]
        : []),
    ]);
    this.#mark();
    this.#follow();
    new ReelEditor(root, this);
  }

  /** Position in the source video, in seconds. */
  get place() {
    const { screen } = this;
    if (!screen) return this.#place;
    return screen.shown === REEL ? reel.reelToSourceTime(this.data.highlights, screen.time) : screen.time;
  }

  /** Switch between the reel and the source video, and keep the current moment. @param {string} film */
  show(film) {
    const { screen, place, data } = this;
    if (!screen?.has(film) || screen.shown === film) return;
    // If the reel does not contain the moment, start at the next moment that the reel contains.
    const next = data.highlights.find((one) => one.start_time >= place) ?? data.highlights[0];
    screen.show(
      film,
      film === SOURCE ? place : (reel.sourceToReelTime(data.highlights, place) ?? next?.reel_start ?? 0),
    );
  }

  /** Go to a moment; if the reel does not contain it, show the source video. @param {number} time */
  seek(time) {
    const { screen, data } = this;
    const to = Math.min(Math.max(0, time), data.duration);
    this.#place = to;
    if (!screen) return this.#follow();
    const inReel = screen.shown === REEL ? reel.sourceToReelTime(data.highlights, to) : null;
    if (inReel !== null) screen.seek(inReel);
    else if (screen.has(SOURCE)) screen.show(SOURCE, to);
    else this.#toNearest(to);
  }

  /** Seek to the part of the reel nearest to a time, because there is no source video. @param {number} time */
  #toNearest(time) {
    const away = (/** @type {import("./api.js").Highlight} */ one) =>
      Math.max(one.start_time - time, time - one.end_time, 0);
    const nearest = [...this.data.highlights].sort((a, b) => away(a) - away(b))[0];
    if (nearest)
      this.screen?.seek(
        time < nearest.start_time
          ? nearest.reel_start
          : (reel.sourceToReelTime(this.data.highlights, Math.min(time, nearest.end_time - 0.1)) ?? nearest.reel_start),
      );
  }

  /** @param {number} index */
  play(index) {
    const one = this.data.highlights[index];
    const { screen } = this;
    if (!one || !screen) return;
    screen.seek(screen.shown === REEL ? one.reel_start : one.start_time);
    screen.play();
  }

  /** @param {import("./segments-table.js").Line} line */
  #press(line) {
    if (line.highlight !== null) return this.play(line.highlight);
    this.seek(line.start_time);
    this.screen?.play();
  }

  /** @param {HTMLElement} nav @returns {HTMLElement[]} */
  #drawParts(nav) {
    const parts = this.data.highlights.map((one, n) =>
      h(
        "button",
        {
          type: "button",
          title: `${formatClock(one.start_time)}, ${formatHundredths(one.score)}`,
          "aria-label": `${n + 1}: ${formatClock(one.start_time)}, score ${formatHundredths(one.score)}`,
          vars: { "--grow": Math.max(1, one.end_time - one.start_time) },
          onclick: () => this.play(n),
        },
        String(n + 1),
      ),
    );
    nav.replaceChildren(...parts);
    nav.hidden = parts.length === 0;
    return parts;
  }

  /** @param {HTMLElement} holder */
  #drawChart(holder) {
    const { segments, highlights, curves, duration } = this.data;
    const lengths = segments.length ? formatTenths(segments[0].end_time - segments[0].start_time) : "";
    setText(
      requireElement("[data-chart-words]", this.root),
      `${formatCount(segments.length, "segment")}${lengths ? ` of ${lengths}` : ""}. Arrow keys move from one to the next`,
    );
    const chart = new TimeChart(holder, {
      duration,
      label: "Position in the video (score chart)",
      stops: segments.map((one) => one.start_time),
      say: (time) => this.#say(time),
      seek: (time) => this.seek(time),
    });
    const bars = (/** @type {boolean} */ inReel) =>
      segments
        .filter((one) => reel.findHighlightsOf(highlights, one).length > 0 === inReel)
        .map((one) => makeBarPath(one, duration / segments.length))
        .join("");
    this.plot = chart.lane(
      "",
      "plot",
      createDrawing(duration, HEIGHT, { d: bars(false), class: "unselected" }, { d: bars(true), class: "selected" }),
      this.least,
    );
    chart.names.firstElementChild?.append(
      h("span", { class: "axis-label", vars: { "--y": 1 } }, "1.0"),
      this.leastLabel,
      h("span", { class: "axis-label", vars: { "--y": 0 } }, "0"),
    );
    if (curves.sound.some((value) => value > 0))
      chart.lane(
        "Sound",
        "sound",
        createDrawing(duration, HEIGHT, { d: makeMirroredPath(curves.sound, curves.step, HEIGHT), class: "wave" }),
      );
    if (curves.motion.length)
      chart.lane(
        "Motion",
        "motion",
        createDrawing(duration, HEIGHT, { d: makeAreaPath(curves.motion, curves.step, HEIGHT), class: "hill" }),
      );
    chart.lane("Cuts", "cuts", createDrawing(duration, HEIGHT, ...this.#cuts()));
    return chart;
  }

  /** @param {number} least */
  showMinimum(least) {
    const { segments } = this.data;
    const words = formatHundredths(least);
    const best = [...segments].sort((one, other) => other.score - one.score)[0];
    for (const part of [this.least, this.leastLabel]) part.style.setProperty("--y", String(least));
    setText(this.leastLabel, words);
    this.leastLabel.hidden = least <= 0.12 || least >= 0.88; // the label would overlap the scale's label 0 or 1
    setText(requireElement("[data-least]", this.root), `minimum score ${words}`);
    setText(
      requireElement("[data-chart-sentence]", this.root),
      best
        ? `${describeReach(segments, least)} The highest score is ${formatHundredths(best.score)}, at ${formatRange(best.start_time, best.end_time)}. The table of segments lists all scores.`
        : "",
    );
  }

  /**
   * Mark the reel's moments in the chart; during editing, mark the edited moments instead.
   * @param {{start: number, end: number}[]} [moments]
   */
  showBands(moments = this.data.highlights.map(({ start_time, end_time }) => ({ start: start_time, end: end_time }))) {
    for (const band of this.plot?.querySelectorAll(".band") ?? []) band.remove();
    this.plot?.append(
      ...moments.map(({ start, end }, n) => this.chart.stretch(start, end, "band", h("b", {}, String(n + 1)))),
    );
  }

  /**
   * Draw each cut as a line, and each dissolve or fade as an area from its start to its end. Behind them, each
   * segment of the video has a bar that shows how frequent cuts, dissolves and fades are. Far from highlights, the
   * analysis may miss cuts, dissolves and fades.
   */
  #cuts() {
    const edges = this.data.edges.slice(0, MAX_CUTS);
    const some = this.data.segments
      .filter((one) => one.signals.cuts > 0)
      .map(
        (one) =>
          `M${one.start_time} ${HEIGHT}V${roundToHundredths(HEIGHT * (1 - one.signals.cuts))}H${one.end_time}V${HEIGHT}Z`,
      )
      .join("");
    const lines = edges
      .filter((one) => one.end - one.start < 0.05)
      .map((one) => `M${one.start} 14V86`)
      .join("");
    const wide = edges
      .filter((one) => one.end - one.start >= 0.05)
      .map((one) => `M${one.start} 24H${one.end}V76H${one.start}Z`)
      .join("");
    return [
      { d: some, class: "some" },
      { d: wide, class: "wide" },
      { d: lines, class: "truncate" },
    ];
  }

  /** @param {number} time @returns {string} */
  #say(time) {
    const { segments, highlights } = this.data;
    const segment =
      segments.find((one) => time >= one.start_time && time < one.end_time) ?? segments[segments.length - 1];
    const highlight = reel.findHighlightAt(highlights, time);
    if (!segment) return formatClock(time);
    return `${formatClock(time)}, segment ${segment.index + 1} of ${segments.length}, score ${formatHundredths(segment.score)}${highlight >= 0 ? `, highlight ${highlight + 1}` : ""}`;
  }

  /** @param {HTMLElement} body */
  #drawNumbers(body) {
    body.replaceChildren(
      ...this.data.segments.map(({ start_time, end_time, score, signals }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row", class: "mono" }, formatRange(start_time, end_time)),
          ...[score, signals.sound, signals.motion, signals.cuts].map((value) =>
            h("td", { class: "mono" }, formatHundredths(value)),
          ),
        ),
      ),
    );
  }

  #follow() {
    const { place, data, screen } = this;
    const { highlights } = data;
    const index =
      screen?.shown === REEL
        ? reel.findPlayingHighlight(highlights, screen.time)
        : reel.findHighlightAt(highlights, place);
    this.chart.update(place);
    this.dispatchEvent(new Event("place"));
    this.segments.mark(place, index);
    const where = requireElement("[data-where]", this.root);
    where.hidden = index < 0 && screen?.shown !== SOURCE;
    setText(where, index >= 0 ? `${index + 1} of ${highlights.length} · ${formatClock(place)}` : formatClock(place));
    if (index === this.#current) return;
    this.#current = index;
    this.parts.forEach((part, n) => {
      if (n === index) part.setAttribute("aria-current", "true");
      else part.removeAttribute("aria-current");
    });
  }

  #mark() {
    for (const button of this.switch.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.value === this.screen?.shown));
  }
}

/**
 * Return the SVG path of the bar that shows a segment's score, with a gap to the neighbouring bars.
 * @param {import("./api.js").Segment} segment
 * @param {number} usual
 */
function makeBarPath({ start_time, end_time, score }, usual) {
  const gap = Math.min(usual * 0.1, (end_time - start_time) * 0.25);
  return `M${start_time + gap} ${HEIGHT}V${HEIGHT * (1 - Math.max(score, 0.005))}H${end_time - gap}V${HEIGHT}Z`;
}
