// Synchronised playback of two or three videos. To start or seek, all videos stop, seek to the middle of a frame, and
// then start together. The leading video (the audible video, else the main video) sets the shared clock and is never
// corrected. The other videos are corrected by a change of speed, or by a seek if they are far off.

import { GroupClock } from "./clock.js";
import { Follower } from "./follower.js";
import * as policy from "./drift-policy.js";
import { Spread } from "./sync-spread.js";
import { stepFrames } from "../../base/frames.js";
import { getExtent, toTimeWithinVideo } from "../../base/timeline.js";

/** @typedef {import("./track.js").Track} Track */
/** @typedef {"paused"|"gating"|"playing"|"holding"} Status */

const STEP_TRIES = 12;
const BEGIN_SOON = 0.5;
const REGATE_DRIFT = 0.1;

export class SyncController extends EventTarget {
  #clock = new GroupClock();
  /** @type {"paused"|"playing"} */ #wanted = "paused";
  /** @type {Status} */ #status = "paused";
  #target = 0;
  #requests = 0;
  /** @type {Promise<void>|null} */ #gate = null;
  #gateSeconds = 0.2;
  #rate = 1;
  #follower = new Follower();
  #ticker = 0;
  #steeredAt = 0;
  #keeping = policy.getSyncSettings({ interval: 500, tolerance: 100 });
  /** @type {Map<Track, number>} */ #begins = new Map();
  #spread = new Spread();
  #waitingFor = /** @type {Track|null} */ (null);
  seeks = new policy.SeekTimes();

  /** @param {Track[]} tracks */
  constructor(tracks) {
    super();
    this.tracks = tracks;
    this.mainId = tracks[0].id;
    /** @type {string|null} */ this.audibleId = tracks[0].id;
    this.#ticker = window.setInterval(() => this.#tick(), policy.LOOK);
    document.addEventListener("visibilitychange", this.#onVisible);
  }

  /** Time on the shared clock, in seconds. */
  get time() {
    return this.#gate ? this.#target : this.#clock.at(performance.now());
  }

  get status() {
    return this.#status;
  }

  /** Requested playback state, "playing" or "paused". Videos that are still loading may not be in this state yet. */
  get wanted() {
    return this.#wanted;
  }

  get rate() {
    return this.#rate;
  }

  get #speed() {
    return this.#rate * this.#follower.factor;
  }

  get start() {
    return getExtent(this.tracks).start;
  }

  get end() {
    return getExtent(this.tracks).end;
  }

  /** Video that lacks data, so that the other videos wait for it; null if the videos do not wait. */
  get waitingFor() {
    return this.#waitingFor;
  }

  /** Video that sets the clock; null if no video is running. */
  get leader() {
    const running = this.tracks.filter((t) => t.runsAt(this.time));
    return (
      running.find((t) => t.id === this.audibleId) ?? running.find((t) => t.id === this.mainId) ?? running[0] ?? null
    );
  }

  get spread() {
    return this.#spread;
  }

  /** @param {string} id */
  track(id) {
    const found = this.tracks.find((t) => t.id === id);
    if (!found) throw new Error(`This comparison has no video ${id}`);
    return found;
  }

  /**
   * Start playback. Resolve once the videos play. If a newer request replaces this one, resolve once the newer one is
   * done.
   * @param {number} [at] The start time on the shared clock, in seconds. The default is the current time, or
   *   the start if the clock is at the end.
   * @returns {Promise<void>}
   */
  async play(at) {
    if (this.#wanted === "playing" && at === undefined) return;
    this.#wanted = "playing";
    await this.seek(at ?? (this.time >= this.end - 0.05 ? this.start : this.time));
  }

  /**
   * Pause at a time on the shared clock; by default, at the time of the leading video's frame.
   * @param {number} [at]
   */
  pause(at) {
    if (this.#wanted === "paused" && at === undefined) return;
    this.#wanted = "paused";
    this.#stop();
    if (at !== undefined) this.seek(at);
    else if (!this.#gate) this.#settle();
  }

  /**
   * Seek to a time, then play on if playback is requested. Resolve once the latest requested time is on screen.
   * @param {number} T A time on the shared clock, in seconds.
   * @returns {Promise<void>}
   */
  seek(T) {
    this.#target = Math.min(Math.max(T, this.start), this.end);
    this.#requests += 1;
    this.#gate ??= this.#runGate().finally(() => (this.#gate = null));
    return this.#gate;
  }

  /** @param {number} rate Playback speed from 0.1 to 4. */
  setRate(rate) {
    this.#rate = rate;
    this.#applyRate();
    this.#emit("change");
  }

  /**
   * @param {string} id
   * @param {import("../../base/timeline.js").Placement} placement
   */
  place(id, placement) {
    const track = this.track(id);
    const { offset, driftPpm, anchor } = track.placement;
    if (offset === placement.offset && driftPpm === placement.driftPpm && anchor === placement.anchor) return;
    track.placement = placement;
    track.free = false;
    this.#spread.forget();
    this.seek(this.time);
  }

  /**
   * Set how often sync errors are checked, and how large an error is tolerated.
   * @param {{interval: number, tolerance: number}} said `interval` is the time between two checks, and `tolerance` is
   *   the tolerated error, both in ms.
   */
  keepStep(said) {
    this.#keeping = policy.getSyncSettings(said);
  }

  /** @param {string} id */
  setMain(id) {
    this.mainId = id;
    this.#emit("change");
  }

  /** @param {string|null} id Id of the only audible video; null mutes all. */
  setAudible(id) {
    this.audibleId = id;
    for (const track of this.tracks) track.video.muted = track.id !== id;
    this.#emit("change");
  }

  /**
   * Step one video by frames; the other videos follow. If the frame rate varies, step until the picture changes.
   * @param {number} by
   * @param {string} id
   */
  async step(by, id) {
    this.pause();
    const track = this.track(id);
    const before = track.mediaTime;
    const from = toTimeWithinVideo(this.time, track);
    for (let reach = by; Math.abs(reach) <= Math.abs(by) + STEP_TRIES; reach += Math.sign(by)) {
      const to = stepFrames(from, reach, track.grid, track.duration);
      await this.seek(track.globalTime(to));
      if (track.mediaTime !== before || before === null || Math.abs(to - from) < 1e-9) return;
    }
  }

  /**
   * @param {string} id
   * @param {boolean} free
   */
  setFree(id, free) {
    this.pause();
    const track = this.track(id);
    track.free = free;
    if (!free) this.seek(this.time);
    this.#emit("change");
  }

  /**
   * Follow the session's clock, or stop following it.
   * @param {(() => number)|null} clock Function that returns the session's time in seconds; null to stop following.
   */
  follow(clock) {
    this.#follower.clock = clock;
    if (!clock) this.#followOther(performance.now());
  }

  dispose() {
    clearInterval(this.#ticker);
    document.removeEventListener("visibilitychange", this.#onVisible);
    this.#stop();
    for (const track of this.tracks) track.dispose();
  }

  async #runGate() {
    let request;
    do {
      request = this.#requests;
      const [T, began] = [this.#target, performance.now()];
      this.#stop();
      this.#setStatus("gating");
      await Promise.all(this.tracks.filter((t) => !t.free).map((t) => t.seek(t.placeAt(T))));
      this.seeks.add(performance.now() - began);
      if (request !== this.#requests) continue;
      const now = performance.now();
      this.#gateSeconds += 0.3 * ((now - began) / 1000 - this.#gateSeconds);
      this.#clock.set(T, now);
      if (this.#wanted === "playing" && T < this.end) await this.#start();
      else this.#wanted = "paused";
    } while (request !== this.#requests);
    if (this.#wanted === "paused") {
      for (const track of this.tracks) track.outOfStep = this.#standing(track, this.#target);
      this.#setStatus("paused");
    }
    this.#emit("arrived");
  }

  async #start() {
    const T = this.#clock.at(performance.now());
    const running = this.tracks.filter((t) => t.runsAt(T));
    for (const track of running) {
      track.factor = 1;
      track.starvedSince = 0;
      track.coolUntil = 0;
      track.forget();
    }
    this.#applyRate();
    const started = await Promise.allSettled(running.map((t) => t.video.play()));
    if (this.#wanted !== "playing") return this.#stop();
    if (started.some((s) => s.status === "rejected" && s.reason?.name === "NotAllowedError")) {
      this.setAudible(null);
      this.#emit("soundblocked");
      await Promise.allSettled(running.map((t) => t.video.play()));
    }
    this.#clock.start(performance.now());
    this.#setStatus("playing");
  }

  #stop() {
    for (const timer of this.#begins.values()) clearTimeout(timer);
    this.#begins.clear();
    if (this.#clock.running) this.#clock.stop(performance.now());
    for (const track of this.tracks) track.video.pause();
    this.#waitingFor = null;
  }

  /** After a pause, set the clock to the middle of the leading video's frame, and seek all videos to this time. */
  #settle() {
    const now = performance.now();
    const leader = this.leader;
    if (leader) this.#clock.set(leader.globalTime(leader.placeAt(leader.globalTime(leader.time))), now);
    this.seek(this.#clock.at(now));
  }

  #tick() {
    if (this.#status === "holding") return this.#release();
    if (this.#status !== "playing" || this.#gate) return;
    const now = performance.now();
    const T = this.#clock.at(now);
    if (T >= this.end) return this.#finish();
    this.#beginOthers(T);
    const leader = this.leader;
    if (this.#starved(now, T) || now - this.#steeredAt < this.#keeping.tick) return;
    this.#steeredAt = now;
    if (leader) this.#steer(leader, now);
    this.#followOther(now);
  }

  /** @param {Track} leader @param {number} now */
  #steer(leader, now) {
    const T = leader.globalTime(leader.measure(now));
    if (Math.abs(T - this.#clock.at(now)) > policy.REBASE && !leader.video.seeking) this.#clock.set(T, now);
    leader.outOfStep = 0;
    leader.factor = 1;
    leader.setSpeed(this.#speed);
    const errors = [0];
    for (const track of this.tracks) {
      if (track === leader || !track.runsAt(T) || track.video.paused || track.video.seeking) continue;
      const error = track.globalTime(track.measure(now)) - T;
      track.outOfStep = error;
      errors.push(error);
      const act = policy.chooseCorrection(error, {
        maySeek: now > track.coolUntil,
        correcting: track.factor !== 1,
        deadBand: this.#keeping.deadBand,
      });
      if (act.do === "seek") {
        track.coolUntil = now + policy.COOL_DOWN;
        track.jump(() => track.timeAt(this.#clock.at(performance.now())), this.#speed);
      } else {
        track.factor = act.factor;
        track.setSpeed(this.#speed * act.factor);
      }
    }
    this.#spread.note(now, errors);
  }

  /** @param {number} now */
  #followOther(now) {
    const change = this.#follower.look(this.#clock.at(now), now, this.#gateSeconds * this.#rate);
    if (!change) return;
    if ("seek" in change) this.seek(change.seek);
    else this.#applyRate();
  }

  /**
   * Stop all videos if one video has lacked data for STARVED ms. Ignore a video that made a corrective seek less than
   * COOL_DOWN ms ago.
   * @param {number} now
   * @param {number} T
   */
  #starved(now, T) {
    for (const track of this.tracks) {
      const dry = track.runsAt(T) && !track.ready && now > track.coolUntil;
      track.starvedSince = dry ? track.starvedSince || now : 0;
      if (!dry || now - track.starvedSince < policy.STARVED) continue;
      this.#stop();
      this.#waitingFor = track;
      this.#setStatus("holding");
      return true;
    }
    return false;
  }

  #release() {
    const track = this.#waitingFor;
    if (track && !track.failed && track.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) return;
    this.#waitingFor = null;
    this.seek(this.#clock.at(performance.now()));
  }

  /** @param {number} T */
  #beginOthers(T) {
    for (const track of this.tracks) {
      if (track.free || track.failed || !track.video.paused || track.video.ended || this.#begins.has(track)) continue;
      const until = track.begin - T;
      if (until > BEGIN_SOON || T >= track.end - 0.05) continue;
      const begin = () => {
        this.#begins.delete(track);
        if (this.#status !== "playing") return;
        const time = track.timeAt(this.#clock.at(performance.now()));
        if (time > 0.1) track.video.currentTime = time;
        track.forget();
        track.setSpeed(this.#speed);
        track.video.play().catch(() => {});
      };
      this.#begins.set(track, window.setTimeout(begin, Math.max(0, (until / this.#rate) * 1000)));
    }
  }

  #finish() {
    this.#wanted = "paused";
    this.#stop();
    this.#emit("ended");
    this.seek(this.end);
  }

  #applyRate() {
    this.#clock.setRate(this.#speed, performance.now());
    for (const track of this.tracks) track.setSpeed(this.#speed * (this.#status === "playing" ? track.factor : 1));
  }

  /**
   * Return by how many seconds a paused video is ahead of its correct position at a time on the shared clock. Return
   * null if the video takes no part at that time, for example because it has not begun.
   * @param {Track} track
   * @param {number} T
   */
  #standing(track, T) {
    return track.runsAt(T) ? Math.round((track.time - track.placeAt(T)) * 1e6) / 1e6 : null;
  }

  #onVisible = () => {
    if (document.hidden || this.#status !== "playing") return;
    for (const track of this.tracks) track.forget();
    const now = performance.now();
    const far = this.tracks.some(
      (t) => t.runsAt(this.time) && Math.abs(t.globalTime(t.time) - this.#clock.at(now)) > REGATE_DRIFT,
    );
    if (far) this.seek(this.#clock.at(now));
  };

  /** @param {Status} status */
  #setStatus(status) {
    if (this.#status === status) return;
    this.#status = status;
    this.#emit("change");
  }

  /** @param {string} name */
  #emit(name) {
    this.dispatchEvent(new Event(name));
  }
}
