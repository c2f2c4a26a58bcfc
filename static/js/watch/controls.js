// The player's buttons and keyboard shortcuts.

import { requireElement, setIcon, setText } from "../base/dom.js";
import { formatDuration, formatFrameNumber, formatPosition } from "../base/format.js";
import { matchKeys, matchKeysWithModifiers, labelButton, enableShortcuts } from "../base/keys.js";
import { toggleMenu } from "../base/menu.js";
import { frameOfMediaTime } from "../base/frames.js";

const JUMP = 10; // seconds that the keys J and L seek
const STEP = 5;
const SPEEDS = [0.25, 0.5, 1, 1.5, 2];
const LOUDER = 0.05;

/** @typedef {import("../videos/player.js").Player} Player */

export class Controls {
  /**
   * @param {HTMLElement} root
   * @param {Player} player
   * @param {object} page
   * @param {() => void} page.onMenu
   * @param {() => void} page.toggleCaptions
   */
  constructor(root, player, { onMenu, toggleCaptions }) {
    this.root = root;
    this.player = player;
    this.onMenu = onMenu;
    this.gear = requireElement("[data-act=qualities]", root);
    /** @type {Record<string, () => void>} */
    const acts = {
      toggle: () => player.toggle(),
      "frame-back": () => player.frame(-1),
      "frame-on": () => player.frame(1),
      mute: () => player.mute(),
      fullscreen: () => this.fullscreen(),
      qualities: () => this.#qualities(),
    };
    for (const [name, act] of Object.entries(acts))
      requireElement(`[data-act=${name}]`, root).addEventListener("click", act);
    this.volume = /** @type {HTMLInputElement} */ (requireElement("[data-volume]", root));
    this.volume.addEventListener("input", () => player.volume(Number(this.volume.value)));
    requireElement("[data-speeds]", root).addEventListener("click", (/** @type {Event} */ event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button) player.speed(Number(button.value));
    });
    const { element } = player;
    element.addEventListener("click", () => player.toggle());
    element.addEventListener("dblclick", () => this.fullscreen());
    this.#keys(toggleCaptions);
    this.#frames();
  }

  mark() {
    const { root, player } = this;
    const { element } = player;
    const play = requireElement("[data-act=toggle]", root);
    setIcon(play, player.playing ? "pause" : "play");
    labelButton(play, player.playing ? "Pause" : "Play");
    const mute = requireElement("[data-act=mute]", root);
    const silent = element.muted || element.volume === 0;
    setIcon(mute, silent ? "mute" : "vol");
    labelButton(mute, silent ? "Unmute" : "Mute");
    this.volume.value = String(element.muted ? 0 : element.volume);
    this.volume.setAttribute("aria-valuetext", element.muted ? "off" : `${Math.round(element.volume * 100)} percent`);
    for (const button of requireElement("[data-speeds]", root).querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(Number(button.value) === element.playbackRate));
    setText(requireElement("[data-quality]", root), player.words || "Quality");
    labelButton(this.gear, `Quality and speed: ${player.words || "automatic"}`);
    setText(requireElement("[data-whole]", root), formatDuration(player.duration));
    requireElement("[data-waits]", root).hidden = !player.waits;
  }

  /** Update the displayed time; called for each frame. */
  update() {
    const text = formatPosition(this.player.time);
    const long = this.player.duration >= 3600;
    const clock = text.slice(long ? 0 : 3, 8);
    setText(requireElement("[data-now]", this.root), long ? clock : clock.replace(/^0/, ""));
    setText(requireElement("[data-now-part]", this.root), text.slice(8));
  }

  async fullscreen() {
    if (document.fullscreenElement) return document.exitFullscreen();
    if (this.root.requestFullscreen) return this.root.requestFullscreen();
    // On iPhones, only the video element can be shown in full screen.
    /** @type {any} */ (this.player.element).webkitEnterFullscreen?.();
  }

  #qualities() {
    const { player } = this;
    const { element } = player;
    this.onMenu();
    toggleMenu(this.gear, "Quality and speed", [
      ...player.qualities.map((one) => ({
        label: one.label,
        note: one.note,
        checked: one.id === player.quality,
        run: () => player.choose(one.id),
      })),
      ...SPEEDS.map((speed, n) => ({
        label: `Speed ${speed}×`,
        checked: speed === element.playbackRate,
        apart: n === 0,
        run: () => player.speed(speed),
      })),
      {
        apart: true,
        label: element.muted ? "Unmute" : "Mute",
        icon: element.muted ? "vol" : "mute",
        run: () => player.mute(),
      },
    ]);
  }

  /** @param {() => void} toggleCaptions */
  #keys(toggleCaptions) {
    const { player } = this;
    const by = (/** @type {number} */ seconds) => player.seek(player.time + seconds);
    enableShortcuts([
      {
        keys: "Space K",
        label: "Play or pause",
        match: matchKeys(" ", "k"),
        run: () => player.toggle(),
        buttons: { "[data-act=toggle]": "Space" },
      },
      {
        keys: "J L",
        label: "Back or forward 10 s",
        match: matchKeys("j", "l"),
        run: (/** @type {KeyboardEvent} */ e) => by(e.key.toLowerCase() === "l" ? JUMP : -JUMP),
      },
      {
        keys: "← →",
        label: "Back or forward 5 s; Shift: 1 s",
        match: matchKeysWithModifiers("ArrowLeft", "ArrowRight"),
        run: (/** @type {KeyboardEvent} */ e) => by((e.key === "ArrowRight" ? 1 : -1) * (e.shiftKey ? 1 : STEP)),
      },
      {
        keys: ", .",
        label: "Previous or next frame",
        match: matchKeys(",", "."),
        run: (/** @type {KeyboardEvent} */ e) => player.frame(e.key === "." ? 1 : -1),
        buttons: { "[data-act=frame-back]": ",", "[data-act=frame-on]": "." },
      },
      {
        keys: "0 – 9",
        label: "Jump to 0 % – 90 %",
        match: (/** @type {KeyboardEvent} */ e) => !e.ctrlKey && /^\d$/.test(e.key),
        run: (/** @type {KeyboardEvent} */ e) => player.seek((Number(e.key) / 10) * player.duration),
      },
      {
        keys: "Home End",
        label: "Jump to start or end",
        match: matchKeys("Home", "End"),
        run: (/** @type {KeyboardEvent} */ e) => player.seek(e.key === "Home" ? 0 : player.duration),
      },
      {
        keys: "< >",
        label: "Play slower or faster",
        match: matchKeys("<", ">"),
        run: (/** @type {KeyboardEvent} */ e) => this.#shift(e.key === ">" ? 1 : -1),
      },
      {
        keys: "↑ ↓",
        label: "Volume up or down",
        match: matchKeys("ArrowUp", "ArrowDown"),
        run: (/** @type {KeyboardEvent} */ e) => player.louder(e.key === "ArrowUp" ? LOUDER : -LOUDER),
      },
      {
        keys: "M",
        label: "Mute or unmute",
        match: matchKeys("m"),
        run: () => player.mute(),
        buttons: { "[data-act=mute]": "M" },
      },
      {
        keys: "C",
        label: "Turn captions on or off",
        match: matchKeys("c"),
        run: toggleCaptions,
        buttons: { "[data-act=captions]": "C" },
      },
      {
        keys: "F",
        label: "Full screen",
        match: matchKeys("f"),
        run: () => this.fullscreen(),
        buttons: { "[data-act=fullscreen]": "F" },
      },
    ]);
  }

  /** @param {1|-1} by */
  #shift(by) {
    const now = SPEEDS.indexOf(this.player.element.playbackRate);
    this.player.speed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (now < 0 ? SPEEDS.indexOf(1) : now) + by))]);
  }

  /** Show the number of the displayed frame, if the frame rate is known and constant. */
  #frames() {
    const { player } = this;
    const shown = requireElement("[data-frame]", this.root);
    const { element } = player;
    if (!element.requestVideoFrameCallback) return;
    const told = (/** @type {number} */ _, /** @type {VideoFrameCallbackMetadata} */ { mediaTime }) => {
      shown.hidden = player.variable || !player.fps;
      if (!shown.hidden) setText(shown, `f ${formatFrameNumber(frameOfMediaTime(mediaTime, player.fps))}`);
      element.requestVideoFrameCallback(told);
    };
    element.requestVideoFrameCallback(told);
  }
}
