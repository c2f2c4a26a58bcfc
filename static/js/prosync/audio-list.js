// The list of sounds on the dubbing page, from files or a dubbing run.

import { requireElement, setText } from "../base/dom.js";
import { showToast } from "../base/notice.js";
import { guard, html, iconView, mount, repeat } from "../base/view.js";
import { formatBytes } from "../videos/api.js";
import { computeWave, waveView } from "./waveforms.js";

const TYPES = /\.(mp3|wav|m4a|aac|ogg|oga|opus|flac)$/i;

/**
 * A sound of the list. `address` is the URL for playback. `duration` is in seconds, or null while unknown. `bars` are
 * the heights of the waveform's bars, 0 to 1. `isRead` is true once decoding has ended, even if it failed.
 * @typedef {{id: number, name: string, file: File|null, address: string, duration: number|null, bars: number[],
 *   isRead: boolean}} Heard
 */

export class Sounds {
  /** @type {Heard[]} */ all = [];
  #next = 1;
  #audio = new Audio();
  /** @type {number|null} */ #playing = null;

  /**
   * @param {HTMLElement} panel @param {import("./page.js").Page} page
   * @param {{most_sounds: number, max_audio_bytes: number}} limits
   */
  constructor(panel, page, limits) {
    this.panel = panel;
    this.page = page;
    this.limits = limits;
    this.drawList = mount(requireElement("[data-sound-list]", panel), this);
    const input = requireElement("[data-add-sounds]", panel);
    input.addEventListener("change", () => {
      this.add([...input.files]);
      input.value = "";
    });
    for (const event of ["ended", "pause", "play"]) this.#audio.addEventListener(event, () => this.draw());
  }

  /** @param {number|null} id */
  find(id) {
    return this.all.find((sound) => sound.id === id) ?? null;
  }

  /** Return a sound's position in the list, counted from 1; 0 if the sound is missing. @param {number|null} id */
  number(id) {
    return this.all.findIndex((sound) => sound.id === id) + 1;
  }

  /** @param {File[]} files */
  add(files) {
    if (this.page.isLocked) return;
    for (const file of files) {
      const refused = this.#whyNot(file);
      if (refused) showToast(refused, "bad");
      else this.#take(file);
    }
    this.page.draw();
  }

  /** @param {File} file */
  #whyNot(file) {
    if (!TYPES.test(file.name) && !file.type.startsWith("audio/"))
      return `“${file.name}” is not an audio file. Choose MP3, WAV, M4A, OGG or FLAC.`;
    if (file.size === 0) return `“${file.name}” is empty. Choose another file.`;
    const { most_sounds: most, max_audio_bytes: bytes } = this.limits;
    if (file.size > bytes) return `“${file.name}” is larger than your limit of ${formatBytes(bytes)}.`;
    if (this.all.length < most) return "";
    return `“${file.name}” was not added. You can add at most ${most} sounds. Remove one first.`;
  }

  /** @param {File} file */
  async #take(file) {
    const address = URL.createObjectURL(file);
    const sound = { id: this.#next++, name: file.name, file, address, duration: null, bars: [], isRead: false };
    this.all.push(sound);
    Object.assign(sound, await computeWave(file), { isRead: true });
    this.page.draw();
  }

  /** Add the sound of a draft, and return its id. @param {File} file */
  restore(file) {
    this.#take(file);
    return this.#next - 1;
  }

  clear() {
    this.#audio.pause();
    for (const sound of this.all) if (sound.file) URL.revokeObjectURL(sound.address);
    this.all = [];
  }

  /** @param {import("./api.js").ProJob} job */
  take(job) {
    this.clear();
    this.all = job.sounds.map(({ refId, filename, duration, peaks }) => {
      const address = job.audio_refs[refId] ?? "";
      return { id: this.#next++, name: filename, file: null, address, duration, bars: peaks, isRead: true };
    });
  }

  /** Add downloaded files to a dubbing run's sounds, so that a new run can send them. @param {File[]} files */
  give(files) {
    this.all.forEach((sound, at) => Object.assign(sound, { file: files[at], address: URL.createObjectURL(files[at]) }));
  }

  draw() {
    setText(requireElement("[data-sound-count]", this.panel), this.all.length ? String(this.all.length) : "");
    for (const part of this.panel.querySelectorAll("[data-add]")) part.toggleAttribute("hidden", this.page.isLocked);
    this.drawList(
      repeat(
        this.all,
        ({ id }) => id,
        (sound) => this.#rowView(sound),
      ),
    );
  }

  /** @param {Heard} sound */
  #rowView(sound) {
    const { id, name, duration, bars, isRead } = sound;
    const number = this.number(id);
    const segments = this.page.listUses(id);
    const isPlaying = this.#playing === id && !this.#audio.paused;
    const length = duration === null ? (isRead ? "no preview" : "reading…") : `${duration.toFixed(2)} s`;
    return html`
      <li class="sound-item" data-sound=${((number - 1) % 6) + 1}>
        <div class="row">
          <span class="letter-badge">${number}</span>
          <span class="truncate spacer" title=${name} dir="auto">${name}</span>
          <button class="btn icon-only quiet" type="button" aria-label="Play ${name}" aria-pressed=${isPlaying}
            data-plays=${id} @click=${() => this.#toggle(sound)}>${iconView(isPlaying ? "pause" : "play")}</button>
          <button class="btn icon-only quiet" type="button" aria-label="Remove ${name}" data-removes
            ?hidden=${this.page.isLocked} @click=${() => this.#remove(sound)}>${iconView("x")}</button>
        </div>
        <div class="lane" data-lane>${guard([bars], () => (bars.length ? waveView(bars) : null))}</div>
        <div class="row text-small faint">
          <span class="mono spacer" data-length>${length}</span>
          <span data-used>${segments.length ? `segments: ${joinNumbers(segments)}` : "not used"}</span>
        </div>
      </li>`;
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

  /** @param {Heard} sound */
  #remove(sound) {
    if (this.#playing === sound.id) this.#audio.pause();
    URL.revokeObjectURL(sound.address);
    this.all = this.all.filter((one) => one !== sound);
    for (const segment of this.page.segments)
      if (segment.sound === sound.id) Object.assign(segment, { sound: null, from: null, to: null });
    this.page.draw();
    // Move the focus, because the focused button was removed with its row.
    /** @type {HTMLElement} */ (
      this.panel.querySelector("[data-removes]") ?? requireElement("[data-add-sounds]", this.panel)
    ).focus();
  }
}

/** @param {number[]} numbers @returns {string} */
const joinNumbers = (numbers) => [numbers.slice(0, -1).join(", "), numbers.at(-1)].filter(Boolean).join(" and ");
