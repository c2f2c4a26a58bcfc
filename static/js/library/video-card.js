import { h, icon, requireElement, setText } from "../base/dom.js";
import { makeFinder } from "../base/focus.js";
import { formatCount, formatDuration } from "../base/format.js";
import { Sprite } from "../base/sprite.js";
import { formatBytes, formatDay, LETTERS, formatPicture } from "../videos/api.js";
import { createPoster } from "../videos/thumbnail.js";

/**
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {{progress: number, message: string, status: string}} Job
 */

const STEPS = 20; // number of arrow key presses that move the preview from start to end
const DAY = 86_400_000;
const LINGER = 120; // ms of hovering before previews load, so that a passing pointer loads none

/**
 * @typedef {object} CardActions
 * @property {(video: Video, chosen: boolean) => void} onPick
 * @property {(video: Video, button: HTMLElement) => void} onMore
 */

export class Card {
  /** @type {Sprite|null} */ #sprite = null;
  #wantsPreview = false;
  /** True if the preview failed to load; the next redraw retries. */ #hasNoSprite = false;
  #share = 0;
  /** Running ingest job. @type {Job|null} */ #job = null;

  /**
   * @param {Video} video
   * @param {CardActions} actions
   */
  constructor(video, actions) {
    this.video = video;
    this.actions = actions;
    this.element = h("li", { class: "card", data: { video: video.id } });
    this.draw(video);
    this.#listen();
  }

  /**
   * @param {Video} video
   */
  draw(video) {
    this.video = video;
    const { element } = this;
    const focused = element.contains(document.activeElement) ? makeFinder(document.activeElement) : null;
    const letter = element.dataset.letter ?? "";
    element.dataset.status = video.status;
    element.replaceChildren(this.#pick(), this.#picture(), this.#foot());
    this.#sprite = null;
    this.#hasNoSprite = false;
    this.#drawWork();
    this.mark(letter, false);
    // Return the focus to the redrawn card. An open menu keeps its focus, because it is outside the card.
    focused?.()?.focus();
  }

  /**
   * @param {string} letter Letter or check mark of a selected video; empty if not selected.
   * @param {boolean} full True if the maximum number of videos is selected.
   */
  mark(letter, full) {
    const { element, video } = this;
    element.toggleAttribute("data-sel", letter !== "");
    if (letter) element.dataset.letter = letter;
    else delete element.dataset.letter;
    const box = /** @type {HTMLInputElement|null} */ (element.querySelector("[data-part=pick]"));
    if (!box) return;
    box.checked = letter !== "";
    box.disabled = full && !letter;
    box.setAttribute(
      "aria-label",
      LETTERS.includes(letter)
        ? `Selected as ${letter}: ${video.title}`
        : letter
          ? `Selected: ${video.title}`
          : `Select ${video.title}`,
    );
    const mark = /** @type {HTMLElement} */ (requireElement(".letter-badge", element));
    mark.hidden = !letter;
    setText(mark, letter);
  }

  /**
   * Show the progress of the video's job.
   * @param {Job|null} job Job of the video; null once ended.
   */
  work(job) {
    const began = Boolean(job) !== Boolean(this.#job);
    this.#job = job;
    if (began) this.draw(this.video);
    else this.#drawWork();
  }

  #drawWork() {
    const bar = /** @type {HTMLProgressElement|null} */ (this.element.querySelector(".mask progress"));
    if (!bar || !this.#job) return;
    const { progress, message, status } = this.#job;
    bar.value = Math.max(bar.value, progress);
    bar.setAttribute("aria-label", `${this.video.title}, ${Math.round(bar.value)} percent`);
    setText(
      requireElement("[data-message]", this.element),
      status === "queued" ? "Queued" : status === "paused" ? "Paused" : message || "Being processed",
    );
  }

  get title() {
    return /** @type {HTMLElement} */ (requireElement("h2 a", this.element));
  }

  #pick() {
    return h(
      "label",
      { class: "pick" },
      h("span", { class: "letter-badge", hidden: true, "aria-hidden": "true" }),
      h("input", {
        type: "checkbox",
        data: { part: "pick" },
        onchange: (/** @type {Event} */ event) =>
          this.actions.onPick(this.video, /** @type {HTMLInputElement} */ (event.target).checked),
      }),
    );
  }

  #picture() {
    const { video } = this;
    const known = formatPicture(video);
    const mask = this.#mask();
    return h(
      "span",
      { class: "picture dark" },
      createPoster(video.poster_url, !mask),
      h("canvas", { hidden: true }),
      mask,
      known && video.status !== "failed" && h("span", { class: "overlay bottom-start" }, known),
      video.duration_exact > 0 &&
        h(
          "span",
          { class: "overlay bottom-end" },
          h("span", { class: "visually-hidden" }, "Length "),
          formatDuration(video.duration_exact),
        ),
      h("span", { class: "scrub", hidden: true }, h("b", {})),
    );
  }

  #mask() {
    const { video } = this;
    if (video.status === "failed")
      return h(
        "span",
        { class: "mask" },
        icon("alert"),
        h("span", { class: "lines" }, video.error?.message || "The video could not be read"),
      );
    // Do not cover the thumbnail of a playable video: a line below the picture says that its job is running.
    if (video.status === "ready" && (video.poster_url || !this.#job)) return null;
    return h(
      "span",
      { class: "mask" },
      h("span", { class: "lines", data: { message: "" } }, video.status === "uploading" ? "Uploading" : "Queued"),
      h("progress", { class: "bar", value: "0", max: "100", "aria-label": video.title }),
    );
  }

  #foot() {
    const { video } = this;
    return h(
      "div",
      { class: "card-foot" },
      h(
        "div",
        {},
        h(
          "h2",
          { dir: "auto", title: video.title },
          h("a", { href: `/watch/${video.id}`, data: { part: "title" } }, video.title),
        ),
        this.#meta(),
      ),
      h(
        "button",
        {
          class: "btn icon-only quiet more",
          type: "button",
          "aria-haspopup": "menu",
          "aria-expanded": "false",
          "aria-label": `More for ${video.title}`,
          data: { part: "more" },
          onclick: (/** @type {Event} */ event) =>
            this.actions.onMore(this.video, /** @type {HTMLElement} */ (event.currentTarget)),
        },
        icon("more"),
      ),
    );
  }

  #meta() {
    const { video } = this;
    if (video.status === "failed")
      return h(
        "p",
        { class: "meta" },
        h("span", { class: "status bad" }, icon("alert"), "Failed"),
        " ",
        h("a", { href: `/watch/${video.id}`, data: { part: "todo" } }, "Show details"),
      );
    if (video.status !== "ready" || this.#job)
      return h(
        "p",
        { class: "meta" },
        h(
          "span",
          { class: "status run" },
          icon("run", "spin"),
          video.status === "ready" ? "Processing, already playable" : "Processing",
        ),
      );
    const came = new Date(video.created_at);
    return h(
      "p",
      { class: "meta" },
      h("time", { datetime: video.created_at, title: came.toLocaleString() }, formatDay(came)),
      h("span", { class: "card-extra" }, ` · ${formatBytes(video.file_size)}`),
      video.tags.length
        ? h(
            "span",
            { class: "card-extra" },
            ...video.tags.flatMap((tag, at) => [at ? ", " : " · ", h("span", { dir: "auto" }, tag)]),
          )
        : null,
    );
  }

  // Preview picture at the position of the pointer, or at the position chosen by arrow keys

  #listen() {
    const { element } = this;
    element.addEventListener("pointermove", (event) => {
      const pic = /** @type {HTMLElement} */ (requireElement(".picture", element));
      const box = pic.getBoundingClientRect();
      if (event.clientY > box.bottom) return this.#hide();
      this.#show(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    });
    element.addEventListener("pointerleave", () => this.#hide());
    element.addEventListener("pointercancel", () => this.#hide());
    element.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by === undefined || event.target !== this.title || !this.video.sprite_vtt_url) return;
      event.preventDefault();
      this.#show(Math.min(1, Math.max(0, this.#share + by / STEPS)));
    });
    element.addEventListener("focusout", () => this.#hide());
  }

  /** @param {number} share Position in the video, 0 to 1. */
  async #show(share) {
    const { video } = this;
    if (!video.sprite_vtt_url || this.#hasNoSprite) return;
    this.#share = share;
    const isFirst = !this.#wantsPreview;
    this.#wantsPreview = true;
    if (!this.#sprite) {
      if (!isFirst) return; // another call is loading the preview
      await new Promise((done) => setTimeout(done, LINGER));
      if (!this.#wantsPreview || video !== this.video) return;
      try {
        this.#sprite = await Sprite.load(video.sprite_vtt_url);
      } catch {
        // Ignore the error: the preview is optional, and its address may have expired.
        if (video === this.video) this.#hasNoSprite = true;
        return;
      }
    }
    if (!this.#wantsPreview || video !== this.video) return;
    const canvas = /** @type {HTMLCanvasElement} */ (requireElement("canvas", this.element));
    this.#sprite.draw(canvas, this.#share * video.duration_exact);
    canvas.hidden = false;
    const scrub = /** @type {HTMLElement} */ (requireElement(".scrub", this.element));
    scrub.hidden = false;
    scrub.style.setProperty("--share", String(this.#share));
  }

  #hide() {
    this.#wantsPreview = false;
    this.#share = 0;
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll("canvas, .scrub")))
      part.hidden = true;
  }
}

/** The card of a video in the bin, with the remaining days and the buttons "Restore" and "Delete for good". */
export class BinCard {
  /**
   * @param {Video} video
   * @param {{onRestore: (video: Video) => void, onPurge: (video: Video) => void}} actions
   */
  constructor(video, { onRestore, onPurge }) {
    this.video = video;
    const left = Math.max(0, Math.ceil((Date.parse(video.purge_at ?? "") - Date.now()) / DAY));
    this.title = h("h2", { dir: "auto", title: video.title, tabindex: "-1" }, video.title);
    this.element = h(
      "li",
      { class: "card", data: { video: video.id } },
      h("span", { class: "picture dark" }, h("span", { class: "mask" }, icon("trash"))),
      h(
        "div",
        { class: "card-foot col" },
        h(
          "div",
          {},
          this.title,
          h(
            "p",
            { class: "meta" },
            `Deleted ${wordForSentence(formatDay(new Date(video.deleted_at ?? "")))}, ${formatBytes(video.file_size)}. ${left ? `${formatCount(left, "day")} left` : "Will be deleted for good soon"}`,
          ),
        ),
        h(
          "div",
          { class: "row wrap" },
          h(
            "button",
            {
              class: "btn",
              type: "button",
              "aria-label": `Restore ${video.title}`,
              data: { part: "restore" },
              onclick: () => onRestore(video),
            },
            icon("undo"),
            "Restore",
          ),
          h(
            "button",
            {
              class: "btn quiet danger",
              type: "button",
              "aria-label": `Delete for good: ${video.title}`,
              onclick: () => onPurge(video),
            },
            "Delete for good",
          ),
        ),
      ),
    );
  }

  // The library page calls these methods on every card. Cards in the bin show no selection and no job.
  draw() {}
  mark() {}
  work() {}
}

/** Return a date as worded inside a sentence, such as `today at 14:02`. @param {string} when @returns {string} */
function wordForSentence(when) {
  return when.replace("Today, ", "today at ").replace("Yesterday", "yesterday");
}

/**
 * @param {Video} video
 */
export function isSelectable(video) {
  return (video.status === "ready" || video.status === "processing") && Boolean(video.video_url);
}

/** @param {number} index @returns {string} */
export const getLetter = (index) => LETTERS[index] ?? "";
