// The result of a highlights analysis: player, table of segments, and chart of scores.

import { requireElement, setText } from "../base/dom.js";
import { formatClock, formatCount, formatHundredths, formatTenths } from "../base/format.js";
import { bind } from "../base/keys.js";
import { explainEnd, JobProgress } from "../base/job-progress.js";
import { html, iconView, mount, nothing } from "../base/view.js";
import { toMoment } from "./chosen-moments.js";
import { makeScoreLanes } from "./score-lanes.js";
import { TimeChart } from "./time-chart.js";
import * as reel from "./reel-times.js";
import { bindKeys, makeSourceFilm, openScreen } from "./result-player.js";
import { Segments } from "./segments-table.js";
import { toastAfterReload } from "./first-paint.js";
import { formatRange, describeReach } from "./labels.js";
import { openReelDrafts } from "./reel-draft.js";

/**
 * @typedef {import("./api.js").Session} Session
 * @typedef {import("./api.js").Highlights} Highlights
 * @typedef {import("./chosen-moments.js").Moment} Moment
 */

const REEL = "reel";
const SOURCE = "source";

export class HighlightsView {
  /** Current position in the source video, in seconds; used only without a player. */ #place = 0;
  #current = -1;
  #least = 0;
  /** Moments marked in the chart. @type {Moment[]} */ #bands = [];

  /**
   * @param {HTMLElement} root @param {Session} session @param {Highlights} data
   * @param {{result: () => Promise<Highlights>, session: () => Promise<Session>}} renew
   */
  constructor(root, session, data, renew) {
    this.root = root;
    this.session = session;
    this.data = data;
    const { highlights, highlight_video_url: url } = data;
    const renewReel = async () => (await renew.result()).highlight_video_url ?? "";
    const duration = highlights.at(-1)?.reel_end;
    const reelFilm =
      url && duration ? { id: REEL, url, duration, poster: highlights[0].thumbnail_url, renew: renewReel } : null;
    this.screen = openScreen(root, [reelFilm, makeSourceFilm(SOURCE, session, data.duration, renew.session)]);
    this.drawParts = mount(requireElement("[data-parts]", root));
    requireElement("[data-parts]", root).hidden = highlights.length === 0;
    this.switch = requireElement("[data-films]", root);
    this.switch.hidden = !(this.screen?.has(REEL) && this.screen.has(SOURCE));
    this.switch.addEventListener("click", (/** @type {any} */ { target }) => {
      const button = target.closest("button");
      if (button) this.show(button.value);
    });
    this.segments = new Segments(requireElement("[data-segments]", root), data, (line) => {
      if (line.highlight !== null) return this.play(line.highlight);
      this.seek(line.start_time);
      this.screen?.play();
    });
    this.chart = this.#makeChart();
    this.showMinimum(Number(session.params.min_score ?? 0));
    this.showBands();
    const numbers = requireElement("[data-numbers]", root);
    const drawNumbers = mount(requireElement("tbody", numbers));
    numbers.addEventListener("toggle", () => drawNumbers(data.segments.map(numbersView)), { once: true });
    this.screen?.addEventListener("time", () => this.#follow());
    this.screen?.addEventListener("change", () => this.#mark());
    const play = bind("play-highlight", ({ key }) => this.play(Number(key) - 1));
    const change = bind("switch", () => this.show(this.screen?.shown === REEL ? SOURCE : REEL));
    bindKeys(this.screen, this.chart, (time) => this.seek(time), [
      ...(highlights.length ? [play] : []),
      ...(this.switch.hidden ? [] : [change]),
    ]);
    this.#mark();
    this.#drawParts();
    this.#follow();
    // Without the source video, the server cannot cut a new reel.
    requireElement("[data-edit-reel]", root).hidden = !session.source;
    const drafts = openReelDrafts(session.sessionId);
    const draft = drafts.get("reel");
    // Follow the job of a draft only once, because the job may have been deleted.
    const job = session.reel_job_id ?? (draft?.isFollowed ? null : draft?.job);
    if (draft?.job) drafts.set("reel", { ...draft, isFollowed: true });
    if (job) this.#followReel(job, drafts);
  }

  /** Position in the source video, in seconds. */
  get place() {
    const { screen } = this;
    if (!screen) return this.#place;
    return screen.shown === REEL ? reel.reelToSourceTime(this.data.highlights, screen.player.time) : screen.player.time;
  }

  /** Switch between the reel and the source video, and keep the current moment. @param {string} film */
  show(film) {
    const { screen, place, data } = this;
    if (!screen?.has(film) || screen.shown === film) return;
    // If the reel does not contain the moment, start at the next moment that the reel contains.
    const next = data.highlights.find((one) => one.start_time >= place) ?? data.highlights[0];
    const inReel = reel.sourceToReelTime(data.highlights, place) ?? next?.reel_start ?? 0;
    screen.show(film, film === SOURCE ? place : inReel);
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
    else {
      // Without the source video, seek to the nearest part of the reel.
      const away = (/** @type {import("./api.js").Highlight} */ one) =>
        Math.max(one.start_time - to, to - one.end_time, 0);
      const [nearest] = [...data.highlights].sort((one, other) => away(one) - away(other));
      const inside = Math.min(Math.max(to, nearest.start_time), nearest.end_time - 0.1);
      screen.seek(reel.sourceToReelTime(data.highlights, inside) ?? nearest.reel_start);
    }
  }

  /** @param {number} index */
  play(index) {
    const one = this.data.highlights[index];
    const { screen } = this;
    if (!one || !screen) return;
    screen.seek(screen.shown === REEL ? one.reel_start : one.start_time);
    screen.play();
  }

  /**
   * Show the progress of a new reel. Once the reel is ready, delete its draft and reload the page.
   * @param {string} job @param {import("../base/drafts.js").Drafts} drafts
   */
  async #followReel(job, drafts) {
    const progress = new JobProgress(requireElement("[data-reel-job]", this.root), "Creating the reel");
    const ended = await progress.follow(job);
    if (ended.status === "completed") {
      // Keep a draft that has changed since the job was started.
      if (drafts.get("reel")?.job === job) drafts.set("reel", undefined);
      toastAfterReload("The new reel is ready.");
      return location.reload();
    }
    const isCancelled = ended.status === "cancelled";
    const next = drafts.get("reel") ? "Your changes are saved as a draft: choose Edit reel to continue." : "";
    progress.draw(html`
      <div class="note${isCancelled ? "" : " bad"}" role="alert">
        ${iconView(isCancelled ? "ban" : "alert")}<p>The reel was not changed. ${explainEnd(ended)} ${next}</p>
      </div>`);
  }

  #drawParts() {
    const partView = (
      /** @type {import("./api.js").Highlight} */ { start_time, end_time, score },
      /** @type {number} */ n,
    ) => html`
      <button type="button" title="${formatClock(start_time)}, ${formatHundredths(score)}"
        aria-label="${n + 1}: ${formatClock(start_time)}, score ${formatHundredths(score)}"
        aria-current=${n === this.#current ? "true" : nothing} @click=${() => this.play(n)}
        .style=${`--grow: ${Math.max(1, end_time - start_time)}`}>
        ${n + 1}
      </button>`;
    this.drawParts(this.data.highlights.map(partView));
  }

  #makeChart() {
    const { segments, highlights, duration } = this.data;
    const lengths = segments.length ? ` of ${formatTenths(segments[0].end_time - segments[0].start_time)}` : "";
    setText(
      requireElement("[data-chart-words]", this.root),
      `${formatCount(segments.length, "segment")}${lengths}. Arrow keys move from one to the next`,
    );
    const makeLanes = makeScoreLanes(this.data);
    const isInReel = (/** @type {import("./api.js").Segment} */ one) =>
      reel.findHighlightsOf(highlights, one).length > 0;
    return new TimeChart(requireElement("[data-chart]", this.root), {
      duration,
      label: "Position in the video (score chart)",
      stops: segments.map((one) => one.start_time),
      say: (time) => this.#say(time),
      seek: (time) => this.seek(time),
      lanes: (chart) => {
        const bandView = (/** @type {Moment} */ { start, end }, /** @type {number} */ n) =>
          chart.stretchView(start, end, "band", html`<b>${n + 1}</b>`);
        return makeLanes(isInReel, this.#least, this.#bands.map(bandView));
      },
    });
  }

  /** @param {number} least */
  showMinimum(least) {
    const { segments } = this.data;
    this.#least = least;
    this.chart.draw();
    setText(requireElement("[data-least]", this.root), `minimum score ${formatHundredths(least)}`);
    const [best] = [...segments].sort((one, other) => other.score - one.score);
    if (!best) return;
    const where = `${formatHundredths(best.score)}, at ${formatRange(best.start_time, best.end_time)}`;
    const words = `The highest score is ${where}. The table of segments lists all scores.`;
    setText(requireElement("[data-chart-sentence]", this.root), `${describeReach(segments, least)} ${words}`);
  }

  /**
   * Mark moments in the chart; by default, those of the reel.
   * @param {Moment[]} [moments]
   */
  showBands(moments = this.data.highlights.map(toMoment)) {
    this.#bands = moments;
    this.chart.draw();
  }

  /** @param {number} time @returns {string} */
  #say(time) {
    const { segments, highlights } = this.data;
    const segment = segments.find((one) => time >= one.start_time && time < one.end_time) ?? segments.at(-1);
    if (!segment) return formatClock(time);
    const highlight = reel.findHighlightAt(highlights, time);
    const words = `segment ${segment.index + 1} of ${segments.length}, score ${formatHundredths(segment.score)}`;
    return `${formatClock(time)}, ${words}${highlight >= 0 ? `, highlight ${highlight + 1}` : ""}`;
  }

  #follow() {
    const { place, screen } = this;
    const { highlights } = this.data;
    const isReel = screen?.shown === REEL;
    const index = isReel
      ? reel.findPlayingHighlight(highlights, screen.player.time)
      : reel.findHighlightAt(highlights, place);
    this.chart.update(place);
    this.segments.mark(place, index);
    const where = requireElement("[data-where]", this.root);
    where.hidden = index < 0 && screen?.shown !== SOURCE;
    setText(where, index >= 0 ? `${index + 1} of ${highlights.length} · ${formatClock(place)}` : formatClock(place));
    if (index === this.#current) return;
    this.#current = index;
    this.#drawParts();
  }

  #mark() {
    for (const button of this.switch.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.value === this.screen?.shown));
  }
}

/** Return a row of the table of numbers. @param {import("./api.js").Segment} segment */
const numbersView = ({ start_time, end_time, score, signals: { sound, motion, cuts } }) => html`
  <tr>
    <th scope="row" class="mono">${formatRange(start_time, end_time)}</th>
    ${[score, sound, motion, cuts].map((value) => html`<td class="mono">${formatHundredths(value)}</td>`)}
  </tr>`;
