// The video itself: from which of its forms it is played, and what can be done with it. Knows no button.

import { snap, step, VARIABLE_GRID } from "../base/frames.js";
import { picture } from "./api.js";

/**
 * @typedef {import("./api.js").Video} Video
 * @typedef {{id: string, label: string, note: string}} Quality id: "original", "auto", "proxy", or the name of a rung
 */

const HLS_TYPE = "application/vnd.apple.mpegurl";
const ORIGINAL = "original";
const AUTO = "auto";
const PROXY = "proxy";
const USUAL_RATE = 30; // frames a second, until they are known
const WAITS_AFTER = 400; // ms without a picture before it is said

export class Player extends EventTarget {
  /** What is being played; empty while nothing can be. */
  quality = "";
  /** @type {{title: string, text: string, mayMake: boolean}|null} why nothing is played */ trouble = null;
  waits = false;
  /** @type {any} */ #hls = null;
  /** @type {Set<string>} forms that turned out not to be playable here */ #unplayable = new Set();
  #renewed = false;
  #waitTimer = 0;
  #wantsToPlay = false;

  /**
   * @param {HTMLVideoElement} element
   * @param {Video} video
   * @param {object} facts
   * @param {number} facts.fps exact; 0 until it is known
   * @param {boolean} facts.variable frames of different length
   * @param {() => Promise<Video>} facts.renew the video with fresh addresses
   */
  constructor(element, video, { fps, variable, renew }) {
    super();
    this.element = element;
    this.video = video;
    this.fps = fps;
    this.variable = variable;
    this.renew = renew;
    for (const name of [
      "play",
      "pause",
      "ended",
      "volumechange",
      "ratechange",
      "durationchange",
      "seeking",
      "progress",
    ])
      element.addEventListener(name, () => this.#tell());
    for (const name of ["waiting", "seeking", "loadstart"]) element.addEventListener(name, () => this.#wait());
    for (const name of ["playing", "canplay", "seeked", "loadeddata", "error", "emptied"])
      element.addEventListener(name, () => this.#waited());
    element.addEventListener("error", () => this.#broke());
    // A codec that the browser lacks may still leave it the sound.
    element.addEventListener("resize", () =>
      element.parentElement?.toggleAttribute("data-portrait", element.videoHeight > element.videoWidth),
    );
    element.addEventListener("loadedmetadata", () => element.videoWidth === 0 && this.#fallBack());
  }

  /** @param {number} fps @param {boolean} variable */
  know(fps, variable) {
    this.fps = fps;
    this.variable = variable;
    this.#tell();
  }

  /** @returns {number} seconds */
  get duration() {
    const { duration } = this.element;
    return Number.isFinite(duration) && duration > 0 ? duration : this.video.duration_exact;
  }

  get time() {
    return this.element.currentTime;
  }

  get playing() {
    return !this.element.paused && !this.element.ended;
  }

  /** @returns {Quality[]} what there is to choose from, the best first */
  get qualities() {
    const { video } = this;
    const rungs = video.renditions.filter((rendition) => rendition.kind === "hls");
    const proxy = video.renditions.find((rendition) => rendition.kind === "proxy");
    return [
      ...(video.video_url
        ? [
            {
              id: ORIGINAL,
              label: "Original",
              note: [picture(video), video.duration_exact && rate((video.file_size * 8) / video.duration_exact)]
                .filter(Boolean)
                .join(", "),
            },
          ]
        : []),
      ...(video.hls_url ? [{ id: AUTO, label: "Auto", note: "as the network allows" }] : []),
      ...rungs
        .filter(() => video.hls_url && rungs.length > 1)
        .map((rung) => ({ id: rung.name, label: `${rung.height}p`, note: rung.bit_rate ? rate(rung.bit_rate) : "" })),
      ...(proxy ? [{ id: PROXY, label: "For stepping", note: `${proxy.height}p, seeks fastest` }] : []),
    ];
  }

  /** What is being played, in a word or two. */
  get words() {
    const chosen = this.qualities.find((one) => one.id === this.quality);
    const { videoHeight, videoWidth } = this.element;
    const now = videoHeight ? `${Math.min(videoHeight, videoWidth)}p` : "";
    return [chosen?.label, chosen?.label === now ? "" : now].filter(Boolean).join(", ");
  }

  /** Take over what is known of the video now; what is being played goes on. @param {Video} video */
  adopt(video) {
    this.video = video;
    if (!this.quality) this.begin();
    this.#tell();
  }

  /** Play from the form that does best: the original, unless the browser cannot play that. */
  begin() {
    const next = [ORIGINAL, AUTO, PROXY].find(
      (id) => !this.#unplayable.has(id) && this.qualities.some((one) => one.id === id),
    );
    if (next) return void this.choose(next, false);
    this.quality = "";
    const { video } = this;
    const tried = this.#unplayable.size > 0;
    this.trouble = tried
      ? {
          title: "This browser cannot play it",
          text: `It has no decoder for ${video.codec || "this format"}. A copy that every browser plays can be made; the original stays.`,
          mayMake: true,
        }
      : { title: "It cannot be played yet", text: "Its file is still being put together.", mayMake: false };
    this.#tell();
  }

  /**
   * @param {string} id of a quality
   * @param {boolean} [byHand] what fails then is tried again with everything else
   */
  async choose(id, byHand = true) {
    if (byHand) this.#unplayable.clear();
    const { element, video } = this;
    const [at, speed] = [element.currentTime, element.playbackRate];
    this.#wantsToPlay ||= this.playing;
    this.trouble = null;
    this.quality = id;
    this.#hls?.destroy();
    this.#hls = null;
    this.#tell(); // What has been chosen is shown while it loads.
    const proxy = video.renditions.find((rendition) => rendition.kind === PROXY);
    if (id === ORIGINAL) element.src = video.video_url ?? "";
    else if (id === PROXY && proxy) element.src = proxy.url;
    else if (!(await this.#stream(id, at))) return;
    if (this.quality !== id) return;
    if (at > 0) element.currentTime = at;
    element.playbackRate = speed;
    if (this.#wantsToPlay) this.play();
    this.#wantsToPlay = false;
    this.#tell();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  pause() {
    this.#wantsToPlay = false;
    this.element.pause();
  }

  play() {
    if (this.element.ended || this.time >= this.duration - 0.001) this.element.currentTime = 0;
    // Refused by the browser, or overtaken by a pause: the button shows what came of it.
    this.element.play().catch(() => this.#tell());
  }

  /** @param {number} time seconds */
  seek(time) {
    if (!this.quality) return;
    this.element.currentTime = Math.min(Math.max(0, time), this.duration);
    this.#tell();
  }

  /** @param {number} by frames */
  frame(by) {
    this.pause();
    const { fps, time, duration } = this;
    if (this.variable) return this.seek(snap(time + by / fps, VARIABLE_GRID, duration));
    this.seek(step(time, by, fps || USUAL_RATE, duration));
  }

  /** @param {number} speed */
  speed(speed) {
    this.element.playbackRate = speed;
  }

  mute() {
    this.element.muted = !this.element.muted;
  }

  /** @param {number} volume 0 to 1 */
  volume(volume) {
    this.element.muted = volume === 0;
    this.element.volume = volume;
  }

  /** @param {number} by share, negative is quieter */
  louder(by) {
    this.element.muted = false;
    this.element.volume = Math.min(1, Math.max(0, this.element.volume + by));
  }

  /**
   * @param {string} id "auto" or the name of a rung
   * @param {number} at seconds
   * @returns {Promise<boolean>} whether something plays it
   */
  async #stream(id, at) {
    const { element, video } = this;
    const { default: Hls } = await import("../../vendor/hls.js/hls.light.min.js");
    if (this.quality !== id) return false;
    this.#wantsToPlay ||= this.playing; // begun meanwhile; a new source stops it
    if (!Hls.isSupported()) {
      if (!element.canPlayType(HLS_TYPE)) {
        this.#fallBack();
        return false;
      }
      element.src = video.hls_url ?? "";
      return true;
    }
    // No worker: it would be made from a blob, which the page's policy does not allow.
    // Text tracks are the page's own; its handling of those in the stream would empty them.
    const hls = new Hls({
      enableWorker: false,
      startPosition: at || -1,
      renderTextTracksNatively: false,
      enableCEA708Captions: false,
    });
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      const level = hls.levels.findIndex((/** @type {any} */ one) => one.uri.includes(`/${id}/`));
      if (level >= 0) hls.currentLevel = level;
    });
    hls.on(Hls.Events.LEVEL_SWITCHED, () => this.#tell());
    let mended = false;
    hls.on(Hls.Events.ERROR, (/** @type {string} */ _, /** @type {any} */ error) => {
      if (!error.fatal || this.#hls !== hls) return;
      if (error.type === Hls.ErrorTypes.MEDIA_ERROR && !mended) {
        mended = true;
        hls.recoverMediaError();
      } else if (error.type === Hls.ErrorTypes.NETWORK_ERROR) this.#lost(error.response?.code ?? 0);
      else this.#fallBack();
    });
    // Through the program's own doors, wherever the bytes lie, unless the bucket answers scripts.
    hls.loadSource(`${video.hls_url}${"s3Cors" in document.body.dataset ? "" : "?proxy=1"}`);
    hls.attachMedia(element);
    return true;
  }

  /** The element gave up: its address may have run out, the network may be gone, or it cannot play this. */
  async #broke() {
    const address = this.element.getAttribute("src");
    if (!address || this.#hls) return;
    let status = 0;
    try {
      status = (await fetch(address, { method: "HEAD" })).status;
    } catch {
      // No answer.
    }
    if (this.element.getAttribute("src") !== address) return; // another form has taken its place
    if (status === 200) this.#fallBack();
    else this.#lost(status);
  }

  /**
   * What is to be played cannot be had.
   * @param {number} status 0 without an answer
   */
  async #lost(status) {
    const id = this.quality;
    this.#wantsToPlay ||= this.playing;
    // Addresses are good for some hours: a page that stood open longer gets new ones, once.
    // The program says 410 or 404 of one that has run out, a bucket 403.
    if ([403, 404, 410].includes(status) && !this.#renewed) {
      this.#renewed = true;
      try {
        this.video = await this.renew();
        setTimeout(() => (this.#renewed = false), 60_000);
        return void this.choose(id, false);
      } catch {
        // Said below.
      }
    }
    this.trouble =
      status === 0
        ? { title: "No connection", text: "What is loaded stays. Check the network, then play on.", mayMake: false }
        : {
            title: "It cannot be loaded",
            text: status >= 500 ? "The fault is ours and has been noted. Try again in a while." : "Reload the page.",
            mayMake: false,
          };
    this.#tell();
  }

  /** Try the next form of it. */
  #fallBack() {
    // The same failure may be told twice: nothing is being played by the second time.
    if (!this.quality) return;
    this.#wantsToPlay ||= this.playing;
    this.#unplayable.add(this.quality === ORIGINAL || this.quality === PROXY ? this.quality : AUTO);
    this.#hls?.destroy();
    this.#hls = null;
    this.element.removeAttribute("src");
    this.begin();
  }

  /** Try what is being played once more. */
  again() {
    if (this.quality) this.choose(this.quality);
    else this.begin();
  }

  #wait() {
    clearTimeout(this.#waitTimer);
    this.#waitTimer = window.setTimeout(() => {
      this.waits = this.element.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || this.element.seeking;
      this.#tell();
    }, WAITS_AFTER);
  }

  #waited() {
    clearTimeout(this.#waitTimer);
    if (!this.waits) return;
    this.waits = false;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {number} bits a second @returns {string} */
export function rate(bits) {
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1000)} kbit/s`;
}
