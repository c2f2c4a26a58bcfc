// A video of a comparison: element, place on the timeline, measured position, and seeks.

import { VARIABLE_GRID, frameOfMediaTime, snapToFrame } from "../../base/frames.js";
import { FIRST_LEAD, updateLead, findMedian } from "./drift-policy.js";
import { toGlobalTime, isRunning, getRate, toVideoTime, toTimeWithinVideo } from "../../base/timeline.js";

// If the time of the last reported frame differs from the current time by more than this many frames, another frame is
// shown by now.
const OLD_FRAMES = 3;
const SAMPLES = 8;
const SAMPLE_AGE = 1000;
const SEEK_PATIENCE = 8000;
const FRAME_PATIENCE = 250;

/**
 * @typedef {object} TrackInit
 * @property {string} id
 * @property {HTMLVideoElement} video
 * @property {import("../../base/timeline.js").Placement} placement
 * @property {number} duration The video's duration in seconds.
 * @property {number} fps
 * @property {boolean} [variable] True for a variable frame rate; `fps` is then the mean.
 */

export class Track {
  /** @type {{at: number, time: number}[]} */ #samples = [];
  #callback = 0;
  #seekToken = 0;

  /** @param {TrackInit} init */
  constructor({ id, video, placement, duration, fps, variable = false }) {
    this.id = id;
    this.video = video;
    this.placement = placement;
    this.duration = duration;
    this.fps = fps;
    this.variable = variable;
    /** Number of seek positions per second: the frame rate, or a fixed number if the frame rate varies. */
    this.grid = variable ? VARIABLE_GRID : fps;
    /** True if the video is unlinked from the shared clock. */
    this.free = false;
    /** True if the browser cannot play the video; the other videos continue. */
    this.failed = video.error !== null || showsNothing(video);
    /** Seconds by which the video is ahead of the leading video; null if unknown. */
    this.outOfStep = /** @type {number|null} */ (null);
    /** Factor of the video's speed that corrects a sync error; 1 if none is corrected. */
    this.factor = 1;
    this.lead = FIRST_LEAD;
    this.coolUntil = 0;
    this.starvedSince = 0;
    /** Start time of the frame on screen, in seconds; null if unknown. */
    this.mediaTime = /** @type {number|null} */ (null);
    this.seeks = 0;
    video.addEventListener("error", () => (this.failed = true));
    video.addEventListener("loadedmetadata", () => {
      if (showsNothing(video)) video.dispatchEvent(new Event("error"));
    });
    this.#watch();
  }

  get time() {
    return this.video.currentTime;
  }

  get offset() {
    return this.placement.offset;
  }

  /** Time on the shared clock at which the video begins, in seconds. */
  get begin() {
    return toGlobalTime(0, this.placement);
  }

  get end() {
    return toGlobalTime(this.duration, this.placement);
  }

  /** @param {number} time */
  globalTime(time) {
    return toGlobalTime(time, this.placement);
  }

  /** Convert a time on the shared clock to a position, which may lie outside the video. @param {number} T */
  timeAt(T) {
    return toVideoTime(T, this.placement);
  }

  /**
   * The time of the shown frame, in seconds. If the browser has not reported the frame after a seek, this is the video's
   * current time.
   */
  get shownTime() {
    const isOld =
      !this.variable && this.mediaTime !== null && Math.abs(this.mediaTime - this.time) > OLD_FRAMES / this.fps;
    return this.mediaTime === null || isOld ? this.time : this.mediaTime;
  }

  get frame() {
    const { shownTime } = this;
    return shownTime === this.mediaTime
      ? frameOfMediaTime(shownTime, this.fps)
      : Math.floor(shownTime * this.fps + 1e-6);
  }

  get ready() {
    return this.video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA && !this.video.seeking;
  }

  /** @param {number} T */
  runsAt(T) {
    return !this.failed && !this.free && !this.video.ended && isRunning(T, this);
  }

  /**
   * Return the position of the frame to show at a time on the shared clock. Before the video's start, this is the first
   * frame, and after its end, the last.
   * @param {number} T
   */
  placeAt(T) {
    return snapToFrame(toTimeWithinVideo(T, this), this.grid, this.duration);
  }

  /**
   * Seek to a position in seconds, and wait for a limited time until the frame is on screen. Return false if a later
   * seek replaced this one, or if the video failed.
   * @param {number} time
   * @returns {Promise<boolean>}
   */
  async seek(time) {
    const token = ++this.#seekToken;
    this.#samples = [];
    if (this.failed) return false;
    if (Math.abs(this.video.currentTime - time) < 1e-4 && this.ready) return true;
    const arrived = waitForEvent(this.video, ["seeked", "error"], SEEK_PATIENCE);
    const shown = this.#nextFrame();
    this.video.currentTime = time;
    await arrived;
    if (token !== this.#seekToken || this.failed) return false;
    await Promise.race([shown, wait(FRAME_PATIENCE)]);
    if (this.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) {
      await waitForEvent(this.video, ["canplay", "error"], SEEK_PATIENCE);
    }
    return token === this.#seekToken && !this.failed;
  }

  /**
   * Seek while the video plays. Because the seek takes time, seek ahead of the current position by the estimated
   * duration of the seek, then update this estimate. `target` returns the current position in seconds.
   * @param {() => number} target
   * @param {number} speed
   */
  async jump(target, speed) {
    const token = ++this.#seekToken;
    const lead = this.lead;
    this.seeks += 1;
    this.#samples = [];
    const arrived = waitForEvent(this.video, ["seeked", "error"], SEEK_PATIENCE);
    this.video.currentTime = Math.min(Math.max(target() + lead * speed, 0), this.duration);
    await arrived;
    await wait(FRAME_PATIENCE);
    if (token !== this.#seekToken || this.failed) return;
    this.lead = updateLead(lead, (this.video.currentTime - target()) / speed);
    this.#samples = [];
  }

  /**
   * Set the playback speed; 1 is normal. `group` is the speed of all videos, which is adjusted for this video's clock
   * drift.
   * @param {number} group
   */
  setSpeed(group) {
    const speed = group * getRate(this.placement);
    if (Math.abs(this.video.playbackRate - speed) < 1e-9) return;
    this.video.playbackRate = speed;
    this.#samples = [];
  }

  /**
   * Return the current position in seconds: the median of recent frame times, each extrapolated to now. A hidden tab or
   * pane reports no frames, so return its `currentTime`.
   * @param {number} now
   * @returns {number}
   */
  measure(now) {
    const fresh = this.#samples.filter((s) => now - s.at < SAMPLE_AGE);
    if (fresh.length < 3) return this.video.currentTime;
    return findMedian(fresh.map((s) => s.time + ((now - s.at) / 1000) * this.video.playbackRate));
  }

  /**
   * @param {string} url
   */
  reload(url) {
    this.failed = false;
    this.mediaTime = null;
    this.#samples = [];
    this.video.src = url;
    this.video.load();
  }

  forget() {
    this.#samples = [];
  }

  dispose() {
    this.video.cancelVideoFrameCallback?.(this.#callback);
  }

  #watch() {
    const frame = (/** @type {number} */ _now, /** @type {VideoFrameCallbackMetadata} */ metadata) => {
      this.mediaTime = metadata.mediaTime;
      if (!this.video.paused && !this.video.seeking) {
        this.#samples.push({ at: performance.now(), time: this.video.currentTime });
        if (this.#samples.length > SAMPLES) this.#samples.shift();
      }
      this.#callback = this.video.requestVideoFrameCallback(frame);
    };
    this.#callback = this.video.requestVideoFrameCallback(frame);
  }

  #nextFrame() {
    return new Promise((resolve) => this.video.requestVideoFrameCallback(resolve));
  }
}

/** @param {number} ms */
function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Resolve when one of several events fires, or after a timeout in ms.
 * @param {EventTarget} target
 * @param {string[]} names
 * @param {number} patience
 */
function waitForEvent(target, names, patience) {
  return new Promise((resolve) => {
    const end = new AbortController();
    const done = () => {
      end.abort();
      clearTimeout(timer);
      resolve(undefined);
    };
    const timer = setTimeout(done, patience);
    for (const name of names) target.addEventListener(name, done, { signal: end.signal });
  });
}

/** Return whether the browser cannot decode the picture and plays only the sound. @param {HTMLVideoElement} video */
function showsNothing(video) {
  return video.readyState >= HTMLMediaElement.HAVE_METADATA && video.videoWidth === 0;
}
