// The bar below the videos, and the display of sync errors.

import { requireElement, setIcon, setText } from "../base/dom.js";
import { formatCount, formatPosition } from "../base/format.js";
import { labelButton } from "../base/keys.js";
import { listenToButtons, markButton } from "./button-group.js";

const IN_STEP = 0.04; // seconds; largest sync error that counts as in sync
const METER = 0.05; // sync error, in seconds, at which a video's dot reaches the end of its meter

/** @typedef {import("./actions.js").Actions} Actions */

export class Transport {
  #said = "";

  /** @param {import("./playback/controller.js").SyncController} controller @param {Actions} actions */
  constructor(controller, actions) {
    this.controller = controller;
    this.actions = actions;
    this.timecode = requireElement("[data-timecode]");
    this.small = requireElement("small", this.timecode);
    this.playButton = requireElement("[data-act=toggle]");
    this.muteButton = requireElement("[data-act=mute]");
    this.pill = requireElement("[data-sync-pill]");
    this.word = requireElement("[data-sync-word]");
    this.number = requireElement("[data-sync-number]");
    this.speeds = requireElement("[data-speeds]");
    /** @type {Record<string, () => void>} */
    const acts = {
      toggle: () => actions.toggle(),
      start: () => actions.seek(controller.start),
      end: () => actions.seek(controller.end),
      "frame-back": () => actions.frame(-1),
      "frame-on": () => actions.frame(1),
      "loop-in": () => actions.setLoop("from"),
      "loop-out": () => actions.setLoop("to"),
      "loop-clear": () => actions.clearLoop(),
      mute: () => actions.mute(),
      save: () => actions.save(),
      fullscreen: () => actions.screen.fullscreen(),
      "tl-in": () => actions.zoomTimeline(2),
      "tl-out": () => actions.zoomTimeline(0.5),
    };
    for (const [name, act] of Object.entries(acts)) requireElement(`[data-act=${name}]`).addEventListener("click", act);
    listenToButtons(this.speeds, (speed) => actions.speed(Number(speed)));
  }

  /** @param {number} T */
  update(T) {
    const text = formatPosition(T);
    const [whole, fraction] = [text.slice(0, -4), text.slice(-4)];
    if (this.timecode.firstChild.nodeValue !== whole) this.timecode.firstChild.nodeValue = whole;
    setText(this.small, fraction);
    for (const track of this.controller.tracks) this.#meter(track);
    this.#pill();
  }

  /** Redraw buttons and labels after a user action or message. */
  mark() {
    const { controller, actions } = this;
    const playing = actions.isPlaying;
    setIcon(this.playButton, playing ? "pause" : "play");
    labelButton(this.playButton, playing ? "Pause" : "Play");
    const silent = controller.audibleId === null;
    setIcon(this.muteButton, silent ? "mute" : "vol");
    labelButton(this.muteButton, silent ? "Unmute" : "Mute");
    this.muteButton.setAttribute("aria-pressed", String(silent));
    markButton(this.speeds, actions.rate);
    requireElement("[data-act=loop-in]").setAttribute("aria-pressed", String(actions.loop.from !== null));
    requireElement("[data-act=loop-out]").setAttribute("aria-pressed", String(actions.loop.to !== null));
  }

  /** @param {import("./playback/track.js").Track} track */
  #meter(track) {
    const row = requireElement(`[data-sync-of="${CSS.escape(track.id)}"]`);
    const dot = requireElement("b", row);
    const { outOfStep } = track;
    dot.style.setProperty("--at", Math.max(-1, Math.min(1, (outOfStep ?? 0) / METER)).toFixed(3));
    const tone = outOfStep === null ? "off" : Math.abs(outOfStep) > IN_STEP ? "warn" : "ok";
    // Set the attribute only if its value changes, because assistive technology processes each write.
    if (dot.dataset.tone !== tone) dot.dataset.tone = tone;
    setText(requireElement("[data-speed]", row), `×${track.video.playbackRate.toFixed(3)}`);
  }

  #pill() {
    const { controller } = this;
    const [tone, icon, word, number] = this.#state();
    if (`${tone}${word}${number}` === this.#said) return;
    this.#said = `${tone}${word}${number}`;
    this.pill.className = `pill ${tone}`;
    setIcon(this.pill, icon);
    setText(this.word, word);
    setText(this.number, number);
    this.pill.title = controller.spread.worst === null ? "Sync status" : "Largest sync error in the last 10 s";
  }

  /** @returns {[string, string, string, string]} */
  #state() {
    const { controller } = this;
    if (this.actions.oneByOne.isOn) return ["", "unlink", "independent", ""];
    const failed = controller.tracks.filter((t) => t.failed).length;
    if (failed) return ["bad", "alert", `${formatCount(failed, "video")} failed`, ""];
    const free = controller.tracks.filter((t) => t.free).length;
    if (free) return ["warn", "unlink", `${formatCount(free, "video")} separated`, ""];
    if (controller.status === "holding") return ["warn", "clock", "buffering", ""];
    if (controller.status === "gating") return ["", "clock", "synchronising", ""];
    if (controller.status === "paused") return ["ok", "check", "paused, in sync", ""];
    const { now, worst } = controller.spread;
    if (now === null || worst === null) return ["", "clock", "starting", ""];
    const number = `±${Math.round(worst * 1000)} ms`;
    return now <= IN_STEP ? ["ok", "check", "in sync", number] : ["warn", "alert", "catching up", number];
  }
}
