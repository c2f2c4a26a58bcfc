// Plays one part of a video at a time: from its first frame to its last, where it stands still by itself. Knows no
// button; from where the element has its bytes the watch page's player knows.
//
// A browser hands pictures to the screen some 30 ms before their sound is heard, and goes on doing so while the page is
// busy: whoever pauses at the end of what is heard has seen the next part begin. Before the end of a part a canvas is
// therefore laid over the video, onto which only pictures of that part are drawn; then the last frame itself is gone to.

import { Player } from "../videos/player.js";

/** @typedef {{start_time: number, end_time: number, duration: number}} Segment seconds on the scale of currentTime */

const EDGE = 0.002; // s: a time on the border of two frames shows either, one this far inside the right one
const LEAD = 8; // ms before the end of a part's sound at which it is paused: a pause takes a moment to be one
const COVERS = 2; // s before the end of a part from which the canvas is there: a page may be busy for about as long
const UNSURE = 0.12; // s before that end after which nothing is drawn, where a browser does not say which picture it gives
const UNSURE_FRAMES = 2.5; // as many frames at least
const SETTLES = 250; // ms after a seek in which its picture is on screen: of one that is there already nothing is told
const PATIENCE = 2000; // ms after a seek at the most, where it is told that the picture is another

/** What the player needs to know of a video, of a challenge's. @param {string} url @param {number} duration */
const asVideo = (url, duration) =>
  /** @type {any} */ ({
    video_url: url,
    hls_url: null,
    renditions: [],
    duration_exact: duration,
    width: 0,
    height: 0,
    fps: 0,
    codec: "",
    file_size: 0,
  });

/** Tells "change" when something is pressed, loaded or over, "time" while it goes on, "end" when a part has been seen. */
export class SegmentPlayer extends EventTarget {
  /** Which part it is at, from 0. */ index = 0;
  /** Whether that part has come to its end and stands there. */ isOver = false;
  /** Whether it plays, or will as soon as it can. */ playing = false;
  /** Seconds from a frame to the next; 0 until two have been seen. */ #frame = 0;
  /** @type {{time: number, count: number}|null} the frame before */ #last = null;
  #timer = 0;
  /** Counts what was asked for: of two seeks the last counts. */ #turn = 0;
  #isSeeking = false;

  /**
   * @param {HTMLVideoElement} element
   * @param {HTMLCanvasElement} still lies over it, hidden
   * @param {object} source
   * @param {string} source.url
   * @param {Segment[]} source.segments in the order of the video
   * @param {number} source.duration seconds
   * @param {() => Promise<string>} source.renew its address again: a signed one runs out
   */
  constructor(element, still, { url, segments, duration, renew }) {
    super();
    this.element = element;
    this.still = still;
    /** Where a picture is drawn before it is known which it was. */
    this.draft = document.createElement("canvas");
    this.segments = segments;
    this.player = new Player(element, asVideo(url, duration), {
      fps: 0,
      variable: false,
      renew: async () => asVideo(await renew(), duration),
    });
    this.player.addEventListener("change", () => this.#tell());
    element.addEventListener("play", () => this.#begun());
    for (const name of ["playing", "seeked", "ratechange", "timeupdate"])
      element.addEventListener(name, () => this.#arm());
    for (const name of ["pause", "waiting", "emptied", "seeking"])
      element.addEventListener(name, () => clearTimeout(this.#timer));
    element.addEventListener("pause", () => this.#paused());
    element.addEventListener("ended", () => this.#stop());
    this.#watch();
  }

  /** Have the video, standing at the first part's first frame. */
  begin() {
    this.player.begin();
    this.#go(0, false);
  }

  get segment() {
    return this.segments[this.index];
  }

  /** Seconds into the part. */
  get time() {
    const { start_time, duration } = this.segment;
    return this.isOver
      ? duration
      : this.#isSeeking
        ? 0
        : Math.min(Math.max(0, this.element.currentTime - start_time), duration);
  }

  /** Play a part from its first frame. @param {number} [index] */
  play(index = this.index) {
    if (index >= 0 && index < this.segments.length) this.#go(index, true);
  }

  /** Pause, or go on; from the start where it is over. */
  toggle() {
    if (this.playing) return this.pause();
    if (this.isOver) return this.play();
    this.playing = true;
    this.#tell();
    if (!this.#isSeeking) this.#run();
  }

  pause() {
    this.playing = false;
    this.element.pause();
    this.#tell();
  }

  /** Try once more what could not be had. */
  again() {
    this.player.again();
  }

  /** @param {number} index @param {boolean} plays */
  async #go(index, plays) {
    const turn = ++this.#turn;
    Object.assign(this, { index, isOver: false, playing: plays });
    this.#tell();
    await this.#seek(this.segments[index].start_time + EDGE, turn);
    if (turn === this.#turn && this.playing) this.#run();
  }

  /** @param {number} time seconds @param {number} turn resolves once its picture is on screen, or another was asked for */
  async #seek(time, turn) {
    const { element } = this;
    this.#isSeeking = true;
    this.#last = null;
    element.pause();
    if (element.readyState < HTMLMediaElement.HAVE_METADATA) await heard(element, "loadedmetadata");
    if (turn !== this.#turn) return;
    element.currentTime = time;
    await heard(element, "seeked");
    if (turn !== this.#turn) return;
    await this.#onScreen();
    if (turn !== this.#turn) return;
    this.still.hidden = true;
    this.#isSeeking = false;
    this.#time();
  }

  /** Wait until a picture of the part is to be seen: a seek has ended a moment before. */
  async #onScreen() {
    const { element, segment } = this;
    const until = performance.now() + PATIENCE;
    let time = NaN;
    do
      time = await new Promise((done) => {
        setTimeout(() => done(timeOf(element)), SETTLES);
        element.requestVideoFrameCallback?.((_, { mediaTime }) => done(mediaTime));
      });
    while ((time < segment.start_time - EDGE || time > segment.end_time - EDGE) && performance.now() < until);
  }

  #run() {
    // Overtaken by a pause it needs nothing; where the browser refuses, the button shows it.
    this.element.play().catch((error) => error.name === "NotAllowedError" && this.pause());
  }

  /** It plays: because it was asked to here, or by a key of the keyboard that knows nothing of parts. */
  #begun() {
    if (this.playing) return;
    if (this.isOver) return this.play();
    this.playing = true;
    this.#tell();
  }

  /** It stands: likewise. Where it is broken it goes on by itself. */
  #paused() {
    if (!this.playing || this.#isSeeking || this.element.ended || this.element.error) return;
    this.playing = false;
    this.#tell();
  }

  // The end of a part

  /** Stop in time, by the clock of what is heard. */
  #arm() {
    clearTimeout(this.#timer);
    const { element, segment } = this;
    if (element.paused || element.seeking || this.#isSeeking) return;
    const left = ((segment.end_time - element.currentTime) / element.playbackRate) * 1000;
    if (left <= LEAD) this.#stop();
    else this.#timer = window.setTimeout(() => this.#arm(), left - LEAD);
  }

  /** Look at each picture that is handed to the screen; where a browser does not tell of them, whenever it draws. */
  #watch() {
    const { element } = this;
    if (!element.requestVideoFrameCallback) {
      const frame = () => {
        requestAnimationFrame(frame);
        this.#seen(element.currentTime, 0);
      };
      return void requestAnimationFrame(frame);
    }
    const frame = (
      /** @type {number} */ _,
      /** @type {VideoFrameCallbackMetadata} */ { mediaTime, presentedFrames },
    ) => {
      element.requestVideoFrameCallback(frame);
      this.#seen(mediaTime, presentedFrames);
    };
    element.requestVideoFrameCallback(frame);
  }

  /** @param {number} time seconds, of the picture @param {number} count its number among all that were shown, 0 without one */
  #seen(time, count) {
    const { element, segment } = this;
    // Where the video is loaded again, its very first picture comes before the one that is gone on from.
    if (this.#isSeeking || element.seeking || element.paused) return;
    if (count && this.#last?.count === count - 1 && time > this.#last.time)
      this.#frame = Math.min(this.#frame || Infinity, time - this.#last.time);
    this.#last = { time, count };
    // Something that knows nothing of parts has moved it into another, or nothing here was run for a while.
    if (time < segment.start_time - EDGE) return this.play();
    if (time > segment.end_time - EDGE && this.still.hidden) return void this.#stop();
    if (segment.end_time - time <= Math.max(COVERS * element.playbackRate, 2 * UNSURE_FRAMES * this.#frame))
      this.#cover(time);
    else this.still.hidden = true;
    this.#arm();
    this.#time();
  }

  /** Draw what is on screen onto the canvas, unless it may be of the next part. @param {number} time seconds, of what was told last */
  #cover(time) {
    const { element, still, draft, segment } = this;
    drawOnto(draft, element, element.videoWidth, element.videoHeight);
    // Looked at afterwards: while it was drawn the next may have come. (Some browsers give the time of the sound, which is late.)
    const drawn = Math.max(time, timeOf(element));
    const unsure = Math.max(UNSURE * element.playbackRate, UNSURE_FRAMES * this.#frame);
    if (Number.isNaN(drawn) ? time > segment.end_time - unsure : drawn > segment.end_time - EDGE) return;
    drawOnto(still, draft, draft.width, draft.height);
    still.hidden = false;
  }

  /** Stand still on the part's last frame. */
  async #stop() {
    if (this.#isSeeking || this.isOver) return;
    const turn = ++this.#turn;
    Object.assign(this, { isOver: true, playing: false });
    const seeking = this.#seek(this.segment.end_time - EDGE, turn);
    this.dispatchEvent(new Event("end"));
    this.#tell();
    await seeking;
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  #time() {
    this.dispatchEvent(new Event("time"));
  }
}

/** @param {EventTarget} target @param {string} name */
function heard(target, name) {
  return new Promise((done) => target.addEventListener(name, done, { once: true }));
}

/** The time of the picture that a video gives now, seconds; NaN where a browser does not say, or not of another origin's. @param {HTMLVideoElement} element */
function timeOf(element) {
  try {
    const picture = new VideoFrame(element);
    const { timestamp } = picture;
    picture.close();
    return timestamp / 1e6;
  } catch {
    return NaN;
  }
}

/** @param {HTMLCanvasElement} canvas @param {CanvasImageSource} picture @param {number} width pixels @param {number} height */
function drawOnto(canvas, picture, width, height) {
  // A canvas whose size is set is made again, though it be the same.
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d", { alpha: false })?.drawImage(picture, 0, 0);
}
