// The player of an analysis result. It shows one of several films, such as the reel or the source video.

import { h, icon, requireElement, setIcon, setText } from "../base/dom.js";
import { formatClock, formatDuration } from "../base/format.js";
import { labelButton } from "../base/keys.js";
import { storeSound, restoreSound } from "../videos/playback-memory.js";
import { Player } from "../videos/player.js";

/**
 * @typedef {object} Film
 * @property {string} id The value of the film element's `data-film` attribute.
 * @property {string} url
 * @property {number} duration Duration in seconds, used until the browser has loaded the metadata.
 * @property {string} [poster]
 * @property {() => Promise<string>} renew Fetches a new URL once the signed URL has expired.
 */

/**
 * Convert a film to the video object that `Player` expects.
 * @param {Film} film
 * @param {string} url
 */
const toVideo = (film, url) =>
  /** @type {any} */ ({
    video_url: url,
    hls_url: null,
    renditions: [],
    duration_exact: film.duration,
    width: 0,
    height: 0,
    fps: 0,
    codec: "",
    file_size: 0,
  });

/** A player of several films. It dispatches "change" if its state changes, and "time" if its position changes. */
export class Screen extends EventTarget {
  /** @type {Map<string, Player>} */ #players = new Map();
  /** Ids of films whose loading has started. @type {Set<string>} */ #begun = new Set();
  shown = "";
  #told = "";

  /**
   * @param {HTMLElement} root
   * @param {Film[]} films
   */
  constructor(root, films) {
    super();
    this.root = root;
    for (const film of films) this.#add(film);
    requireElement("[data-act=toggle]", root).addEventListener("click", () => this.toggle());
    requireElement("[data-act=mute]", root).addEventListener("click", () => this.mute());
    requireElement("[data-act=fullscreen]", root).addEventListener("click", () => this.fullscreen());
    this.show(films[0].id);
    const frame = () => {
      if (this.playing) this.#time();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** @param {Film} film */
  #add(film) {
    const element = /** @type {HTMLVideoElement} */ (requireElement(`[data-film=${film.id}]`, this.root));
    const player = new Player(element, toVideo(film, film.url), {
      fps: 0,
      variable: false,
      renew: async () => toVideo(film, await film.renew()),
    });
    this.#players.set(film.id, player);
    if (film.poster) element.poster = film.poster;
    element.addEventListener("loadeddata", () => element.removeAttribute("poster"));
    element.addEventListener("click", () => this.toggle());
    element.addEventListener("dblclick", () => this.fullscreen());
    element.addEventListener("volumechange", () => storeSound(element));
    for (const name of ["timeupdate", "seeked", "loadedmetadata"])
      element.addEventListener(name, () => this.shown === film.id && this.#time());
    player.addEventListener("change", () => this.shown === film.id && this.#mark());
  }

  /** @returns {Player} */
  get player() {
    return /** @type {Player} */ (this.#players.get(this.shown));
  }

  get time() {
    return this.player.time;
  }

  get duration() {
    return this.player.duration;
  }

  get playing() {
    return this.player.playing;
  }

  /** @param {string} id @returns {boolean} */
  has(id) {
    return this.#players.has(id);
  }

  /**
   * Show a film. If the previous film was playing, the new one plays.
   * @param {string} id
   * @param {number} [at]
   */
  show(id, at) {
    const next = this.#players.get(id);
    if (!next) return;
    if (this.shown !== id) {
      const before = this.#players.get(this.shown);
      const plays = before?.playing ?? false;
      before?.element.pause();
      this.shown = id;
      for (const [film, player] of this.#players) player.element.hidden = film !== id;
      restoreSound(next.element);
      if (!this.#begun.has(id)) {
        this.#begun.add(id);
        next.begin();
      }
      if (plays) next.play();
    }
    if (at !== undefined) next.seek(at);
    this.#mark();
    this.#time();
  }

  /** @param {number} time */
  seek(time) {
    this.player.seek(time);
    this.#time();
  }

  play() {
    if (!this.playing) this.player.play();
  }

  toggle() {
    this.player.toggle();
  }

  mute() {
    this.player.mute();
  }

  async fullscreen() {
    if (document.fullscreenElement) return document.exitFullscreen();
    if (this.root.requestFullscreen) return this.root.requestFullscreen();
    /** @type {any} */ (this.player.element).webkitEnterFullscreen?.();
  }

  #time() {
    setText(requireElement("[data-now]", this.root), formatClock(this.time));
    this.dispatchEvent(new Event("time"));
  }

  #mark() {
    const { root, player } = this;
    const play = requireElement("[data-act=toggle]", root);
    setIcon(play, player.playing ? "pause" : "play");
    labelButton(play, player.playing ? "Pause" : "Play");
    const mute = requireElement("[data-act=mute]", root);
    const silent = player.element.muted || player.element.volume === 0;
    setIcon(mute, silent ? "mute" : "vol");
    labelButton(mute, silent ? "Unmute" : "Mute");
    setText(requireElement("[data-length]", root), formatDuration(player.duration));
    requireElement("[data-waits]", root).hidden = !player.waits;
    this.#drawTrouble();
    this.dispatchEvent(new Event("change"));
  }

  #drawTrouble() {
    const { trouble } = this.player;
    const place = requireElement("[data-trouble]", this.root);
    place.hidden = trouble === null;
    const told = trouble ? `${this.shown} ${trouble.title}` : "";
    if (told === this.#told) return;
    this.#told = told;
    if (!trouble) return place.replaceChildren();
    const words = trouble.mayMake
      ? "This browser cannot play this format. Download the video and play it in another program."
      : trouble.text;
    place.replaceChildren(
      icon("alert"),
      h("b", { role: "alert" }, trouble.title),
      h("p", { class: "text-small" }, words),
      h(
        "div",
        { class: "row wrap" },
        h("button", { class: "btn", type: "button", onclick: () => this.player.again() }, icon("retry"), "Retry"),
      ),
    );
  }
}
