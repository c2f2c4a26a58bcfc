// The player's buttons and keyboard shortcuts.

import { requireElement, setIcon, setText } from "../base/dom.js";
import { formatDuration, formatFrameNumber, formatPosition } from "../base/format.js";
import { bind, labelButton, enableShortcuts } from "../base/keys.js";
import { toggleMenu } from "../base/menu.js";
import { showToast } from "../base/notice.js";
import { readSpeed, readTheatre, storeSpeed, storeTheatre } from "../videos/playback-memory.js";
import { frameOfMediaTime } from "../base/frames.js";

const JUMP = 10; // seconds that the keys J and L seek
const STEP = 5;
const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];
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
      "picture-in-picture": () => this.#togglePictureInPicture(),
      theatre: () => this.#setTheatre(!this.isTheatre),
      fullscreen: () => this.fullscreen(),
      qualities: () => this.#qualities(),
    };
    for (const [name, act] of Object.entries(acts))
      requireElement(`[data-act=${name}]`, root).addEventListener("click", act);
    this.volume = requireElement("[data-volume]", root);
    this.volume.addEventListener("input", () => player.volume(Number(this.volume.value)));
    requireElement("[data-speeds]", root).addEventListener("click", (/** @type {Event} */ event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button) this.#setSpeed(Number(button.value));
    });
    const { element } = player;
    player.speed(readSpeed(SPEEDS));
    this.#setTheatre(readTheatre());
    const inPicture = requireElement("[data-act=picture-in-picture]", root);
    inPicture.hidden = !document.pictureInPictureEnabled;
    for (const [name, isIn] of [
      ["enterpictureinpicture", "true"],
      ["leavepictureinpicture", "false"],
    ])
      element.addEventListener(name, () => inPicture.setAttribute("aria-pressed", isIn));
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

  async #togglePictureInPicture() {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await this.player.element.requestPictureInPicture();
    } catch {
      showToast("Picture-in-picture is not available. Start the video first, or use another browser.", "warn");
    }
  }

  /** Widen the player to the page, or end this. @param {boolean} isOn */
  #setTheatre(isOn) {
    this.isTheatre = isOn;
    storeTheatre(isOn);
    this.root.closest(".watch-layout")?.toggleAttribute("data-theatre", isOn);
    requireElement("[data-act=theatre]", this.root).setAttribute("aria-pressed", String(isOn));
  }

  /** @param {number} speed */
  #setSpeed(speed) {
    this.player.speed(speed);
    storeSpeed(speed);
  }

  #qualities() {
    const { player } = this;
    const { element } = player;
    this.onMenu();
    const sound = { label: element.muted ? "Unmute" : "Mute", icon: element.muted ? "vol" : "mute" };
    toggleMenu(this.gear, "Quality and speed", [
      ...player.qualities.map(({ id, label, note }) => ({
        label,
        note,
        checked: id === player.quality,
        run: () => player.choose(id),
      })),
      ...SPEEDS.map((speed, n) => ({
        label: `Speed ${speed}×`,
        checked: speed === element.playbackRate,
        apart: n === 0,
        run: () => this.#setSpeed(speed),
      })),
      { ...sound, apart: true, run: () => player.mute() },
    ]);
  }

  /** @param {() => void} toggleCaptions */
  #keys(toggleCaptions) {
    const { player } = this;
    const by = (/** @type {number} */ seconds) => player.seek(player.time + seconds);
    enableShortcuts([
      bind("toggle", () => player.toggle()),
      bind("jump", ({ key }) => by(key.toLowerCase() === "l" ? JUMP : -JUMP)),
      bind("step", ({ key, shiftKey }) => by((key === "ArrowRight" ? 1 : -1) * (shiftKey ? 1 : STEP))),
      bind("frame", ({ key }) => player.frame(key === "." ? 1 : -1)),
      bind("share", ({ key }) => player.seek((Number(key) / 10) * player.duration)),
      bind("ends", ({ key }) => player.seek(key === "Home" ? 0 : player.duration)),
      bind("speed", ({ key }) => this.#shift(key === ">" ? 1 : -1)),
      bind("volume", ({ key }) => player.louder(key === "ArrowUp" ? LOUDER : -LOUDER)),
      bind("mute", () => player.mute()),
      bind("captions", toggleCaptions),
      bind("qualities", () => this.#qualities()),
      bind("picture-in-picture", () => this.#togglePictureInPicture()),
      bind("theatre", () => this.#setTheatre(!this.isTheatre)),
      bind("fullscreen", () => this.fullscreen()),
    ]);
  }

  /** @param {1|-1} by */
  #shift(by) {
    const now = SPEEDS.indexOf(this.player.element.playbackRate);
    this.#setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (now < 0 ? SPEEDS.indexOf(1) : now) + by))]);
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
