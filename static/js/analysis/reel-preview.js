// Preview of an edited reel: the source video plays moment after moment, with title cards and fades.

import { requireElement, setText } from "../base/dom.js";
import { FADE_SECONDS, placeMoments, TITLE_SECONDS } from "./reel-draft.js";

const EARLY = 0.02; // seconds by which a moment may end early, because the position is read only at each frame

/** Dispatches "change" when the preview starts, stops, or goes to another moment. */
export class ReelPreview extends EventTarget {
  isOn = false;
  isLooping = false;
  index = 0;
  #timer = 0;

  /**
   * @param {import("./result-player.js").Screen} screen
   * @param {() => import("./reel-draft.js").ReelMoment[]} getMoments
   */
  constructor(screen, getMoments) {
    super();
    this.screen = screen;
    this.getMoments = getMoments;
    this.card = requireElement("[data-card]", screen.root);
    this.shade = requireElement("[data-shade]", screen.root);
    screen.addEventListener("time", () => this.#follow());
    // Play skips a title card.
    screen.addEventListener("change", () => this.#timer && screen.player.playing && this.#hideCard());
  }

  /** Position in the reel, in seconds. */
  get time() {
    const placed = placeMoments(this.getMoments())[this.index];
    if (!placed) return 0;
    const { moment, card, start, end } = placed;
    return this.#timer ? card : Math.min(end, start + Math.max(0, this.screen.player.time - moment.start));
  }

  /** @param {number} index @param {boolean} [plays] */
  goTo(index, plays = this.screen.player.playing) {
    const moment = this.getMoments()[index];
    if (!moment) return this.stop();
    this.#hideCard();
    this.isOn = true;
    this.index = index;
    this.screen.seek(moment.start);
    if (plays && moment.title.trim()) this.#showCard(moment.title);
    else if (plays) this.screen.play();
    this.dispatchEvent(new Event("change"));
  }

  /** Leave the preview, and keep the position in the source video. */
  stop() {
    this.#hideCard();
    this.isOn = false;
    this.#follow();
    this.dispatchEvent(new Event("change"));
  }

  /** Go to a time of the source video; leave the preview if the reel does not contain the time. @param {number} time */
  seek(time) {
    const index = this.getMoments().findIndex(({ start, end }) => time >= start && time < end);
    this.#hideCard();
    this.screen.seek(time);
    if (!this.isOn) return;
    if (index < 0) return this.stop();
    this.index = index;
    this.dispatchEvent(new Event("change"));
  }

  #follow() {
    const { player } = this.screen;
    const moments = this.getMoments();
    const moment = this.isOn ? moments[this.index] : undefined;
    const next = moments[this.index + 1];
    const nearest = Math.min(
      moment?.transition === "fade" ? player.time - moment.start : FADE_SECONDS,
      moment && next?.transition === "fade" ? moment.end - player.time : FADE_SECONDS,
    );
    this.shade.style.setProperty("--dark", String(Math.max(0, 1 - (2 * Math.max(0, nearest)) / FADE_SECONDS)));
    if (!moment || this.#timer || !player.playing || player.element.seeking || player.time < moment.end - EARLY) return;
    if (next || this.isLooping) return this.goTo(next ? this.index + 1 : 0, true);
    player.pause();
    this.goTo(0, false);
  }

  /** @param {string} title */
  #showCard(title) {
    this.screen.player.pause();
    setText(this.card, title);
    this.card.hidden = false;
    this.#timer = window.setTimeout(() => {
      this.#hideCard();
      this.screen.play();
    }, TITLE_SECONDS * 1000);
  }

  #hideCard() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.card.hidden = true;
  }
}
