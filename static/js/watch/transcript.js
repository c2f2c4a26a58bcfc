// Captions, transcript and chapters of the watched video.

import { requireElement, setText } from "../base/dom.js";
import { formatClock, formatCount } from "../base/format.js";
import { toggleMenu } from "../base/menu.js";
import { labelButton } from "../base/keys.js";
import { html, mount } from "../base/view.js";
import { storeCaptions, readCaptions } from "../videos/playback-memory.js";
import { listTracks, getTrackName } from "../videos/text-tracks.js";

/**
 * @typedef {import("../videos/text-tracks.js").TextTrack} TextTrack
 * @typedef {{start: number, end: number, text: string, speaker: string}} Line Times are in seconds.
 */

const SPEAKER = /^<v(?:\.[^\s>]*)?\s+([^>]+)>/;

export class Transcript {
  /** @type {TextTrack[]} */ tracks = [];
  /** @type {Line[]} */ chapters = [];
  /** @type {Line[]} */ #lines = [];
  /** Id of the captions on the picture; null if captions are off. @type {string|null} */ #shown = null;
  /** Id of the captions that are shown as the transcript. */ #read = "";
  /** HTML track elements by track id. @type {Map<string, HTMLTrackElement>} */ #elements = new Map();

  /**
   * @param {HTMLElement} root
   * @param {import("../videos/player.js").Player} player
   * @param {import("../videos/seek-bar.js").SeekBar} bar
   * @param {string} video
   */
  constructor(root, player, bar, video) {
    this.player = player;
    this.bar = bar;
    this.video = video;
    this.button = requireElement("[data-act=captions]", root);
    this.button.addEventListener("click", () => this.#menu());
    this.panel = requireElement("[data-transcript]");
    this.parts = requireElement("[data-chapters]");
    this.search = requireElement("input", this.panel);
    this.search.addEventListener("input", () => this.#drawLines());
    this.language = requireElement("[data-language]", this.panel);
    this.language.addEventListener("change", () => this.#readFrom(this.language.value));
    this.drawList = mount(requireElement("ol", this.panel));
    this.drawChapters = mount(requireElement("ol", this.parts));
    this.drawLanguages = mount(this.language);
  }

  async load() {
    const tracks = await listTracks(this.video).catch(() => null);
    if (!tracks) return;
    this.tracks = tracks;
    this.#place();
    const captions = this.#captions();
    this.button.hidden = !captions.length;
    const kept = readCaptions();
    this.show(captions.find(({ language }) => language === kept)?.id ?? null);
    const read = captions.find(({ id }) => id === this.#read) ?? captions[0];
    await Promise.all([this.#readFrom(read?.id ?? ""), this.#showChapters()]);
  }

  toggle() {
    const captions = this.#captions();
    if (!captions.length) return;
    const read = captions.find(({ id }) => id === this.#read) ?? captions[0];
    this.#choose(this.#shown === null ? read.id : null);
  }

  /** Mark the current transcript line and chapter. */
  follow() {
    const { time } = this.player;
    markLine(requireElement("ol", this.parts), this.chapters, time);
    markLine(requireElement("ol", this.panel), this.#lines, time);
  }

  /** @param {string|null} id */
  show(id) {
    this.#shown = id;
    for (const track of this.#captions()) {
      const element = this.#elements.get(track.id);
      if (element) element.track.mode = track.id === id ? "showing" : track.id === this.#read ? "hidden" : "disabled";
    }
    this.button.setAttribute("aria-pressed", String(id !== null));
    labelButton(this.button, id === null ? "Turn captions on" : "Turn captions off");
  }

  /** @param {string|null} id */
  #choose(id) {
    this.show(id);
    storeCaptions(this.tracks.find((track) => track.id === id)?.language ?? null);
  }

  #captions() {
    return this.tracks.filter(({ kind }) => kind === "captions");
  }

  #menu() {
    const captions = this.#captions();
    if (captions.length === 1) return this.toggle();
    toggleMenu(this.button, "Captions", [
      { label: "Off", checked: this.#shown === null, run: () => this.#choose(null) },
      ...captions.map((track) => ({
        label: getTrackName(track),
        checked: track.id === this.#shown,
        run: () => this.#choose(track.id),
      })),
    ]);
  }

  /** Add <track> elements, whose cues the browser parses. */
  #place() {
    for (const element of this.#elements.values()) {
      element.remove();
      element.dispatchEvent(new Event("removed")); // if loadLines() waits for this element, it stops waiting
    }
    this.#elements.clear();
    for (const track of this.tracks) {
      const { kind, language: srclang, url: src } = track;
      const about = { kind, srclang, label: getTrackName(track), src };
      const element = Object.assign(document.createElement("track"), about);
      this.#elements.set(track.id, element);
      this.player.element.append(element);
      element.track.mode = "disabled"; // do not load the file before the track is used
    }
  }

  /** Show captions as the transcript. @param {string} id */
  async #readFrom(id) {
    this.#read = id;
    const captions = this.#captions();
    this.panel.hidden = !id;
    this.drawLanguages(captions.map((track) => html`<option value=${track.id}>${getTrackName(track)}</option>`));
    this.language.value = id;
    this.language.hidden = captions.length < 2;
    const element = this.#elements.get(id);
    const lines = element ? await loadLines(element) : [];
    if (this.#read !== id || (element && this.#elements.get(id) !== element)) return; // the choice is outdated
    this.#lines = lines;
    const track = captions.find((track) => track.id === id);
    requireElement("[data-download]", this.panel).href = track?.url ?? "";
    this.#drawLines();
    this.follow();
  }

  async #showChapters() {
    const track = this.tracks.find(({ kind }) => kind === "chapters");
    const element = track && this.#elements.get(track.id);
    const chapters = element ? await loadLines(element) : [];
    if (element && this.#elements.get(track.id) !== element) return; // stop: the tracks were reloaded meanwhile
    this.chapters = chapters;
    this.parts.hidden = !chapters.length;
    requireElement("[data-download]", this.parts).href = track?.url ?? "";
    this.drawChapters(chapters.map((line) => this.#lineView(line)));
    this.bar.showChapters(chapters);
    this.follow();
  }

  /** @param {Line} line @param {boolean} [fits] */
  #lineView({ start, text, speaker }, fits = true) {
    return html`
      <li ?hidden=${!fits}><button type="button" @click=${() => this.player.seek(start)}
        ><span class="time">${formatClock(start)}</span><span class="text" dir="auto"
        >${speaker ? html`<b>${speaker}: </b>` : null}${text}</span></button></li>`;
  }

  /** Draw the lines, and hide those that do not contain the words of the search. */
  #drawLines() {
    const words = foldText(this.search.value).split(/\s+/).filter(Boolean);
    const fits = this.#lines.map(({ speaker, text }) => {
      const folded = foldText(`${speaker} ${text}`);
      return words.every((word) => folded.includes(word));
    });
    this.drawList(this.#lines.map((line, n) => this.#lineView(line, fits[n])));
    if (words.length) requireElement("ol", this.panel).scrollTop = 0;
    const found = `${formatCount(fits.filter(Boolean).length, "line")} found.`;
    setText(requireElement("[data-found]", this.panel), words.length ? found : "");
  }
}

/** Return a track's lines in order; empty if its file cannot be loaded. @param {HTMLTrackElement} element */
async function loadLines(element) {
  if (element.track.mode === "disabled") element.track.mode = "hidden";
  if (element.readyState < HTMLTrackElement.LOADED)
    await new Promise((resolve) => {
      for (const name of ["load", "error", "removed"]) element.addEventListener(name, resolve, { once: true });
    });
  return [...(element.track.cues ?? [])].map((one) => {
    const cue = /** @type {VTTCue} */ (one);
    const speaker = SPEAKER.exec(cue.text)?.[1] ?? "";
    const text = (cue.getCueAsHTML().textContent ?? "").trim().replace(/\s+/g, " ");
    return { start: cue.startTime, end: cue.endTime, text, speaker };
  });
}

/** @param {string} text */
const foldText = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * Mark the current line of a list, and scroll to it.
 * @param {HTMLElement} list
 * @param {Line[]} lines
 * @param {number} time
 */
function markLine(list, lines, time) {
  const now = lines.findLastIndex(({ start }) => start <= time + 0.001);
  const current = now >= 0 && time < lines[now].end ? list.children[now]?.firstElementChild : null;
  const before = list.querySelector("[aria-current]");
  if (before === current) return;
  before?.removeAttribute("aria-current");
  current?.setAttribute("aria-current", "true");
  // Do not scroll while the pointer or focus is in the list.
  if (!current || list.matches(":hover, :focus-within")) return;
  const item = /** @type {HTMLElement} */ (current.parentElement);
  list.scrollTop = item.offsetTop - list.offsetTop - list.clientHeight / 3;
}
