// A video player without visible controls.

import { snapToFrame, stepFrames, VARIABLE_GRID } from "../base/frames.js";
import { formatPicture } from "./api.js";

/**
 * @typedef {import("./api.js").Video} Video
 * @typedef {{id: string, label: string, note: string}} Quality A quality for playback. Its id is "original", "auto",
 *   "proxy", or the name of an HLS rendition.
 */

const HLS_TYPE = "application/vnd.apple.mpegurl";
const ORIGINAL = "original";
const AUTO = "auto";
const PROXY = "proxy";
const USUAL_RATE = 30; // assumed frames per second while the frame rate is unknown
const WAITS_AFTER = 400; // ms without a picture after which the player reports that it waits

export class Player extends EventTarget {
  /** Id of the selected quality; empty if none can be played. */
  quality = "";
  /** Playback error for the user. @type {{title: string, text: string, mayMake: boolean}|null} */ trouble = null;
  waits = false;
  /** @type {any} */ #hls = null;
  /** Ids of qualities that this browser failed to play. @type {Set<string>} */ #unplayable = new Set();
  #renewed = false;
  #waitTimer = 0;
  #wantsToPlay = false;

  /**
   * `fps` is the exact frame rate, or 0 if unknown. `variable` is true if the frame rate varies. `renew` fetches the
   * video again, with fresh signed URLs.
   * @param {HTMLVideoElement} element
   * @param {Video} video
   * @param {object} facts
   * @param {number} facts.fps
   * @param {boolean} facts.variable
   * @param {() => Promise<Video>} facts.renew
   */
  constructor(element, video, { fps, variable, renew }) {
    super();
    this.element = element;
    this.video = video;
    this.fps = fps;
    this.variable = variable;
    this.renew = renew;
    const changes = ["play", "pause", "ended", "volumechange", "ratechange", "durationchange", "seeking", "progress"];
    for (const name of changes) element.addEventListener(name, () => this.#tell());
    for (const name of ["waiting", "seeking", "loadstart"]) element.addEventListener(name, () => this.#wait());
    for (const name of ["playing", "canplay", "seeked", "loadeddata", "error", "emptied"])
      element.addEventListener(name, () => this.#waited());
    element.addEventListener("error", () => this.#broke());
    element.addEventListener("resize", () =>
      element.parentElement?.toggleAttribute("data-portrait", element.videoHeight > element.videoWidth),
    );
    // Without the video codec, the browser may play only the sound and report a width of 0.
    element.addEventListener("loadedmetadata", () => element.videoWidth === 0 && this.#fallBack());
  }

  /** @param {number} fps @param {boolean} variable */
  know(fps, variable) {
    this.fps = fps;
    this.variable = variable;
    this.#tell();
  }

  /** @returns {number} */
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

  /** @returns {Quality[]} */
  get qualities() {
    const { video } = this;
    const rungs = video.renditions.filter((rendition) => rendition.kind === "hls");
    const proxy = video.renditions.find((rendition) => rendition.kind === "proxy");
    /** @type {Quality[]} */ const found = [];
    const rate = video.duration_exact && formatBitrate((video.file_size * 8) / video.duration_exact);
    const note = [formatPicture(video), rate].filter(Boolean).join(", ");
    if (video.video_url) found.push({ id: ORIGINAL, label: "Original", note });
    if (video.hls_url) found.push({ id: AUTO, label: "Auto", note: "adapts to your connection" });
    for (const { name, height, bit_rate } of video.hls_url && rungs.length > 1 ? rungs : [])
      found.push({ id: name, label: `${height}p`, note: bit_rate ? formatBitrate(bit_rate) : "" });
    if (proxy) found.push({ id: PROXY, label: "Quick copy", note: `${proxy.height}p, fastest seeking` });
    return found;
  }

  get words() {
    const chosen = this.qualities.find((one) => one.id === this.quality);
    const { videoHeight, videoWidth } = this.element;
    const now = videoHeight ? `${Math.min(videoHeight, videoWidth)}p` : "";
    return [chosen?.label, chosen?.label === now ? "" : now].filter(Boolean).join(", ");
  }

  /** Replace the data of the video without interrupting playback. @param {Video} video */
  adopt(video) {
    this.video = video;
    if (!this.quality) this.begin();
    this.#tell();
  }

  /** Play the best playable quality. */
  begin() {
    const known = new Set(this.qualities.map(({ id }) => id).filter((id) => !this.#unplayable.has(id)));
    const next = [ORIGINAL, AUTO, PROXY].find((id) => known.has(id));
    if (next) return void this.choose(next, false);
    this.quality = "";
    const reason = `This browser does not support ${this.video.codec || "this format"}.`;
    const text = `${reason} A copy can be made that every browser can play. The original is kept.`;
    this.trouble =
      this.#unplayable.size > 0
        ? { title: "This browser cannot play the video", text, mayMake: true }
        : { title: "The video cannot be played yet", text: "The file is still being processed.", mayMake: false };
    this.#tell();
  }

  /**
   * Switch to a quality. A choice by the user (`byHand`) also allows retries of qualities that failed before.
   * @param {string} id
   * @param {boolean} [byHand]
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
    this.#tell(); // show the chosen quality while it loads
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
    // If the browser blocks autoplay or a pause interrupts the start, let the page show that the video is paused.
    this.element.play().catch(() => this.#tell());
  }

  /** @param {number} time */
  seek(time) {
    if (!this.quality) return;
    this.element.currentTime = Math.min(Math.max(0, time), this.duration);
    this.#tell();
  }

  /** @param {number} by */
  frame(by) {
    this.pause();
    const { time, duration } = this;
    const fps = this.fps || USUAL_RATE;
    if (this.variable) return this.seek(snapToFrame(time + by / fps, VARIABLE_GRID, duration));
    this.seek(stepFrames(time, by, fps, duration));
  }

  /** @param {number} speed */
  speed(speed) {
    this.element.playbackRate = speed;
  }

  mute() {
    this.element.muted = !this.element.muted;
  }

  /** @param {number} volume */
  volume(volume) {
    this.element.muted = volume === 0;
    this.element.volume = volume;
  }

  /** @param {number} by */
  louder(by) {
    this.element.muted = false;
    this.element.volume = Math.min(1, Math.max(0, this.element.volume + by));
  }

  /**
   * Load the HLS stream in a quality: "auto", or the name of a rendition. Return whether a source was set.
   * @param {string} id
   * @param {number} at
   * @returns {Promise<boolean>}
   */
  async #stream(id, at) {
    const { element, video } = this;
    const { default: Hls } = await import("../../vendor/hls.js/hls.light.min.js");
    if (this.quality !== id) return false;
    // Playback may have begun while hls.js was imported. Setting a source stops playback, so remember to resume it.
    this.#wantsToPlay ||= this.playing;
    if (!Hls.isSupported()) {
      if (!element.canPlayType(HLS_TYPE)) {
        this.#fallBack();
        return false;
      }
      element.src = video.hls_url ?? "";
      return true;
    }
    // Use no worker, because the page's security policy forbids blob workers. Switch off hls.js's text tracks:
    // otherwise, it would remove all cues from the page's own tracks.
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
    // Stream through this server unless the bucket allows requests from pages.
    hls.loadSource(`${video.hls_url}${"s3Cors" in document.body.dataset ? "" : "?proxy=1"}`);
    hls.attachMedia(element);
    return true;
  }

  /** Handle a load error: an expired URL, a lost network, or an unsupported format. */
  async #broke() {
    const address = this.element.getAttribute("src");
    if (!address || this.#hls) return;
    let status = 0;
    try {
      status = (await fetch(address, { method: "HEAD" })).status;
    } catch {}
    if (this.element.getAttribute("src") !== address) return; // stop: another quality was chosen meanwhile
    if (status === 200) this.#fallBack();
    else this.#lost(status);
  }

  /** Handle a failed download of the video; status 0 means no response. @param {number} status */
  async #lost(status) {
    const id = this.quality;
    this.#wantsToPlay ||= this.playing;
    // Renew expired URLs, at most once a minute. For an expired URL, our server answers 410 or 404, the bucket 403.
    if ([403, 404, 410].includes(status) && !this.#renewed) {
      this.#renewed = true;
      setTimeout(() => (this.#renewed = false), 60_000);
      try {
        this.video = await this.renew();
        return void this.choose(id, false);
      } catch {}
    }
    const failed =
      status >= 500 ? "The server reported an internal error, which has been logged. Try again later." : "";
    this.trouble =
      status === 0
        ? { title: "No connection", text: "Check the network, then try again.", mayMake: false }
        : { title: "The video could not be loaded", text: failed || "Reload the page.", mayMake: false };
    this.#tell();
  }

  /** Mark the quality as unplayable, and try the next. */
  #fallBack() {
    // Without a selected quality, no other quality is left to try.
    if (!this.quality) return;
    this.#wantsToPlay ||= this.playing;
    this.#unplayable.add(this.quality === ORIGINAL || this.quality === PROXY ? this.quality : AUTO);
    this.#hls?.destroy();
    this.#hls = null;
    this.element.removeAttribute("src");
    this.begin();
  }

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

/** @param {number} bits @returns {string} */
function formatBitrate(bits) {
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1000)} kbit/s`;
}
