// The video of a challenge with its overlays, and the strip of statements below.

import { h, icon, requireElement, setIcon, setText } from "../base/dom.js";
import { formatClock, formatDuration } from "../base/format.js";
import { labelButton } from "../base/keys.js";
import { storeSound, restoreSound } from "../videos/playback-memory.js";
import { getStatementText } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */
/** @typedef {import("./segment-player.js").SegmentPlayer} SegmentPlayer */

export class Stage {
  #told = "";

  /**
   * @param {HTMLElement} root
   * @param {Challenge} challenge
   * @param {SegmentPlayer} player
   */
  constructor(root, challenge, player) {
    this.root = root;
    this.challenge = challenge;
    this.player = player;
    this.bars = requireElement("[data-bars]", root);
    this.bars.replaceChildren(...challenge.segments.map(() => h("i", {}, h("b", {}))));
    this.strip = requireElement("[data-strip]");
    this.strip.replaceChildren(
      ...challenge.segments.map((segment, index) =>
        h(
          "button",
          { type: "button", vars: { "--grow": Math.max(segment.duration, 0.1) }, onclick: () => player.play(index) },
          h("b", { class: "mono" }, String(index + 1)),
          " ",
          h("span", { class: "mono truncate" }, formatDuration(segment.duration)),
          h("span", { class: "visually-hidden" }),
        ),
      ),
    );
    const { element } = player;
    const portrait = Number(challenge.height) > Number(challenge.width);
    root.dataset.shape = portrait ? "portrait" : "landscape";
    if (challenge.poster_url) element.poster = challenge.poster_url;
    element.addEventListener("loadeddata", () => element.removeAttribute("poster"));
    restoreSound(element);
    element.addEventListener("volumechange", () => storeSound(element));
    element.addEventListener("click", () => player.toggle());
    element.addEventListener("dblclick", () => this.fullscreen());
    /** @type {Record<string, () => void>} */
    const acts = {
      toggle: () => player.toggle(),
      prev: () => this.step(-1),
      next: () => this.step(1),
      mute: () => player.player.mute(),
      fullscreen: () => this.fullscreen(),
    };
    for (const [name, act] of Object.entries(acts))
      requireElement(`[data-act=${name}]`, root).addEventListener("click", act);
    player.addEventListener("change", () => this.mark());
    player.addEventListener("time", () => this.#time());
    this.mark();
  }

  /** Use the changed texts of the same challenge. @param {Challenge} challenge */
  adopt(challenge) {
    this.challenge = challenge;
    this.mark();
  }

  /** Play the previous or next statement from its start. @param {1|-1} by */
  step(by) {
    this.player.play(this.player.index + by);
  }

  async fullscreen() {
    if (document.fullscreenElement) return document.exitFullscreen();
    if (this.root.requestFullscreen) return this.root.requestFullscreen();
    // Some phones can show only the video element in full screen, without the canvas that hides the next statement.
    /** @type {any} */ (this.player.element).webkitEnterFullscreen?.();
  }

  mark() {
    const { root, player, challenge } = this;
    const { index, isOver, playing } = player;
    const [first, last] = [index === 0, index === challenge.segments.length - 1];
    const number = index + 1;
    this.#button(
      "toggle",
      playing ? "pause" : isOver ? "retry" : "play",
      playing ? "Pause" : isOver ? `Play statement ${number} again` : `Play statement ${number}`,
    );
    this.#button("prev", "start", first ? "This is the first statement" : `Previous: statement ${number - 1}`, first);
    this.#button("next", "end", last ? "This is the last statement" : `Next: statement ${number + 1}`, last);
    const silent = player.element.muted || player.element.volume === 0;
    this.#button("mute", silent ? "mute" : "vol", silent ? "Unmute" : "Mute");
    setText(requireElement("[data-text]", root), challenge.statements[index].text);
    root.setAttribute("aria-label", `Video, statement ${number} of ${challenge.segments.length}`);
    [...this.strip.children].forEach((/** @type {Element} */ part, at) => {
      if (at === index) part.setAttribute("aria-current", "true");
      else part.removeAttribute("aria-current");
      setText(requireElement(".visually-hidden", part), `, ${getStatementText(challenge, at)}`);
    });
    requireElement("[data-waits]", root).hidden = !player.player.waits || player.player.trouble !== null;
    this.#time();
    this.#trouble();
  }

  #time() {
    const { player, challenge } = this;
    const { index, time, isOver, segment } = player;
    const count = challenge.segments.length;
    setText(
      requireElement("[data-where]", this.root),
      `${index + 1} of ${count} · ${isOver ? formatDuration(time) : formatClock(time)} / ${formatDuration(segment.duration)}`,
    );
    [...this.bars.children].forEach((/** @type {any} */ bar, at) =>
      bar.firstElementChild.style.setProperty(
        "--share",
        String(at < index ? 1 : at > index ? 0 : time / (segment.duration || 1)),
      ),
    );
    const words = `Statement ${index + 1} of ${count}, ${Math.floor(time)} of ${Math.round(segment.duration)} seconds`;
    if (this.bars.getAttribute("aria-label") !== words) this.bars.setAttribute("aria-label", words);
  }

  /** @param {string} act @param {string} picture @param {string} words @param {boolean} [off] */
  #button(act, picture, words, off = false) {
    const button = requireElement(`[data-act=${act}]`, this.root);
    setIcon(button, picture);
    if (off) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    labelButton(button, words);
  }

  #trouble() {
    const { trouble } = this.player.player;
    const place = requireElement("[data-trouble]", this.root);
    place.hidden = trouble === null;
    const told = trouble?.title ?? "";
    if (told === this.#told) return;
    this.#told = told;
    if (!trouble) return place.replaceChildren();
    const text = trouble.mayMake
      ? "This browser cannot play the video. Open the challenge in another browser."
      : trouble.text;
    place.replaceChildren(
      icon("alert"),
      h("b", { role: "alert" }, trouble.title),
      h("p", { class: "text-small" }, text),
      h(
        "div",
        { class: "row wrap" },
        h("button", { class: "btn", type: "button", onclick: () => this.player.again() }, icon("retry"), "Try again"),
      ),
    );
  }
}
