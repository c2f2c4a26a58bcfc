// The list of sounds on the dubbing page, from files or a dubbing run.

import { h, icon, requireElement, setIcon, setText } from "../base/dom.js";
import { showToast } from "../base/notice.js";
import { formatBytes } from "../videos/api.js";
import { drawWave, computeWave } from "./waveforms.js";

const TYPES = /\.(mp3|wav|m4a|aac|ogg|oga|opus|flac)$/i;

/**
 * A sound of the list. `address` is the URL for playback. `duration` is in seconds, or null while unknown. `bars` are
 * the heights of the waveform's bars, 0 to 1. `isRead` is true once decoding has ended, even if it failed.
 * @typedef {object} Heard
 * @property {number} id
 * @property {string} name
 * @property {File|null} file
 * @property {string} address
 * @property {number|null} duration
 * @property {number[]} bars
 * @property {boolean} isRead
 */

export class Sounds {
  /** @type {Heard[]} */ all = [];
  /** @type {Map<number, HTMLElement>} */ #rows = new Map();
  #next = 1;
  #audio = new Audio();
  /** @type {number|null} */ #playing = null;

  /**
   * @param {HTMLElement} panel
   * @param {{most: number, mostBytes: number, used: (id: number) => number[], onChange: () => void, onRemove: (id: number) => void, isLocked: () => boolean}} options
   */
  constructor(panel, options) {
    this.panel = panel;
    this.options = options;
    const input = requireElement("[data-add-sounds]", panel);
    input.addEventListener("change", () => {
      this.add([...input.files]);
      input.value = "";
    });
    for (const event of ["ended", "pause", "play"]) this.#audio.addEventListener(event, () => this.#drawPlaying());
  }

  /** @param {number|null} id */
  find(id) {
    return this.all.find((sound) => sound.id === id) ?? null;
  }

  /**
   * Return a sound's position in the list, counted from 1; 0 if the sound is missing.
   * @param {number|null} id
   * @returns {number}
   */
  number(id) {
    return this.all.findIndex((sound) => sound.id === id) + 1;
  }

  /** @param {File[]} files */
  add(files) {
    if (this.options.isLocked()) return;
    for (const file of files) {
      const refused = this.#whyNot(file);
      if (refused) showToast(refused, "bad");
      else this.#take(file);
    }
    this.draw();
    this.options.onChange();
  }

  /** @param {File} file */
  #whyNot(file) {
    if (!TYPES.test(file.name) && !file.type.startsWith("audio/"))
      return `“${file.name}” is not an audio file. Choose MP3, WAV, M4A, OGG or FLAC.`;
    if (file.size === 0) return `“${file.name}” is empty. Choose another file.`;
    if (file.size > this.options.mostBytes)
      return `“${file.name}” is larger than your limit of ${formatBytes(this.options.mostBytes)}.`;
    return this.all.length >= this.options.most
      ? `“${file.name}” was not added. You can add at most ${this.options.most} sounds. Remove one first.`
      : "";
  }

  /** @param {File} file */
  async #take(file) {
    /** @type {Heard} */
    const sound = {
      id: this.#next++,
      name: file.name,
      file,
      address: URL.createObjectURL(file),
      duration: null,
      bars: [],
      isRead: false,
    };
    this.all.push(sound);
    const wave = await computeWave(file);
    Object.assign(sound, wave ? { duration: wave.duration, bars: wave.bars } : {}, { isRead: true });
    this.draw();
    this.options.onChange();
  }

  /** @param {import("./api.js").ProJob} job */
  take(job) {
    this.#audio.pause();
    for (const sound of this.all) if (sound.file) URL.revokeObjectURL(sound.address);
    this.all = job.sounds.map((sound) => ({
      id: this.#next++,
      name: sound.filename,
      file: null,
      address: job.audio_refs[sound.refId] ?? "",
      duration: sound.duration,
      bars: sound.peaks,
      isRead: true,
    }));
    this.draw();
  }

  /** Add downloaded files to a dubbing run's sounds, so that a new run can send them. @param {File[]} files */
  give(files) {
    this.all.forEach((sound, at) => {
      Object.assign(sound, { file: files[at], address: URL.createObjectURL(files[at]) });
    });
  }

  /** Redraw the list; existing rows stay, so that a focused button keeps the focus. */
  draw() {
    const { used, isLocked } = this.options;
    setText(requireElement("[data-sound-count]", this.panel), this.all.length ? String(this.all.length) : "");
    for (const [id, row] of this.#rows)
      if (!this.find(id)) {
        row.remove();
        this.#rows.delete(id);
      }
    const list = requireElement("[data-sound-list]", this.panel);
    this.all.forEach((sound, at) => {
      const row = this.#rows.get(sound.id) ?? this.#make(sound);
      const inside = used(sound.id);
      row.dataset.sound = String((at % 6) + 1);
      setText(requireElement(".letter-badge", row), String(at + 1));
      setText(
        requireElement("[data-length]", row),
        sound.duration === null ? (sound.isRead ? "no preview" : "reading…") : `${sound.duration.toFixed(2)} s`,
      );
      setText(requireElement("[data-used]", row), inside.length ? `segments: ${joinNumbers(inside)}` : "not used");
      requireElement("[data-removes]", row).hidden = isLocked();
      const lane = requireElement("[data-lane]", row);
      if (sound.bars.length && !lane.firstChild) lane.append(drawWave(sound.bars));
      if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null);
    });
    /** @type {HTMLElement} */ for (const part of /** @type {NodeListOf<HTMLElement>} */ (
      this.panel.querySelectorAll("[data-add]")
    ))
      part.hidden = isLocked();
    this.#drawPlaying();
  }

  /** @param {Heard} sound */
  #make(sound) {
    const row = h(
      "li",
      { class: "sound-item" },
      h(
        "div",
        { class: "row" },
        h("span", { class: "letter-badge" }),
        h("span", { class: "truncate spacer", title: sound.name, dir: "auto" }, sound.name),
        h(
          "button",
          {
            class: "btn icon-only quiet",
            type: "button",
            "aria-label": `Play ${sound.name}`,
            data: { plays: String(sound.id) },
            onclick: () => this.#toggle(sound),
          },
          icon("play"),
        ),
        h(
          "button",
          {
            class: "btn icon-only quiet",
            type: "button",
            "aria-label": `Remove ${sound.name}`,
            data: { removes: "" },
            onclick: () => this.#remove(sound),
          },
          icon("x"),
        ),
      ),
      h("div", { class: "lane", data: { lane: "" } }),
      h(
        "div",
        { class: "row text-small faint" },
        h("span", { class: "mono spacer", data: { length: "" } }),
        h("span", { data: { used: "" } }),
      ),
    );
    this.#rows.set(sound.id, row);
    return row;
  }

  /** @param {Heard} sound */
  #toggle(sound) {
    if (this.#playing === sound.id && !this.#audio.paused) return this.#audio.pause();
    this.#playing = sound.id;
    this.#audio.src = sound.address;
    this.#audio
      .play()
      .catch(() => showToast("This browser cannot play the sound, but you can still use it in a segment.", "warn"));
  }

  #drawPlaying() {
    for (const button of this.panel.querySelectorAll("[data-plays]")) {
      const isOn = !this.#audio.paused && /** @type {HTMLElement} */ (button).dataset.plays === String(this.#playing);
      setIcon(button, isOn ? "pause" : "play");
      button.setAttribute("aria-pressed", String(isOn));
    }
  }

  /** @param {Heard} sound */
  #remove(sound) {
    if (this.#playing === sound.id) this.#audio.pause();
    URL.revokeObjectURL(sound.address);
    this.all = this.all.filter((one) => one !== sound);
    this.options.onRemove(sound.id);
    this.draw();
    this.options.onChange();
    // Move the focus, because the focused button was removed with its row.
    /** @type {HTMLElement} */ (
      this.panel.querySelector("[data-removes]") ?? requireElement("[data-add-sounds]", this.panel)
    ).focus();
  }
}

/** @param {number[]} numbers @returns {string} */
const joinNumbers = (numbers) => [numbers.slice(0, -1).join(", "), numbers.at(-1)].filter(Boolean).join(" and ");
