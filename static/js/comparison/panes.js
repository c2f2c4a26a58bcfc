// A pane of the comparison: its video's state and buttons.

import { requireElement, setIcon, setText } from "../base/dom.js";
import * as format from "../base/format.js";
import { html, iconView, mount } from "../base/view.js";

/** @typedef {import("./playback/track.js").Track} Track */
/** @typedef {import("./actions.js").Actions} Actions */

export class Pane {
  #noteKey = "";
  isOneByOne = false;
  /** Notice about a playable copy, for a video that the browser cannot play; empty if there is none. */ remedy = "";
  /** True while the offset field contains text that is invalid or not yet applied. */
  #isTyping = false;

  /** @param {HTMLElement} element @param {Track} track @param {any} vod */
  constructor(element, track, vod) {
    this.element = element;
    this.track = track;
    this.letter = element.dataset.letter ?? "";
    this.pic = requireElement("[data-pic]", element);
    this.position = requireElement("[data-position]", element);
    this.frame = requireElement("[data-frame]", element);
    this.outOfStepText = requireElement("[data-out-of-step]", element);
    this.offset = /** @type {HTMLInputElement} */ (requireElement("[data-offset]", element));
    this.note = requireElement("[data-note]", element);
    this.drawNote = mount(this.note);
    this.freeBar = requireElement("[data-free]", element);
    this.slider = /** @type {HTMLInputElement} */ (requireElement("[data-free-slider]", element));
    this.slider.max = String(track.duration);
    const sound = vod.audio_tracks?.length === 0 ? ", no sound" : "";
    setText(requireElement("[data-meta]", element), `${format.formatPicture(vod)}${sound}`);
    this.showOffset();
  }

  get id() {
    return this.track.id;
  }

  /** @param {Actions} actions */
  connect(actions) {
    const { element, id } = this;
    /** @type {Record<string, (event: MouseEvent) => void>} */
    const acts = {
      solo: () => actions.solo(id),
      large: () => actions.makeLarge(id),
      free: () => actions.toggleFree(id),
      earlier: (event) => actions.nudge(id, event.shiftKey ? -10 : -1),
      later: (event) => actions.nudge(id, event.shiftKey ? 10 : 1),
      "free-play": () => actions.oneByOne.toggle(id),
      "free-back": () => actions.moveFree(id, -1),
      "free-on": () => actions.moveFree(id, 1),
      "align-here": () => actions.alignHere(id),
      "timer-box": () => actions.toggleTimerBox(id),
      retry: () => actions.retry(id),
    };
    element.addEventListener("click", (event) => {
      const button = /** @type {HTMLElement} */ (event.target).closest("[data-act]");
      const act = button && acts[/** @type {HTMLElement} */ (button).dataset.act ?? ""];
      if (act) act(event);
    });
    element.addEventListener("focusin", () => actions.focus(id));
    element.addEventListener("pointerdown", () => actions.focus(id));
    this.offset.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#commit(actions);
      else if (event.key === "Escape") this.showOffset();
      else return;
      event.preventDefault();
    });
    this.offset.addEventListener("input", () => (this.#isTyping = true));
    this.offset.addEventListener("blur", () => this.#commit(actions));
    this.offset.addEventListener("focus", () => this.offset.select());
    this.slider.addEventListener("input", () => actions.moveFreeTo(id, Number(this.slider.value)));
  }

  /** @param {Actions} actions */
  #commit(actions) {
    const isUnchanged = this.offset.value === format.formatOffset(this.track.offset);
    const seconds = isUnchanged ? this.track.offset : format.parseOffset(this.offset.value);
    this.#isTyping = seconds === null;
    if (isUnchanged) return;
    this.offset.setAttribute("aria-invalid", String(seconds === null));
    if (seconds !== null) actions.setOffset(this.id, seconds);
    else if (document.activeElement !== this.offset) this.showOffset();
  }

  refreshOffset() {
    if (!this.#isTyping) this.showOffset();
  }

  showOffset() {
    this.#isTyping = false;
    this.offset.value = format.formatOffset(this.track.offset);
    this.offset.setAttribute("aria-invalid", "false");
  }

  /**
   * Update the pane's texts and notices, once per animation frame.
   * @param {{T: number, playing: boolean, leader: Track|null, waiting: boolean}} now
   */
  update({ T, playing, leader, waiting }) {
    const { track } = this;
    const isAlone = track.free || track.failed;
    setText(this.position, format.formatPosition(playing ? track.time : track.shownTime));
    setText(this.frame, track.variable ? "variable rate" : `f ${format.formatFrameNumber(track.frame)}`);
    const error = leader === track ? 0 : track.outOfStep;
    setText(this.outOfStepText, isAlone || error === null ? "–" : format.formatSyncError(error));
    if (track.free && document.activeElement !== this.slider) this.slider.value = String(track.time);
    const isParked = !track.free && (T < track.begin || T >= track.end);
    this.element.toggleAttribute("data-parked", isParked);
    this.#show(this.#findNote(T, waiting));
  }

  /** Return the text of a failed video's notice, or the kind of another notice; empty for no notice. @param {number} T @param {boolean} waiting */
  #findNote(T, waiting) {
    const { begin, end, failed, free } = this.track;
    if (failed) return this.remedy || "failed";
    if (free) return this.isOneByOne ? "" : "free";
    if (T < begin) return `starts in ${format.formatDuration(Math.ceil(begin - T))}`;
    return T >= end ? "has ended" : waiting ? "is buffering" : "";
  }

  /** @param {string} key */
  #show(key) {
    if (key === this.#noteKey) return;
    this.#noteKey = key;
    this.note.hidden = key === "";
    const { letter } = this;
    if (key === "failed" && "gone" in this.element.dataset)
      this.drawNote(html`${iconView("alert")}<span>Video ${letter} has been deleted.</span>`);
    else if (key === "failed")
      this.drawNote(html`
        ${iconView("alert")}<span>Video ${letter} cannot be played. ${explainFailure(this.track.video)}</span>
        <button class="btn" type="button" data-act="retry">Retry</button>`);
    else if (key === this.remedy) this.drawNote(html`${iconView("hour")}<span>${key}</span>`);
    else if (key === "free")
      this.drawNote(html`${iconView("unlink")}${letter} now plays separately. In ${letter}, go to the moment that the
        other videos show, then press “Align here”.`);
    else this.drawNote(html`${iconView("clock")}${letter} ${key}`);
  }

  /**
   * @param {{main: boolean, over: boolean, audible: boolean, free: boolean, isOneByOne: boolean, isPlaying: boolean,
   *   hasTimerBox: boolean}} state
   */
  mark({ main, over, audible, free, isOneByOne, isPlaying, hasTimerBox }) {
    this.isOneByOne = isOneByOne;
    this.element.toggleAttribute("data-one-by-one", isOneByOne);
    const play = requireElement("[data-act=free-play]", this.element);
    setIcon(play, isPlaying ? "pause" : "play");
    play.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} only ${this.letter}`);
    this.element.classList.toggle("is-main", main);
    this.element.classList.toggle("over", over);
    this.freeBar.hidden = !free;
    this.#press("solo", audible);
    this.#press("free", free);
    this.#press("timer-box", hasTimerBox);
  }

  /** @param {string} act @param {boolean} pressed */
  #press(act, pressed) {
    requireElement(`[data-act=${act}]`, this.element).setAttribute("aria-pressed", String(pressed));
  }
}

/** @param {HTMLVideoElement} video */
function explainFailure({ error }) {
  if (error?.code === MediaError.MEDIA_ERR_NETWORK) return "The connection was lost.";
  if (error?.code === MediaError.MEDIA_ERR_DECODE) return "The file is damaged.";
  return "This browser cannot play its format, or the video was deleted.";
}
