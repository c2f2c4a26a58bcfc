// A player for the segments of a video, one at a time. It stops on the last frame of a segment.
//
// Browsers show pictures about 30 ms before their sound. When the sound of a segment ends, the video already shows the
// next segment. Therefore, a canvas covers the video near the end, and shows only pictures of the current segment.
// After the end, the player seeks back to the segment's last frame and hides the canvas.

import { Player } from "../videos/player.js";

/**
 * @typedef {{start_time: number, end_time: number, duration: number}} Segment A part of a video, with start, end
 *   and duration in seconds.
 */

const EDGE = 0.002; // tolerance around a segment's start and end, in seconds
const LEAD = 8; // ms before a segment's end at which the player pauses, because pausing takes time
const COVERS = 2; // The canvas covers the video from this many seconds (at the current speed) before a segment's end.
// Some browsers do not reveal the time of the shown picture. Near a segment's end, this picture may then belong to the
// next segment, so the player stops updating the canvas UNSURE seconds (at the current speed) or UNSURE_FRAMES frames
// before the end, whichever is earlier.
const UNSURE = 0.12;
const UNSURE_FRAMES = 2.5;
// maximum ms to wait for a frame callback after a seek; a picture that is already shown causes no callback
const SETTLES = 250;
const PATIENCE = 2000; // maximum ms to wait after a seek for a picture of the segment

/** @param {string} url @param {number} duration */
const toVideo = (url, duration) =>
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

/**
 * A player for segments of a video. Its events:
 * - "change": another segment was chosen, or playing, loading or an error has begun or ended.
 * - "time": the position has changed.
 * - "end": a segment was played to its end.
 */
export class SegmentPlayer extends EventTarget {
  /** Index of the current segment. */ index = 0;
  /** True once the segment was played to its end. */ isOver = false;
  /** True while the segment plays, or loads before playing. */ playing = false;
  /** Duration of a frame in seconds; 0 until two frames were shown. */ #frame = 0;
  /** Previous frame. @type {{time: number, count: number}|null} */ #last = null;
  #timer = 0;
  /** Number of the latest seek, by which older seeks notice that they are obsolete. */ #turn = 0;
  #isSeeking = false;

  /**
   * @param {HTMLVideoElement} element
   * @param {HTMLCanvasElement} still A canvas over the video, hidden except near a segment's end.
   * @param {object} source
   * @param {string} source.url
   * @param {Segment[]} source.segments The segments in the order of the video.
   * @param {number} source.duration The video's duration in seconds.
   * @param {() => Promise<string>} source.renew Returns a new video URL after the signed URL has expired.
   */
  constructor(element, still, { url, segments, duration, renew }) {
    super();
    this.element = element;
    this.still = still;
    /** Canvas that holds a copy of a picture until the picture's time is checked. */
    this.draft = document.createElement("canvas");
    this.segments = segments;
    this.player = new Player(element, toVideo(url, duration), {
      fps: 0,
      variable: false,
      renew: async () => toVideo(await renew(), duration),
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

  begin() {
    this.player.begin();
    this.#go(0, false);
  }

  get segment() {
    return this.segments[this.index];
  }

  /** Position in the segment, in seconds. */
  get time() {
    const { start_time, duration } = this.segment;
    return this.isOver
      ? duration
      : this.#isSeeking
        ? 0
        : Math.min(Math.max(0, this.element.currentTime - start_time), duration);
  }

  /** Play a segment from its first frame. @param {number} [index] */
  play(index = this.index) {
    if (index >= 0 && index < this.segments.length) this.#go(index, true);
  }

  /** Pause or resume; a segment played to its end starts again. */
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

  /**
   * Seek the video. Resolve once the new picture is shown or a newer seek has started.
   * @param {number} time A position in the video, in seconds.
   * @param {number} turn The number of this seek.
   */
  async #seek(time, turn) {
    const { element } = this;
    this.#isSeeking = true;
    this.#last = null;
    element.pause();
    if (element.readyState < HTMLMediaElement.HAVE_METADATA) await waitForEvent(element, "loadedmetadata");
    if (turn !== this.#turn) return;
    element.currentTime = time;
    await waitForEvent(element, "seeked");
    if (turn !== this.#turn) return;
    await this.#onScreen();
    if (turn !== this.#turn) return;
    this.still.hidden = true;
    this.#isSeeking = false;
    this.#time();
  }

  /** Wait until a picture of the segment is on screen, which happens shortly after the event "seeked". */
  async #onScreen() {
    const { element, segment } = this;
    const until = performance.now() + PATIENCE;
    let time = NaN;
    do
      time = await new Promise((done) => {
        setTimeout(() => done(getPictureTime(element)), SETTLES);
        element.requestVideoFrameCallback?.((_, { mediaTime }) => done(mediaTime));
      });
    while ((time < segment.start_time - EDGE || time > segment.end_time - EDGE) && performance.now() < until);
  }

  #run() {
    // Ignore the error if a pause aborts the start. If the browser does not allow playing, show the Play button again.
    this.element.play().catch((error) => error.name === "NotAllowedError" && this.pause());
  }

  /** Handle a start from outside this page, such as by a media key. */
  #begun() {
    if (this.playing) return;
    if (this.isOver) return this.play();
    this.playing = true;
    this.#tell();
  }

  #paused() {
    if (!this.playing || this.#isSeeking || this.element.ended || this.element.error) return;
    this.playing = false;
    this.#tell();
  }

  // Stopping at the end of a segment

  /** Set a timer that pauses the video at the segment's end, as measured by `currentTime`, which follows the sound. */
  #arm() {
    clearTimeout(this.#timer);
    const { element, segment } = this;
    if (element.paused || element.seeking || this.#isSeeking) return;
    const left = ((segment.end_time - element.currentTime) / element.playbackRate) * 1000;
    if (left <= LEAD) this.#stop();
    else this.#timer = window.setTimeout(() => this.#arm(), left - LEAD);
  }

  /** Handle each picture when it is shown. If the browser does not report pictures, use animation frames. */
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

  /**
   * Handle a picture that is now on screen.
   * @param {number} time The picture's position in the video, in seconds.
   * @param {number} count The number of pictures shown so far; 0 if unknown.
   */
  #seen(time, count) {
    const { element, segment } = this;
    // Ignore pictures while paused or seeking: after a reload, the browser first reports the video's first picture.
    if (this.#isSeeking || element.seeking || element.paused) return;
    if (count && this.#last?.count === count - 1 && time > this.#last.time)
      this.#frame = Math.min(this.#frame || Infinity, time - this.#last.time);
    this.#last = { time, count };
    // The picture can be outside the segment: a media key may seek, or the page may hang when the segment ends.
    if (time < segment.start_time - EDGE) return this.play();
    if (time > segment.end_time - EDGE && this.still.hidden) return void this.#stop();
    if (segment.end_time - time <= Math.max(COVERS * element.playbackRate, 2 * UNSURE_FRAMES * this.#frame))
      this.#cover(time);
    else this.still.hidden = true;
    this.#arm();
    this.#time();
  }

  /**
   * Copy the current picture to the canvas, unless the picture may belong to the next segment.
   * @param {number} time The position of the latest picture that the browser reported, in seconds.
   */
  #cover(time) {
    const { element, still, draft, segment } = this;
    drawOnto(draft, element, element.videoWidth, element.videoHeight);
    // Use the later of two positions: `time`, and the current position that the browser returns. The copied picture may
    // be later than `time`. In some browsers, the current position is that of the sound, which lags behind the picture.
    const drawn = Math.max(time, getPictureTime(element));
    const unsure = Math.max(UNSURE * element.playbackRate, UNSURE_FRAMES * this.#frame);
    if (Number.isNaN(drawn) ? time > segment.end_time - unsure : drawn > segment.end_time - EDGE) return;
    drawOnto(still, draft, draft.width, draft.height);
    still.hidden = false;
  }

  /** Stop on the segment's last frame. */
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
function waitForEvent(target, name) {
  return new Promise((done) => target.addEventListener(name, done, { once: true }));
}

/**
 * Return the current picture's position in seconds. Return NaN if the browser does not reveal the position, for example
 * because the video is from another origin.
 * @param {HTMLVideoElement} element
 */
function getPictureTime(element) {
  try {
    const picture = new VideoFrame(element);
    const { timestamp } = picture;
    picture.close();
    return timestamp / 1e6;
  } catch {
    return NaN;
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasImageSource} picture
 * @param {number} width Width of the picture in pixels.
 * @param {number} height Height of the picture in pixels.
 */
function drawOnto(canvas, picture, width, height) {
  // Set the canvas size only if it has changed, because setting it clears the canvas.
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d", { alpha: false })?.drawImage(picture, 0, 0);
}
