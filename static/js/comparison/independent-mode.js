// Independent mode (`sync_mode`): each video has its own clock, shared by all viewers.

import { debounce } from "../base/dom.js";
import { snapToFrame } from "../base/frames.js";
import { getRate } from "../base/timeline.js";

const LOOK = 250; // ms between two checks of the videos' positions
const OFF = 0.3; // maximum seconds between a playing video and its clock; larger differences cause a seek
const COOL_DOWN = 1500; // minimum ms between two corrective seeks of a playing video
const SEEK_PAUSE = 100; // ms to wait for another seek before a seek is sent to the server
const END = 0.05; // a video counts as ended from this many seconds before its end
const NEAR = 1e-3; // maximum seconds between a paused video and its clock; larger differences cause a seek

/** @typedef {import("./playback/track.js").Track} Track */
/**
 * @typedef {{from: number, since: number, playing: boolean, rate: number}} Clock The clock of one video. At the
 *   server's time `since` (seconds since 1970), the video was at the position `from` (seconds).
 */

export class OneByOne extends EventTarget {
  isOn = false;
  /** @type {Map<string, Clock>} */ #clocks = new Map();
  /** Time of each video's last corrective seek, in ms of `performance.now()`. @type {Map<string, number>} */
  #soughtAt = new Map();
  /** @type {Map<string, () => void>} */ #senders;

  /**
   * @param {object} parts
   * @param {Track[]} parts.tracks
   * @param {import("./playback/controller.js").SyncController} parts.controller
   * @param {ReturnType<typeof import("../base/api.js").sessionUrl>} parts.api
   * @param {import("./session-sync.js").Remote} parts.remote
   */
  constructor({ tracks, controller, api, remote }) {
    super();
    this.tracks = tracks;
    this.controller = controller;
    this.api = api;
    this.remote = remote;
    const send = (/** @type {Track} */ track) => remote.send(() => api.seekVod(track.id, this.#now(track)));
    this.#senders = new Map(tracks.map((track) => [track.id, debounce(() => send(track), SEEK_PAUSE)]));
    setInterval(() => this.isOn && tracks.forEach((track) => this.#look(track)), LOOK);
  }

  /** @param {any} session */
  adopt(session) {
    const isOn = session.sync_mode === "independent";
    const isChanged = isOn !== this.isOn;
    for (const { id, free } of this.tracks) if (isOn ? !free : isChanged) this.controller.setFree(id, isOn);
    this.isOn = isOn;
    if (!isChanged) return;
    if (isOn) {
      this.#clocks.clear();
      this.receive({ session, at: this.remote.serverNow });
    }
    this.dispatchEvent(new Event("change"));
  }

  /** Apply the videos' clocks that the server sent. @param {{session: any, at: number}} message */
  receive({ session, at }) {
    for (const { vod_id: id, current_time: from, playback_state: state, rate } of session.vods)
      this.#clocks.set(id, { from, since: at, playing: state === "playing", rate });
    for (const track of this.tracks) this.#look(track);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} id */
  isPlaying(id) {
    return this.#clocks.get(id)?.playing ?? false;
  }

  /** @param {string} id */
  rate(id) {
    return this.#clocks.get(id)?.rate ?? 1;
  }

  /** @param {string} id */
  toggle(id) {
    const track = this.controller.track(id);
    const playing = !this.isPlaying(id);
    const isEnded = track.time >= track.duration - END;
    // Pause in the middle of a frame: at its border, viewers could see different frames.
    const stand = snapToFrame(track.time, track.grid, track.duration);
    this.#play(track, { playing, from: playing ? (isEnded ? 0 : track.time) : stand });
  }

  /** @param {string} id @param {number} rate */
  setRate(id, rate) {
    const track = this.controller.track(id);
    this.#play(track, { rate, from: track.time });
  }

  /**
   * Seek one video. Only the last of several quick seeks is sent to the server.
   * @param {string} id
   * @param {number} time A position in the video, in seconds.
   */
  seek(id, time) {
    const track = this.controller.track(id);
    const from = Math.min(Math.max(time, 0), track.duration);
    this.#set(track, { from });
    this.#soughtAt.delete(id);
    this.#look(track, true);
    if (!this.remote.isApart) this.#senders.get(id)?.();
  }

  /** @param {Track} track @param {Partial<Clock>} change */
  #play(track, change) {
    this.#set(track, change);
    this.#look(track, true);
    this.dispatchEvent(new Event("change"));
    if (this.remote.isApart) return;
    const { playing, rate } = this.#clock(track);
    const state = playing ? "playing" : "paused";
    this.remote.send(() => this.api.vodPlayback(track.id, { state, rate, at: this.#now(track) }));
  }

  /** @param {Track} track @param {Partial<Clock>} change */
  #set(track, change) {
    this.#clocks.set(track.id, { ...this.#clock(track), ...change, since: this.remote.serverNow });
  }

  /** @param {Track} track @returns {Clock} */
  #clock(track) {
    return this.#clocks.get(track.id) ?? { from: track.time, since: this.remote.serverNow, playing: false, rate: 1 };
  }

  /** Return the video's position according to its clock, in seconds. @param {Track} track */
  #now(track) {
    const { from, since, playing, rate } = this.#clock(track);
    const passed = playing ? (this.remote.serverNow - since) * rate * getRate(track.placement) : 0;
    return Math.min(Math.max(from + passed, 0), track.duration);
  }

  /**
   * Make a video follow its clock: play or pause it, and seek it if its position differs from the clock.
   * @param {Track} track
   * @param {boolean} [wasMoved]
   */
  #look(track, wasMoved = false) {
    const { video } = track;
    const { playing, rate, from } = this.#clock(track);
    const now = this.#now(track);
    if (!playing || now >= track.duration - END) {
      if (!video.paused) video.pause();
      const stand = snapToFrame(playing ? now : from, track.grid, track.duration);
      // Seek to the middle of the frame: near its start, the browser may show the previous frame.
      if (!video.seeking && Math.abs(video.currentTime - stand) > NEAR) track.seek(stand);
      return;
    }
    video.playbackRate = rate;
    const isCool = performance.now() - (this.#soughtAt.get(track.id) ?? -COOL_DOWN) >= COOL_DOWN;
    const isOff = Math.abs(video.currentTime - now) > (wasMoved ? END : OFF);
    if (isOff && !video.seeking && (isCool || wasMoved)) {
      this.#soughtAt.set(track.id, performance.now());
      video.currentTime = now;
    }
    if (video.paused) video.play().catch(() => {}); // browsers may refuse sound before the first click or key
  }
}
