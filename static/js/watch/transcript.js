// Captions, transcript and chapters of the watched video.

import { h, requireElement, setText } from "../base/dom.js";
import { formatClock, formatCount } from "../base/format.js";
import { toggleMenu } from "../base/menu.js";
import { labelButton } from "../base/keys.js";
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
    this.search = /** @type {HTMLInputElement} */ (requireElement("input", this.panel));
    this.search.addEventListener("input", () => this.#filter());
    this.language = /** @type {HTMLSelectElement} */ (requireElement("[data-language]", this.panel));
    this.language.addEventListener("change", () => this.#readFrom(this.language.value));
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
    this.#choose(
      this.#shown === null ? ((captions.find(({ id }) => id === this.#read) ?? captions[0])?.id ?? null) : null,
    );
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
      const element = /** @type {HTMLTrackElement} */ (
        h("track", { kind: track.kind, srclang: track.language, label: getTrackName(track), src: track.url })
      );
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
    this.language.replaceChildren(
      ...captions.map((track) => h("option", { value: track.id, selected: track.id === id }, getTrackName(track))),
    );
    this.language.hidden = captions.length < 2;
    const element = this.#elements.get(id);
    const lines = element ? await loadLines(element) : [];
    if (this.#read !== id || (element && this.#elements.get(id) !== element)) return; // the choice is outdated
    this.#lines = lines;
    requireElement("[data-download]", this.panel).setAttribute(
      "href",
      this.tracks.find((track) => track.id === id)?.url ?? "",
    );
    requireElement("ol", this.panel).replaceChildren(...this.#lines.map((line) => this.#item(line)));
    this.#filter();
    this.follow();
  }

  async #showChapters() {
    const track = this.tracks.find(({ kind }) => kind === "chapters");
    const element = track && this.#elements.get(track.id);
    const chapters = element ? await loadLines(element) : [];
    if (element && this.#elements.get(track.id) !== element) return; // stop: the tracks were reloaded meanwhile
    this.chapters = chapters;
    this.parts.hidden = !this.chapters.length;
    requireElement("[data-download]", this.parts).setAttribute("href", track?.url ?? "");
    requireElement("ol", this.parts).replaceChildren(...this.chapters.map((line) => this.#item(line)));
    this.bar.showChapters(this.chapters);
    this.follow();
  }

  /** @param {Line} line */
  #item({ start, text, speaker }) {
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", onclick: () => this.player.seek(start) },
        h("span", { class: "time" }, formatClock(start)),
        h("span", { class: "text", dir: "auto" }, speaker && h("b", {}, `${speaker}: `), text),
      ),
    );
  }

  #filter() {
    const words = foldText(this.search.value).split(/\s+/).filter(Boolean);
    let found = 0;
    [...requireElement("ol", this.panel).children].forEach((item, n) => {
      const text = foldText(`${this.#lines[n].speaker} ${this.#lines[n].text}`);
      const fits = words.every((word) => text.includes(word));
      /** @type {HTMLElement} */ (item).hidden = !fits;
      found += Number(fits);
    });
    if (words.length) requireElement("ol", this.panel).scrollTop = 0;
    setText(requireElement("[data-found]", this.panel), words.length ? `${formatCount(found, "line")} found.` : "");
  }
}

/**
 * Return a track's lines in order; empty if its file cannot be loaded.
 * @param {HTMLTrackElement} element
 * @returns {Promise<Line[]>}
 */
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
