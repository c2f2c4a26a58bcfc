// The player of an analysis result. It shows one of several films, such as the reel or the source video.

import { requireElement, setIcon, setText } from "../base/dom.js";
import { formatClock, formatDuration } from "../base/format.js";
import { bind, enableShortcuts, labelButton } from "../base/keys.js";
import { html, iconView, mount } from "../base/view.js";
import { storeSound, restoreSound } from "../videos/playback-memory.js";
import { Player } from "../videos/player.js";

/**
 * @typedef {object} Film
 * @property {string} id The value of the film element's `data-film` attribute.
 * @property {string} url
 * @property {number} duration Duration in seconds, used until the browser has loaded the metadata.
 * @property {string|null} [poster]
 * @property {() => Promise<string>} renew Fetches a new URL once the signed URL has expired.
 */

/** Convert a film to the video object that `Player` expects. @param {Film} film @param {string} url */
const toVideo = ({ duration }, url) => {
  const unknown = { hls_url: null, renditions: [], width: 0, height: 0, fps: 0, codec: "", file_size: 0 };
  return /** @type {any} */ ({ ...unknown, video_url: url, duration_exact: duration });
};

/**
 * Return the source video of an analysis; null if it is not available.
 * @param {string} id @param {import("./api.js").Session} session @param {number} duration
 * @param {() => Promise<import("./api.js").Session>} read Reads the analysis again. @returns {Film|null}
 */
export function makeSourceFilm(id, { source }, duration, read) {
  if (!source?.stream_url) return null;
  const renew = async () => (await read()).source?.stream_url ?? "";
  return { id, url: source.stream_url, duration, poster: source.poster_url, renew };
}

/**
 * Show the films of a result in its player. Without films, hide the player and return null.
 * @param {HTMLElement} root @param {(Film|null)[]} films
 */
export function openScreen(root, films) {
  const player = requireElement("[data-screen]", root);
  const found = films.filter((film) => film !== null);
  player.hidden = found.length === 0;
  root.toggleAttribute("data-unseen", found.length === 0);
  return found.length ? new Screen(player, found) : null;
}

/** A player of several films. It dispatches "change" if its state changes, and "time" if its position changes. */
export class Screen extends EventTarget {
  /** @type {Map<string, Player>} */ #players = new Map();
  /** Ids of films whose loading has started. @type {Set<string>} */ #begun = new Set();
  shown = "";

  /** @param {HTMLElement} root @param {Film[]} films */
  constructor(root, films) {
    super();
    this.root = root;
    this.trouble = requireElement("[data-trouble]", root);
    this.drawTrouble = mount(this.trouble);
    for (const film of films) this.#add(film);
    requireElement("[data-act=toggle]", root).addEventListener("click", () => this.player.toggle());
    requireElement("[data-act=mute]", root).addEventListener("click", () => this.player.mute());
    requireElement("[data-act=fullscreen]", root).addEventListener("click", () => this.fullscreen());
    this.show(films[0].id);
    const frame = () => {
      if (this.player.playing) this.#time();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** @param {Film} film */
  #add(film) {
    const element = /** @type {HTMLVideoElement} */ (requireElement(`[data-film=${film.id}]`, this.root));
    const renew = async () => toVideo(film, await film.renew());
    const player = new Player(element, toVideo(film, film.url), { fps: 0, variable: false, renew });
    this.#players.set(film.id, player);
    if (film.poster) element.poster = film.poster;
    element.addEventListener("loadeddata", () => element.removeAttribute("poster"));
    element.addEventListener("click", () => player.toggle());
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

  /** @param {string} id */
  has(id) {
    return this.#players.has(id);
  }

  /** Show a film. If the previous film was playing, the new one plays. @param {string} id @param {number} [at] */
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
    if (!this.player.playing) this.player.play();
  }

  async fullscreen() {
    if (document.fullscreenElement) return document.exitFullscreen();
    if (this.root.requestFullscreen) return this.root.requestFullscreen();
    /** @type {any} */ (this.player.element).webkitEnterFullscreen?.();
  }

  #time() {
    setText(requireElement("[data-now]", this.root), formatClock(this.player.time));
    this.dispatchEvent(new Event("time"));
  }

  #mark() {
    const { root, player } = this;
    const show = (/** @type {string} */ act, /** @type {string} */ icon, /** @type {string} */ label) => {
      const button = requireElement(`[data-act=${act}]`, root);
      setIcon(button, icon);
      labelButton(button, label);
    };
    const isSilent = player.element.muted || player.element.volume === 0;
    show("toggle", player.playing ? "pause" : "play", player.playing ? "Pause" : "Play");
    show("mute", isSilent ? "mute" : "vol", isSilent ? "Unmute" : "Mute");
    setText(requireElement("[data-length]", root), formatDuration(player.duration));
    requireElement("[data-waits]", root).hidden = !player.waits;
    this.trouble.hidden = player.trouble === null;
    this.drawTrouble(player.trouble && this.#troubleView(player.trouble));
    this.dispatchEvent(new Event("change"));
  }

  /** @param {NonNullable<Player["trouble"]>} trouble */
  #troubleView({ title, text, mayMake }) {
    return html`
      ${iconView("alert")}<b role="alert">${title}</b>
      <p class="text-small">
        ${mayMake ? "This browser cannot play this format. Download the video and play it in another program." : text}
      </p>
      <div class="row wrap">
        <button class="btn" type="button" @click=${() => this.player.again()}>${iconView("retry")}Retry</button>
      </div>`;
  }
}

/**
 * Bind the keyboard shortcuts of a result page.
 * @param {Screen|null} screen @param {import("./time-chart.js").TimeChart} chart
 * @param {(time: number) => void} seek @param {import("../base/keys.js").Binding[]} more
 */
export function bindKeys(screen, chart, seek, more = []) {
  const step = bind("step", (event) => seek(chart.stop(event.key === "ArrowRight" ? 1 : -1)));
  const playing = screen && [
    bind("toggle", () => screen.player.toggle()),
    bind("mute", () => screen.player.mute()),
    bind("fullscreen", () => screen.fullscreen()),
  ];
  enableShortcuts([step, ...more, ...(playing ?? [])]);
}
