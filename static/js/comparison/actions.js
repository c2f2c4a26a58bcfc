// Actions of the comparison page. Each action changes the local players first, then informs the server.

import { debounce } from "../base/dom.js";
import { formatCount } from "../base/format.js";
import { explainError, showToast } from "../base/notice.js";
import { stepFrames } from "../base/frames.js";
import { saveFrames } from "./save-frames.js";

const SPEEDS = [0.25, 0.5, 1, 2];
const OFFSETS_PAUSE = 400;
const RETRY_PAUSE = 60_000;
const PAUSE_TO_WRITE = "vod-pause-to-write";

/** @typedef {import("../base/timeline.js").Placement} Placement */

/** @param {number} seconds */
const roundToMicroseconds = (seconds) => Math.round(seconds * 1e6) / 1e6;

export class Actions extends EventTarget {
  /** @type {Map<string, number>} */ #unsent = new Map();
  // Each video's placement on the shared clock before its first unsent change, for undo.
  /** @type {Map<string, Placement>} */ #before = new Map();
  /** @type {Map<string, number>} */ #retried = new Map();
  /** @type {string|null} */ #heard = null;
  /**
   * How this page paused playback while the user writes; "" if it did not.
   * - "alone": this page left the shared clock, because the user may not move the clock.
   * - "shared": this page paused playback as the Pause button does.
   * @type {""|"shared"|"alone"}
   */
  #paused = "";

  /**
   * @param {object} parts
   * @param {import("./playback/controller.js").SyncController} parts.controller
   * @param {import("./independent-mode.js").OneByOne} parts.oneByOne
   * @param {import("./session-sync.js").Remote} parts.remote
   * @param {ReturnType<typeof import("../base/api.js").sessionUrl>} parts.api
   * @param {import("./layout.js").View} parts.view
   * @param {import("./panes.js").Pane[]} parts.panes
   * @param {string} parts.name the comparison's name
   * @param {(factor: number) => void} parts.zoomTimeline
   * @param {import("./fullscreen.js").Screen} parts.screen
   */
  constructor({ controller, oneByOne, remote, api, view, panes, name, zoomTimeline, screen }) {
    super();
    this.controller = controller;
    this.oneByOne = oneByOne;
    this.remote = remote;
    this.api = api;
    this.view = view;
    this.panes = panes;
    this.name = name;
    this.zoomTimeline = zoomTimeline;
    this.screen = screen;
    this.touchedId = controller.mainId;
    this.loop = /** @type {{from: number|null, to: number|null}} */ ({ from: null, to: null });
    this.sendOffsets = debounce(() => this.#sendOffsets(), OFFSETS_PAUSE);
    for (const { track } of panes) {
      track.video.addEventListener("error", () => this.#failed(track.id));
      if (track.failed) this.#failed(track.id);
    }
  }

  get touched() {
    return this.panes.find((p) => p.id === this.touchedId) ?? this.panes[0];
  }

  /** Offsets changed on this page that the server has not confirmed. */
  get unsent() {
    return this.#unsent;
  }

  /** @param {string} id */
  focus(id) {
    if (this.touchedId === id) return;
    this.touchedId = id;
    if (this.oneByOne.isOn) this.#changed();
  }

  /** True if the videos play. In independent mode, only the video that the user touched last counts. */
  get isPlaying() {
    return this.oneByOne.isOn ? this.oneByOne.isPlaying(this.touched.id) : this.controller.wanted === "playing";
  }

  get rate() {
    return this.oneByOne.isOn ? this.oneByOne.rate(this.touched.id) : this.controller.rate;
  }

  get pausesToWrite() {
    try {
      return localStorage.getItem(PAUSE_TO_WRITE) !== "off";
    } catch {
      return true;
    }
  }

  set pausesToWrite(isOn) {
    try {
      localStorage.setItem(PAUSE_TO_WRITE, isOn ? "on" : "off");
    } catch {
      // Ignore the error: without local storage, the setting keeps its default, which is to pause while writing.
    }
  }

  /**
   * Pause playback for all viewers while the user writes, unless `pausesToWrite` is false. For a user who may not move
   * the clock, pause only this page.
   */
  pauseToWrite() {
    const { controller, remote } = this;
    if (!this.pausesToWrite || this.oneByOne.isOn || controller.wanted !== "playing") return;
    this.#paused = remote.isReadOnly && remote.following ? "alone" : "shared";
    if (this.#paused === "alone") remote.follow(false);
    controller.pause();
    remote.played();
  }

  /** Resume playback after writing, unless another viewer has moved the clock since. */
  playAfterWriting() {
    const { controller, remote } = this;
    const field = /** @type {HTMLInputElement|null} */ (document.activeElement);
    if (field && "words" in field.dataset && field.value.trim() && field.value !== field.dataset.saved) return;
    const paused = this.#paused;
    this.#paused = "";
    if (paused === "alone" && !remote.following) remote.follow(true);
    if (paused !== "shared" || controller.wanted === "playing" || !remote.mayResume) return;
    controller.play();
    remote.played();
  }

  async toggle() {
    this.#paused = "";
    if (this.oneByOne.isOn) return this.oneByOne.toggle(this.touched.id);
    if (this.controller.wanted === "playing") {
      this.controller.pause();
      return this.remote.played();
    }
    const free = this.panes.find((p) => p.track.free);
    if (free) this.toggleFree(free.id);
    this.remote.leading = true;
    this.controller.follow(null);
    await this.controller.play();
    this.remote.played();
  }

  /**
   * Seek to a time on the shared clock, in seconds. `final` is false while the user drags.
   * @param {number} T
   * @param {boolean} [final]
   */
  async seek(T, final = true) {
    if (this.oneByOne.isOn) return this.oneByOne.seek(this.touched.id, this.touched.track.timeAt(T));
    const to = Math.min(Math.max(T, this.controller.start), this.controller.end);
    this.remote.sought(to);
    await this.controller.seek(to);
    if (final && this.controller.wanted === "playing") this.remote.played();
  }

  /** @param {number} seconds */
  jump(seconds) {
    if (this.touched.track.free) this.moveFreeTo(this.touched.id, this.touched.track.time + seconds);
    else this.seek(this.controller.time + seconds);
  }

  /** @param {number} by Number of frames to step in the video that the user touched last. */
  async frame(by) {
    const { id, track } = this.touched;
    if (track.free) return this.moveFree(id, by);
    const wasPlaying = this.controller.wanted === "playing";
    await this.controller.step(by, track.runsAt(this.controller.time) ? id : (this.controller.leader?.id ?? id));
    if (wasPlaying) this.remote.played();
    else this.remote.sought(this.controller.time);
  }

  /** @param {number} rate */
  speed(rate) {
    if (this.oneByOne.isOn) return this.oneByOne.setRate(this.touched.id, rate);
    this.controller.setRate(rate);
    this.remote.played();
  }

  /** Play faster (`direction` is 1) or slower (`direction` is -1). @param {number} direction */
  shift(direction) {
    const next = direction > 0 ? SPEEDS.find((s) => s > this.rate) : SPEEDS.findLast((s) => s < this.rate);
    if (next) this.speed(next);
  }

  /** @param {string} id @param {number} frames */
  nudge(id, frames) {
    const { track } = this.#pane(id);
    this.setOffset(id, track.offset + frames / track.fps);
  }

  /** @param {string} id @param {number} seconds */
  setOffset(id, seconds) {
    if (this.remote.isReadOnly) return this.#pane(id).showOffset();
    const offset = roundToMicroseconds(seconds);
    const { placement } = this.#pane(id).track;
    if (!this.#before.has(id)) this.#before.set(id, placement);
    this.#unsent.set(id, offset);
    this.#place(id, { ...placement, offset });
    this.#changed();
    this.sendOffsets();
  }

  /**
   * Set the drift of a video's clock; the displayed frame stays the same.
   * @param {string} id
   * @param {number} ppm The drift in parts per million.
   */
  async setDrift(id, ppm) {
    if (this.remote.isReadOnly) return;
    const { track } = this.#pane(id);
    const T = roundToMicroseconds(this.controller.time);
    const offset = roundToMicroseconds(T - track.timeAt(T));
    this.#unsent.delete(id);
    const before = this.#before.get(id) ?? track.placement;
    this.#before.delete(id);
    await this.#put(id, { offset, driftPpm: ppm, anchor: T }, before);
  }

  /** @param {string} id @param {Placement} placement */
  restore(id, placement) {
    return this.#put(id, placement, this.#pane(id).track.placement);
  }

  /** @param {string} id @param {Placement} placement @param {Placement} before */
  async #put(id, placement, before) {
    const to = async (/** @type {Placement} */ wanted) => {
      this.#place(id, wanted);
      this.#changed();
      return this.#send(() => this.api.place(id, wanted));
    };
    if (await to(placement)) this.#done([id], to, before, placement);
  }

  /** Send a change; if the server refuses it, reload the session. @param {() => Promise<{session: any}>} change */
  async #send(change) {
    const isAccepted = await this.remote.send(change);
    if (!isAccepted) this.dispatchEvent(new Event("reload"));
    return isAccepted;
  }

  /**
   * Announce moved videos, with functions that undo and redo the move.
   * @template T
   * @param {string[]} ids
   * @param {(wanted: T) => Promise<unknown>} to
   * @param {T} before
   * @param {T} after
   */
  #done(ids, to, before, after) {
    const label = `moved ${ids.map((id) => this.#pane(id).letter).join(" and ")}`;
    this.dispatchEvent(new CustomEvent("done", { detail: { label, undo: () => to(before), redo: () => to(after) } }));
  }

  async #sendOffsets() {
    if (!this.#before.size) return;
    const offsets = Object.fromEntries(this.#unsent);
    const before = Object.fromEntries([...this.#before].map(([id, { offset }]) => [id, offset]));
    this.#before.clear();
    const accepted = await this.remote.send(() => this.api.offsets(offsets));
    for (const [id, value] of Object.entries(offsets)) if (this.#unsent.get(id) === value) this.#unsent.delete(id);
    if (!accepted) return void this.dispatchEvent(new Event("reload"));
    this.#done(Object.keys(offsets), (wanted) => this.#setOffsets(wanted), before, offsets);
  }

  /** Send unsent offsets now. */
  flush() {
    return this.#sendOffsets();
  }

  /** @param {Record<string, number>} offsets Offset of each video in seconds, by video id. */
  async #setOffsets(offsets) {
    for (const [id, offset] of Object.entries(offsets)) this.#place(id, { ...this.#pane(id).track.placement, offset });
    this.#changed();
    await this.#send(() => this.api.offsets(offsets));
  }

  /** @param {string} id */
  toggleFree(id) {
    if (this.oneByOne.isOn) return;
    const { track } = this.#pane(id);
    const wasPlaying = this.controller.wanted === "playing";
    for (const other of this.panes) if (other.track.free && other.id !== id) this.controller.setFree(other.id, false);
    this.controller.setFree(id, !track.free);
    if (wasPlaying) this.remote.played();
    this.#changed();
  }

  /** @param {string} id @param {number} frames */
  moveFree(id, frames) {
    return this.moveFreeTo(id, this.#pane(id).track.time, frames);
  }

  /** @param {string} id @param {number} time Seconds in the video. @param {number} [frames] Frames to add. */
  moveFreeTo(id, time, frames = 0) {
    const { track } = this.#pane(id);
    const to = stepFrames(time, frames, track.grid, track.duration);
    return this.oneByOne.isOn ? this.oneByOne.seek(id, to) : track.seek(to);
  }

  /**
   * Align a video that was unlinked from the shared clock: set its offset so that the frame on screen belongs to the
   * clock's current time.
   * @param {string} id
   */
  alignHere(id) {
    const { track, letter } = this.#pane(id);
    this.setOffset(id, track.offset + track.timeAt(this.controller.time) - track.time);
    showToast(`Video ${letter} is now aligned at this position.`);
  }

  /** @param {string} id */
  solo(id) {
    this.controller.setAudible(this.controller.audibleId === id ? null : id);
    this.#changed();
  }

  mute() {
    const { audibleId } = this.controller;
    if (audibleId) this.#heard = audibleId;
    this.controller.setAudible(audibleId ? null : (this.#heard ?? this.controller.mainId));
    this.#changed();
  }

  /** @param {string} id */
  makeLarge(id) {
    this.controller.setMain(id);
    this.view.set({ main: id });
    this.focus(id);
    this.#changed();
  }

  /** @param {"from"|"to"} edge */
  setLoop(edge) {
    const T = this.controller.time;
    this.loop = { ...this.loop, [edge]: T };
    const { from, to } = this.loop;
    if (from !== null && to !== null && to <= from) this.loop = { from: null, to: null, [edge]: T };
    this.#changed();
  }

  clearLoop() {
    this.loop = { from: null, to: null };
    this.#changed();
  }

  /** Jump to the loop's start if the clock has reached the loop's end. */
  keepLoop() {
    const { from, to } = this.loop;
    if (to === null || this.controller.status !== "playing" || !this.remote.leading) return;
    if (this.controller.time >= to) this.seek(from ?? this.controller.start);
  }

  async save() {
    try {
      showToast(`${formatCount(await saveFrames(this.panes, this.name), "picture")} saved.`);
    } catch (error) {
      showToast(`The pictures could not be saved. ${explainError(error)}`, "bad");
    }
  }

  /** @param {string} id */
  toggleTimerBox(id) {
    this.dispatchEvent(new CustomEvent("timerbox", { detail: id }));
  }

  /** Reload a video from a new URL, because the old URL may have expired. @param {string} id */
  async retry(id) {
    const { track } = this.#pane(id);
    try {
      const { session } = await this.api.read();
      track.reload(session.vods.find((/** @type {any} */ v) => v.vod_id === id).stream_url);
      this.controller.seek(this.controller.time);
    } catch (error) {
      showToast(`The video could not be loaded again. ${explainError(error)}`, "bad");
    }
  }

  /** @param {string} id */
  #failed(id) {
    const last = this.#retried.get(id) ?? -Infinity;
    const isNew = performance.now() - last >= RETRY_PAUSE;
    this.#retried.set(id, performance.now());
    if (isNew) this.retry(id);
    else this.dispatchEvent(new CustomEvent("unplayable", { detail: id }));
  }

  /** @param {string} id @param {Placement} placement */
  #place(id, placement) {
    this.controller.place(id, placement);
    this.#pane(id).showOffset();
    this.dispatchEvent(new CustomEvent("placed", { detail: id }));
  }

  /** @param {string} id */
  #pane(id) {
    const found = this.panes.find((p) => p.id === id);
    if (!found) throw new Error(`This comparison has no video ${id}.`);
    return found;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
