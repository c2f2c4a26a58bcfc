// The video of a challenge with its overlays, and the strip of statements below.

import { requireElement, setIcon, setText } from "../base/dom.js";
import { formatClock, formatDuration } from "../base/format.js";
import { labelButton } from "../base/keys.js";
import { html, iconView, mount, nothing } from "../base/view.js";
import { restoreSound, storeSound } from "../videos/playback-memory.js";
import { getStatementText } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */

const MISSING = { title: "The video is not available", text: "The video of this challenge no longer exists." };

export class Stage {
  /**
   * @param {HTMLElement} root
   * @param {Challenge} challenge
   * @param {import("./segment-player.js").SegmentPlayer} player
   */
  constructor(root, challenge, player) {
    this.root = root;
    this.challenge = challenge;
    this.player = player;
    this.isMissing = !challenge.stream_url;
    this.bars = requireElement("[data-bars]", root);
    this.drawBars = mount(this.bars);
    this.drawStrip = mount(requireElement("[data-strip]"));
    this.trouble = requireElement("[data-trouble]", root);
    this.drawTrouble = mount(this.trouble);
    const { element } = player;
    root.dataset.shape = Number(challenge.height) > Number(challenge.width) ? "portrait" : "landscape";
    if (challenge.poster_url) element.poster = challenge.poster_url;
    element.addEventListener("loadeddata", () => element.removeAttribute("poster"));
    restoreSound(element);
    element.addEventListener("volumechange", () => storeSound(element));
    element.addEventListener("click", () => player.toggle());
    element.addEventListener("dblclick", () => this.fullscreen());
    this.acts = {
      toggle: () => player.toggle(),
      prev: () => this.step(-1),
      next: () => this.step(1),
      mute: () => player.player.mute(),
      fullscreen: () => this.fullscreen(),
    };
    for (const [name, act] of Object.entries(this.acts))
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
    const { muted, volume } = player.element;
    const count = challenge.segments.length;
    const number = index + 1;
    const [isFirst, isLast] = [index === 0, number === count];
    const play = isOver ? `Play statement ${number} again` : `Play statement ${number}`;
    this.#button("toggle", playing ? "pause" : isOver ? "retry" : "play", playing ? "Pause" : play);
    this.#button("prev", "start", isFirst ? "This is the first statement" : `Previous: statement ${index}`, isFirst);
    this.#button("next", "end", isLast ? "This is the last statement" : `Next: statement ${number + 1}`, isLast);
    this.#button("mute", muted || !volume ? "mute" : "vol", muted || !volume ? "Unmute" : "Mute");
    setText(requireElement("[data-text]", root), challenge.statements[index].text);
    root.ariaLabel = `Video, statement ${number} of ${count}`;
    const trouble = this.isMissing ? MISSING : player.player.trouble;
    requireElement("[data-waits]", root).hidden = !player.player.waits || trouble !== null;
    this.trouble.hidden = trouble === null;
    this.drawTrouble(trouble && this.#troubleView(trouble));
    this.drawStrip(challenge.segments.map((segment, at) => this.#partView(segment, at)));
    this.#time();
  }

  #time() {
    const { index, time, isOver, segment, segments } = this.player;
    const where = `${index + 1} of ${segments.length}`;
    const shown = isOver ? formatDuration(time) : formatClock(time);
    setText(requireElement("[data-where]", this.root), `${where} · ${shown} / ${formatDuration(segment.duration)}`);
    const share = time / (segment.duration || 1);
    this.drawBars(
      segments.map((_, at) => html`<i><b .style=${`--share: ${at < index ? 1 : at > index ? 0 : share}`}></b></i>`),
    );
    const words = `Statement ${where}, ${Math.floor(time)} of ${Math.round(segment.duration)} seconds`;
    if (this.bars.ariaLabel !== words) this.bars.ariaLabel = words;
  }

  /** @param {string} act @param {string} icon @param {string} words @param {boolean} [isOff] */
  #button(act, icon, words, isOff = false) {
    const button = requireElement(`[data-act=${act}]`, this.root);
    setIcon(button, icon);
    button.ariaDisabled = isOff ? "true" : null;
    labelButton(button, words);
  }

  /** @param {import("./segment-player.js").Segment} segment @param {number} index */
  #partView({ duration }, index) {
    return html`
      <button type="button" .style=${`--grow: ${Math.max(duration, 0.1)}`} @click=${() => this.player.play(index)}
        aria-current=${index === this.player.index ? "true" : nothing}>
        <b class="mono">${index + 1}</b> <span class="mono truncate">${formatDuration(duration)}</span
        ><span class="visually-hidden">, ${getStatementText(this.challenge, index)}</span>
      </button>`;
  }

  /** @param {{title: string, text: string, mayMake?: boolean}} trouble */
  #troubleView({ title, text, mayMake }) {
    const retry = html`
      <div class="row wrap">
        <button class="btn" type="button" @click=${() => this.player.again()}>${iconView("retry")}Try again</button>
      </div>`;
    return html`
      ${iconView("alert")}<b role="alert">${title}</b>
      <p class="text-small">
        ${mayMake ? "This browser cannot play the video. Open the challenge in another browser." : text}
      </p>
      ${this.isMissing ? null : retry}`;
  }
}
