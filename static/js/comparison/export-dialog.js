// The dialog that exports a comparison as one video.

import { listJobs } from "../base/api.js";
import { openNamedDialog } from "../base/dialog.js";
import { h, icon } from "../base/dom.js";
import * as format from "../base/format.js";
import { JobProgress, explainEnd } from "../base/job-progress.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { getLook } from "./events/kinds.js";
import { formatBytes } from "../videos/api.js";

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

/** @typedef {{url: string, size: number, duration: number}} Made */

export class Exporting {
  /** @type {Made|null} */ #last = null;
  /** Progress of the export; each opened dialog shows this element. */ #holder = h("div", { class: "spacer" });

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
  constructor({ api, sessionId, vods, controller, view, loop, name, kinds }) {
    this.api = api;
    this.sessionId = sessionId;
    this.vods = vods;
    this.controller = controller;
    this.view = view;
    this.loop = loop;
    this.name = name;
    this.kinds = kinds;
    this.progress = new JobProgress(this.#holder, "Exporting");
  }

  async open() {
    const { controller, view } = this;
    const { from, to } = this.loop();
    const { start: first, end } = controller;
    const hasLoop = from !== null || to !== null;
    const start = getField("From", format.formatPosition(from ?? first));
    const stop = getField("To", format.formatPosition(to ?? end));
    const problem = h("div", {});
    const done = h("div", { class: "row spacer", "aria-live": "polite" });
    const button = /** @type {HTMLButtonElement} */ (h("button", { class: "btn primary" }, icon("film"), "Export"));
    const now = view.state.mode === "grid" ? view.state.layout : view.state.mode;
    const chosen = LAYOUTS.find(([, , , , own]) => own === now)?.[0] ?? "side_by_side";
    const sounds = this.vods.filter((vod) => vod.audio_tracks?.length);
    const audible = sounds.find((vod) => vod.vod_id === controller.audibleId) ?? sounds[0];
    const set = (/** @type {number} */ a, /** @type {number} */ b) => {
      start.value = format.formatPosition(a);
      stop.value = format.formatPosition(b);
    };
    const form = /** @type {HTMLFormElement} */ (
      h(
        "form",
        { onsubmit: (/** @type {Event} */ event) => begin(event) },
        h(
          "div",
          { class: "pad layouts", role: "radiogroup", "aria-label": "Layout" },
          ...LAYOUTS.map(([value, words, symbol]) =>
            h(
              "label",
              { class: "layout-choice" },
              h("input", {
                class: "visually-hidden",
                type: "radio",
                name: "layout",
                value,
                checked: value === chosen,
              }),
              icon(symbol),
              words,
            ),
          ),
        ),
        h(
          "div",
          { class: "pad export-fields" },
          h("span", {}, "From, to"),
          h(
            "div",
            { class: "row wrap" },
            start,
            stop,
            hasLoop ? createButton("Use loop", () => set(from ?? first, to ?? end)) : null,
            createButton("Use full length", () => set(first, end)),
          ),
          ...this.#reelFields(),
          h("label", { for: "export-sound" }, "Sound"),
          h(
            "select",
            { class: "input auto", id: "export-sound", name: "audio" },
            ...sounds.map((vod) =>
              h("option", { value: vod.vod_id, selected: vod === audible }, `${this.#letter(vod)} ${vod.name}`),
            ),
            sounds.length > 1 ? h("option", { value: "mix" }, "Mix of all videos") : null,
            h("option", { value: "none", selected: !audible }, "None"),
          ),
          h("label", { for: "export-height" }, "Height"),
          h(
            "select",
            { class: "input auto", id: "export-height", name: "height" },
            h("option", { value: "" }, "Automatic"),
            ...HEIGHTS.map((height) => h("option", { value: String(height) }, `${height} pixels`)),
          ),
          h("span", {}, "Burn in"),
          h(
            "div",
            { class: "row wrap" },
            createCheckbox("names", "Names", true),
            createCheckbox("clock", "Timecode", false),
            createCheckbox("events", "Events and drawings", true),
          ),
        ),
        h("div", { class: "pad", hidden: true, "data-export-problem": "" }, problem),
        h("footer", { class: "row pad" }, done, button),
      )
    );
    openNamedDialog("Export a video", "exporting", form);
    const tell = (/** @type {Node[]} */ ...nodes) => {
      problem.replaceChildren(...nodes);
      /** @type {HTMLElement} */ (problem.parentElement).hidden = nodes.length === 0;
    };
    const draw = () => {
      button.disabled = this.progress.isRunning;
      done.replaceChildren(this.progress.isRunning ? this.#holder : this.#link());
    };

    const begin = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const [a, b] = [format.parseOffset(start.value), format.parseOffset(stop.value)];
      if (a === null || b === null || a < first - ROUNDED || b <= a)
        return tell(
          h(
            "p",
            { class: "field-error", role: "alert" },
            "The range is not valid. Enter two times such as 1:02.5, with the end after the start.",
          ),
        );
      const data = new FormData(form);
      const layout = String(data.get("layout"));
      tell();
      button.disabled = true;
      try {
        const { job_id: job } = await this.api.export({
          layout,
          start: a,
          end: b,
          audio: data.get("audio"),
          ...(data.get("height") ? { height: Number(data.get("height")) } : {}),
          vod_ids: this.#shown(layout),
          ...readReel(data),
          burn: { names: data.has("names"), clock: data.has("clock"), events: data.has("events") },
        });
        const ended = this.#follow(job);
        draw();
        await ended;
      } catch (error) {
        tell(createErrorNote("The export could not be started.", error));
      }
      draw();
    };
    draw();
    if (!this.#last && !this.progress.isRunning) {
      await this.#findLast();
      draw();
    }
  }

  #reelFields() {
    const kinds = this.kinds();
    if (!kinds.length) return [];
    const around = h(
      "div",
      { class: "row wrap", hidden: true },
      createSecondsField("before", "s before", "Seconds to show before each event"),
      createSecondsField("after", "s after", "Seconds to show after each event"),
    );
    // Disable hidden fields, because an invalid field would block the form even while hidden.
    const offer = (/** @type {boolean} */ isReel) => {
      around.hidden = !isReel;
      for (const input of around.querySelectorAll("input")) input.disabled = !isReel;
    };
    offer(false);
    const choice = h(
      "select",
      {
        class: "input auto",
        id: "export-reel",
        name: "reel",
        onchange: (/** @type {Event} */ event) => offer(/** @type {HTMLSelectElement} */ (event.target).value !== ""),
      },
      h("option", { value: "" }, "Complete range"),
      ...kinds.map(([kind, count]) => h("option", { value: kind }, `Only ${getLook(kind).name} events (${count})`)),
    );
    return [h("label", { for: "export-reel" }, "Show"), h("div", { class: "row wrap" }, choice, around)];
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
    const { main, over, mode } = this.view.state;
    const count = LAYOUTS.find(([name]) => name === layout)?.[3];
    const rest = this.vods.map((vod) => vod.vod_id).filter((id) => id !== main);
    if (count === 2) return [main, mode !== "grid" && over !== main ? over : rest[0]];
    if (count === 1) return [main];
    return layout === "main_and_side" ? [main, ...rest] : this.vods.map((vod) => vod.vod_id);
  }

  async #findLast() {
    try {
      const { jobs: found } = await listJobs(RECENT);
      const made = found.find(
        (/** @type {any} */ job) =>
          job.kind === KIND && job.result?.session_id === this.sessionId && Boolean(job.result?.url),
      );
      this.#last = made?.result ?? null;
    } catch {}
  }

  #link() {
    if (!this.#last)
      return h(
        "span",
        { class: "text-small faint" },
        "Download the exported video soon, because the server deletes it after a while.",
      );
    const { url, size, duration } = this.#last;
    return h(
      "a",
      { href: url, download: `${this.name()}.mp4`, "data-export-link": "" },
      `Download the latest export, ${format.formatDuration(duration)}, ${formatBytes(size)}`,
    );
  }

  /** @param {any} vod */
  #letter(vod) {
    return "ABC"[this.vods.indexOf(vod)];
  }
}

/** @param {string} label @param {string} value */
const getField = (label, value) =>
  /** @type {HTMLInputElement} */ (
    h("input", { class: "input mono export-time", "aria-label": label, value, autocomplete: "off", required: true })
  );

/** @param {string} label @param {() => void} run */
const createButton = (label, run) => h("button", { class: "btn", type: "button", onclick: run }, label);

/** @param {string} name @param {string} label @param {boolean} checked */
const createCheckbox = (name, label, checked) =>
  h("label", { class: "check" }, h("input", { type: "checkbox", name, checked }), label);

/** @param {string} name @param {string} words @param {string} label */
const createSecondsField = (name, words, label) =>
  h(
    "label",
    { class: "row" },
    h("input", {
      class: "input mono seconds",
      "aria-label": label,
      type: "number",
      name,
      min: "0",
      max: "60",
      step: "any",
      value: "3",
      required: true,
    }),
    words,
  );

/** @typedef {{kind: string, before: number, after: number}} Reel */

/** @param {FormData} data @returns {{reel?: Reel}} */
function readReel(data) {
  const kind = String(data.get("reel") ?? "");
  return kind ? { reel: { kind, before: Number(data.get("before")), after: Number(data.get("after")) } } : {};
}
