// The dialog that exports a comparison as one video.

import { listJobs } from "../base/api.js";
import { openView, panelDialogView } from "../base/dialog.js";
import * as format from "../base/format.js";
import { JobProgress, explainEnd } from "../base/job-progress.js";
import { errorView, showToast } from "../base/notice.js";
import { html, iconView, live } from "../base/view.js";
import { formatBytes } from "../videos/api.js";
import { getLook } from "./events/kinds.js";

/** Export layouts: API name, label, icon, number of videos (0 for all), and the page's matching layout or blend. */
const LAYOUTS = /** @type {[string, string, string, number, string][]} */ ([
  ["side_by_side", "Side by side", "lrow", 0, "row"],
  ["stack", "Stacked", "layers", 0, ""],
  ["main_and_side", "One large, others small", "lfocus", 0, "focus"],
  ["single", "Single video", "lsingle", 1, "single"],
  ["wipe", "Wipe", "compare", 2, "wipe"],
  ["overlay", "Overlay", "film", 2, "overlay"],
  ["difference", "Difference", "grid", 2, "difference"],
]);
const HEIGHTS = [360, 480, 720, 1080];
const KIND = "comparison.export";
const ROUNDED = 0.001; // seconds by which an entered start may be too early: displayed times are rounded
const RECENT = 50; // number of newest jobs searched for the last export

/** @typedef {import("../base/view.js").View} View */

export class Exporting {
  /** @type {{url: string, size: number, duration: number}|null} */ #last = null;
  /** Progress of the export; each opened dialog shows this element. */ #holder = document.createElement("div");

  /**
   * @param {object} parts
   * @param {ReturnType<typeof import("../base/api.js").sessionUrl>} parts.api
   * @param {string} parts.sessionId
   * @param {any[]} parts.vods
   * @param {import("./playback/controller.js").SyncController} parts.controller
   * @param {import("./layout.js").View} parts.view
   * @param {() => {from: number|null, to: number|null}} parts.loop
   * @param {() => string} parts.name
   * @param {() => [string, number][]} parts.kinds Function that returns each kind of event with its number of events.
   */
  constructor(parts) {
    this.parts = parts;
    this.#holder.className = "spacer";
    this.progress = new JobProgress(this.#holder, "Exporting");
  }

  async open() {
    const { vods, controller, view } = this.parts;
    const { from, to } = this.parts.loop();
    const { start: first, end } = controller;
    const { mode, layout } = view.state;
    const chosen = LAYOUTS.find(([, , , , own]) => own === (mode === "grid" ? layout : mode))?.[0] ?? "side_by_side";
    const sounds = vods.filter((vod) => vod.audio_tracks?.length);
    const audible = sounds.find((vod) => vod.vod_id === controller.audibleId) ?? sounds[0];
    const kinds = this.parts.kinds();
    /** Entered start and end. */
    let times = [from ?? first, to ?? end].map(format.formatPosition);
    let isReel = false;
    let isSending = false;
    /** @type {View} */ let problem = null;

    const rangeButton = (/** @type {string} */ label, /** @type {number[]} */ ...range) => {
      const set = () => {
        times = range.map(format.formatPosition);
        dialog.draw();
      };
      return html`<button class="btn" type="button" @click=${set}>${label}</button>`;
    };
    const timeView = (/** @type {string} */ label, /** @type {number} */ at) =>
      html`<input class="input mono export-time" aria-label=${label} autocomplete="off" required
        .value=${live(times[at])} @input=${(/** @type {any} */ { target }) => (times[at] = target.value)} />`;
    const reelView = () => html`
      <label for="export-reel">Show</label>
      <div class="row wrap">
        <select class="input auto" id="export-reel" name="reel" @change=${chooseReel}>
          <option value="">Complete range</option>
          ${kinds.map(
            ([kind, count]) => html`<option value=${kind}>Only ${getLook(kind).name} events (${count})</option>`,
          )}
        </select>
        <div class="row wrap" ?hidden=${!isReel}>
          ${secondsView("before", "Seconds to show before each event", isReel)}
          ${secondsView("after", "Seconds to show after each event", isReel)}
        </div>
      </div>`;
    const chooseReel = (/** @type {any} */ { target }) => {
      isReel = target.value !== "";
      dialog.draw();
    };
    const formView = () => html`
      <form @submit=${begin}>
        <div class="pad layouts" role="radiogroup" aria-label="Layout">
          ${LAYOUTS.map(
            ([value, words, symbol]) => html`<label class="layout-choice">
              <input class="visually-hidden" type="radio" name="layout" value=${value} ?checked=${value === chosen} />
              ${iconView(symbol)}${words}
            </label>`,
          )}
        </div>
        <div class="pad export-fields">
          <span>From, to</span>
          <div class="row wrap">
            ${timeView("From", 0)} ${timeView("To", 1)}
            ${from !== null || to !== null ? rangeButton("Use loop", from ?? first, to ?? end) : null}
            ${rangeButton("Use full length", first, end)}
          </div>
          ${kinds.length ? reelView() : null}
          <label for="export-sound">Sound</label>
          <select class="input auto" id="export-sound" name="audio">
            ${sounds.map(
              (vod) => html`<option value=${vod.vod_id} ?selected=${vod === audible}>
                ${"ABC"[vods.indexOf(vod)]} ${vod.name}
              </option>`,
            )}
            ${sounds.length > 1 ? html`<option value="mix">Mix of all videos</option>` : null}
            <option value="none" ?selected=${!audible}>None</option>
          </select>
          <label for="export-height">Height</label>
          <select class="input auto" id="export-height" name="height">
            <option value="">Automatic</option>
            ${HEIGHTS.map((height) => html`<option value=${height}>${height} pixels</option>`)}
          </select>
          <span>Burn in</span>
          <div class="row wrap">
            <label class="check"><input type="checkbox" name="names" checked />Names</label>
            <label class="check"><input type="checkbox" name="clock" />Timecode</label>
            <label class="check"><input type="checkbox" name="events" checked />Events and drawings</label>
          </div>
        </div>
        <div class="pad" data-export-problem ?hidden=${!problem}><div>${problem}</div></div>
        <footer class="row pad">
          <div class="row spacer" aria-live="polite">
            ${this.progress.isRunning ? this.#holder : this.#linkView()}
          </div>
          <button class="btn primary" ?disabled=${isSending || this.progress.isRunning}>
            ${iconView("film")}Export
          </button>
        </footer>
      </form>`;

    const begin = async (/** @type {any} */ event) => {
      event.preventDefault();
      const [a, b] = times.map(format.parseOffset);
      const data = new FormData(event.currentTarget);
      const isValid = a !== null && b !== null && a >= first - ROUNDED && b > a;
      problem = isValid
        ? null
        : html`<p class="field-error" role="alert">
            The range is not valid. Enter two times such as 1:02.5, with the end after the start.
          </p>`;
      isSending = isValid;
      dialog.draw();
      if (!isValid) return;
      try {
        const { job_id: job } = await this.parts.api.export(this.#readOptions(data, a, b));
        const ended = this.#follow(job);
        isSending = false;
        dialog.draw();
        await ended;
      } catch (error) {
        isSending = false;
        problem = errorView("The export could not be started.", error);
      }
      dialog.draw();
    };
    const dialog = openView(() => panelDialogView("Export a video", "exporting", formView()));
    if (this.#last || this.progress.isRunning) return;
    await this.#findLast();
    dialog.draw();
  }

  /** Return the body of the export request. @param {FormData} data @param {number} start @param {number} end */
  #readOptions(data, start, end) {
    const layout = String(data.get("layout"));
    const kind = String(data.get("reel") ?? "");
    return {
      layout,
      start,
      end,
      audio: data.get("audio"),
      ...(data.get("height") ? { height: Number(data.get("height")) } : {}),
      vod_ids: this.#shown(layout),
      ...(kind ? { reel: { kind, before: Number(data.get("before")), after: Number(data.get("after")) } } : {}),
      burn: { names: data.has("names"), clock: data.has("clock"), events: data.has("events") },
    };
  }

  /** @param {string} job */
  async #follow(job) {
    const ended = await this.progress.follow(job);
    if (ended.status !== "completed") return showToast(`The video was not exported. ${explainEnd(ended)}`, "warn");
    this.#last = ended.result;
    showToast("Your exported video is ready. Open “Export” to download it.");
  }

  /** Return the ids of a layout's videos. If the layout has a main video, its id is first. @param {string} layout */
  #shown(layout) {
    const { main, over, mode } = this.parts.view.state;
    const count = LAYOUTS.find(([name]) => name === layout)?.[3];
    const ids = this.parts.vods.map((vod) => vod.vod_id);
    const rest = ids.filter((id) => id !== main);
    if (count === 2) return [main, mode !== "grid" && over !== main ? over : rest[0]];
    if (count === 1) return [main];
    return layout === "main_and_side" ? [main, ...rest] : ids;
  }

  async #findLast() {
    try {
      const { jobs } = await listJobs(RECENT);
      const isMade = (/** @type {any} */ { kind, result }) =>
        kind === KIND && result?.session_id === this.parts.sessionId && Boolean(result?.url);
      this.#last = jobs.find(isMade)?.result ?? null;
    } catch {}
  }

  #linkView() {
    if (!this.#last)
      return html`<span class="text-small faint">
        Download the exported video soon, because the server deletes it after a while.
      </span>`;
    const { url, size, duration } = this.#last;
    return html`<a href=${url} download="${this.parts.name()}.mp4" data-export-link>
      Download the latest export, ${format.formatDuration(duration)}, ${formatBytes(size)}
    </a>`;
  }
}

/** @param {"before"|"after"} name @param {string} label @param {boolean} isEnabled */
const secondsView = (name, label, isEnabled) =>
  // Hidden fields are disabled: an invalid field would block the form even while hidden.
  html`<label class="row">
    <input class="input mono seconds" aria-label=${label} type="number" name=${name} min="0" max="60" step="any"
      value="3" required ?disabled=${!isEnabled} />
    s ${name}
  </label>`;
