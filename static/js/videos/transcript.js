// What is said in a video and which parts it has: captions over the picture, the transcript to search and to go by, and
// chapters on the bar and as a list.

import { h, need, setText } from "../base/dom.js";
import { clock, counted } from "../base/format.js";
import { toggleMenu } from "../base/menu.js";
import { labelButton } from "../base/keys.js";
import { keepCaptions, keptCaptions } from "./kept.js";
import { listTracks, trackName } from "./text-tracks.js";

/**
 * @typedef {import("./text-tracks.js").TextTrack} TextTrack
 * @typedef {{start: number, end: number, text: string, speaker: string}} Line times in seconds
 */

const SPEAKER = /^<v(?:\.[^\s>]*)?\s+([^>]+)>/;

export class Transcript {
  /** @type {TextTrack[]} */ tracks = [];
  /** Of the chapters that are shown. @type {Line[]} */ chapters = [];
  /** Of the captions that are shown. @type {Line[]} */ #lines = [];
  /** The captions over the picture; null while they are off. @type {string|null} */ #shown = null;
  /** Of which captions the transcript is. */ #read = "";
  /** @type {Map<string, HTMLTrackElement>} by the track's id */ #elements = new Map();

  /**
   * @param {HTMLElement} root the player
   * @param {import("./player.js").Player} player
   * @param {import("./seek.js").SeekBar} bar
   * @param {string} video its id
   */
  constructor(root, player, bar, video) {
    this.player = player;
    this.bar = bar;
    this.video = video;
    this.button = need("[data-act=captions]", root);
    this.button.addEventListener("click", () => this.#menu());
    this.panel = need("[data-transcript]");
    this.parts = need("[data-chapters]");
    this.search = /** @type {HTMLInputElement} */ (need("input", this.panel));
    this.search.addEventListener("input", () => this.#filter());
    this.language = /** @type {HTMLSelectElement} */ (need("[data-language]", this.panel));
    this.language.addEventListener("change", () => this.#readFrom(this.language.value));
  }

  /** Ask for the tracks again and show them; those that cannot be had are not shown. */
  async load() {
    const tracks = await listTracks(this.video).catch(() => null);
    if (!tracks) return;
    this.tracks = tracks;
    this.#place();
    const captions = this.#captions();
    this.button.hidden = !captions.length;
    const kept = keptCaptions();
    this.show(captions.find(({ language }) => language === kept)?.id ?? null);
    const read = captions.find(({ id }) => id === this.#read) ?? captions[0];
    await Promise.all([this.#readFrom(read?.id ?? ""), this.#showChapters()]);
  }

  /** Captions on or off. */
  toggle() {
    const captions = this.#captions();
    if (!captions.length) return;
    this.#choose(
      this.#shown === null ? ((captions.find(({ id }) => id === this.#read) ?? captions[0])?.id ?? null) : null,
    );
  }

  /** Where the video is. */
  follow() {
    const { time } = this.player;
    mark(need("ol", this.parts), this.chapters, time);
    mark(need("ol", this.panel), this.#lines, time);
  }

  /** @param {string|null} id of captions; null for none */
  show(id) {
    this.#shown = id;
    for (const track of this.#captions()) {
      const element = this.#elements.get(track.id);
      if (element) element.track.mode = track.id === id ? "showing" : track.id === this.#read ? "hidden" : "disabled";
    }
    this.button.setAttribute("aria-pressed", String(id !== null));
    labelButton(this.button, id === null ? "Captions on" : "Captions off");
  }

  /** @param {string|null} id */
  #choose(id) {
    this.show(id);
    keepCaptions(this.tracks.find((track) => track.id === id)?.language ?? null);
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
        label: trackName(track),
        checked: track.id === this.#shown,
        run: () => this.#choose(track.id),
      })),
    ]);
  }

  /** A track element for each, whose cues the browser reads. */
  #place() {
    for (const element of this.#elements.values()) {
      element.remove();
      element.dispatchEvent(new Event("removed")); // whoever waits for its file waits no longer
    }
    this.#elements.clear();
    for (const track of this.tracks) {
      const element = /** @type {HTMLTrackElement} */ (
        h("track", { kind: track.kind, srclang: track.language, label: trackName(track), src: track.url })
      );
      this.#elements.set(track.id, element);
      this.player.element.append(element);
      element.track.mode = "disabled"; // its file is read once it is needed
    }
  }

  /** @param {string} id of the captions that the transcript is of */
  async #readFrom(id) {
    this.#read = id;
    const captions = this.#captions();
    this.panel.hidden = !id;
    this.language.replaceChildren(
      ...captions.map((track) => h("option", { value: track.id, selected: track.id === id }, trackName(track))),
    );
    this.language.hidden = captions.length < 2;
    const element = this.#elements.get(id);
    const lines = element ? await linesOf(element) : [];
    if (this.#read !== id || (element && this.#elements.get(id) !== element)) return; // another has been chosen meanwhile
    this.#lines = lines;
    need("[data-download]", this.panel).setAttribute("href", this.tracks.find((track) => track.id === id)?.url ?? "");
    need("ol", this.panel).replaceChildren(...this.#lines.map((line) => this.#item(line)));
    this.#filter();
    this.follow();
  }

  async #showChapters() {
    const track = this.tracks.find(({ kind }) => kind === "chapters");
    const element = track && this.#elements.get(track.id);
    const chapters = element ? await linesOf(element) : [];
    if (element && this.#elements.get(track.id) !== element) return; // asked for again meanwhile
    this.chapters = chapters;
    this.parts.hidden = !this.chapters.length;
    need("[data-download]", this.parts).setAttribute("href", track?.url ?? "");
    need("ol", this.parts).replaceChildren(...this.chapters.map((line) => this.#item(line)));
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
        h("span", { class: "time" }, clock(start)),
        h("span", { class: "text", dir: "auto" }, speaker && h("b", {}, `${speaker}: `), text),
      ),
    );
  }

  #filter() {
    const words = plain(this.search.value).split(/\s+/).filter(Boolean);
    let found = 0;
    [...need("ol", this.panel).children].forEach((item, n) => {
      const text = plain(`${this.#lines[n].speaker} ${this.#lines[n].text}`);
      const fits = words.every((word) => text.includes(word));
      /** @type {HTMLElement} */ (item).hidden = !fits;
      found += Number(fits);
    });
    if (words.length) need("ol", this.panel).scrollTop = 0;
    setText(need("[data-found]", this.panel), words.length ? `${counted(found, "line")} found.` : "");
  }
}

/**
 * @param {HTMLTrackElement} element
 * @returns {Promise<Line[]>} in order; none where its file cannot be had
 */
async function linesOf(element) {
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

/** @param {string} text as it is searched: without case and accents */
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * Mark the line that a time is in, and bring it into view.
 * @param {HTMLElement} list with an item for each line
 * @param {Line[]} lines
 * @param {number} time seconds
 */
function mark(list, lines, time) {
  const now = lines.findLastIndex(({ start }) => start <= time + 0.001);
  const current = now >= 0 && time < lines[now].end ? list.children[now]?.firstElementChild : null;
  const before = list.querySelector("[aria-current]");
  if (before === current) return;
  before?.removeAttribute("aria-current");
  current?.setAttribute("aria-current", "true");
  // Whoever reads elsewhere in the list stays there.
  if (!current || list.matches(":hover, :focus-within")) return;
  const item = /** @type {HTMLElement} */ (current.parentElement);
  list.scrollTop = item.offsetTop - list.offsetTop - list.clientHeight / 3;
}
