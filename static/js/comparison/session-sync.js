// Synchronisation of the shared clock with other viewers. If several local changes wait, only the newest is sent. The
// server's answer to a change has a revision, by which this tab recognises the broadcast of its own change.

import { LiveChannel, ServerClock } from "../base/live-channel.js";

/** @typedef {{at: number, state?: string, rate?: number}} Intent A seek; with `state`, a change of the playback state. */

/**
 * @typedef {object} RemoteOptions
 * @property {string} sessionId
 * @property {ReturnType<typeof import("../base/api.js").sessionUrl>} api
 * @property {import("./playback/controller.js").SyncController} controller
 * @property {(session: any) => void} onSession Called if the session was changed in this or another tab.
 * @property {(message: any) => void} onOneByOne Receives the clock of each video, in independent mode.
 * @property {(message: any) => void} onEvents
 * @property {(message: any) => void} onAccess
 * @property {(people: {name: string, role: string, following: boolean}[]) => void} onPeople
 * @property {() => void} onMover Called if another viewer than before moved the clock, or this tab joined or left it.
 * @property {(error: unknown) => void} onTrouble Called if a change could not be sent.
 * @property {(state: import("../base/live-channel.js").LiveState, code?: number) => void} onState
 */

const SCRUB_PAUSE = 100; // minimum ms between two requests while the user scrubs
const NEAR_END = 0.05;
const OTHERS_SEEK = 0.25; // seconds; a larger jump of the clock is a seek by another viewer, not drift
const RETELL_SECONDS = 0.5; // seconds; at a larger difference to the server's clock, this tab sends its time again
const TELL_PAUSE = 3000;

export class Remote {
  /** True if this tab made the latest change of the clock. */
  leading = false;
  /** True if changes of the clock are not sent: the comparison is archived or the user may only watch. */
  isReadOnly = false;
  /** False if the user left the shared clock. Changes of the clock are then neither applied nor sent. */
  following = true;
  /** Name of the viewer who moved the clock last; empty if unknown. */ mover = "";
  /** True if another viewer moved the clock after this tab did. */ #isMovedByOther = false;
  /** Number of connected viewers. */ #viewers = 1;
  /** True until a connection's first session message. This message reports the current state, not a change. */
  #isFirst = true;
  /** Latest message about the session or its clock. @type {any} */ #latest = null;
  #clock = new ServerClock();
  /** @type {Intent|null} */ #intent = null;
  #sending = false;
  #inFlight = 0;
  #mine = -1; // revision of the latest change made in this tab
  #moved = -1; // revision of the latest change of the clock made in this tab
  #toldAt = 0;
  /** @type {any} */ #deferred = null;

  /** @param {RemoteOptions} options */
  constructor(options) {
    const { sessionId, api, controller } = options;
    this.api = api;
    this.controller = controller;
    this.options = options;
    this.live = new LiveChannel(`/ws/sessions/${encodeURIComponent(sessionId)}/`, {
      onMessage: (message) => this.#receive(message),
      // Events have revision numbers of their own, which must not be compared with those of the session.
      subject: (message) => (message.type === "events" ? "events" : "session"),
      snapshot: () => api.read(),
      onSnapshot: ({ session }) =>
        this.#receive({ type: "session", revision: session.revision, at: this.#clock.now(), session }),
      onState: (state, code) => {
        if (state === "live") {
          this.#isFirst = true;
          this.#viewers = 1; // assume one viewer: the server lists the viewers only if there are more
          if (!this.following) this.live.send({ type: "following", following: false });
          options.onPeople([]);
        }
        options.onState(state, code);
      },
    });
  }

  /** True if changes of the clock on this page are not sent. */
  get isApart() {
    return this.isReadOnly || !this.following;
  }

  /**
   * True if this tab may resume playback that it paused. One of these conditions must hold:
   * - This tab made the latest change of the clock.
   * - This tab does not send its changes of the clock, so resuming affects no other viewer.
   * - The user is the only viewer, and no other viewer moved the clock after this tab. For example, the server paused
   *   the clock because the user was disconnected.
   */
  get mayResume() {
    return this.leading || this.isApart || (!this.#isMovedByOther && this.#viewers <= 1);
  }

  get serverNow() {
    return this.#clock.now();
  }

  /** Join the shared clock at its current time, or leave it. @param {boolean} following */
  follow(following) {
    this.following = following;
    this.live.send({ type: "following", following });
    if (following && this.#latest) this.#follow(this.#latest);
    else this.controller.follow(null);
    this.options.onMover();
  }

  /**
   * Send a seek. Scrubbing is throttled; its last position is always sent.
   * @param {number} at Time on the shared clock, in seconds.
   */
  sought(at) {
    if (this.isApart) return;
    this.#lead();
    this.#intent = { ...this.#intent, at };
    this.#pump();
  }

  played() {
    if (this.isApart) return;
    this.#lead();
    const { wanted, rate, time } = this.controller;
    this.#intent = { state: wanted, rate, at: time };
    this.#toldAt = performance.now();
    this.#pump();
  }

  /**
   * Send a change and return whether the server accepted it.
   * @param {() => Promise<{session: any}>} change
   * @param {boolean} [isMove]
   * @returns {Promise<boolean>}
   */
  async send(change, isMove = false) {
    this.#inFlight += 1;
    try {
      const { session } = await change();
      this.#mine = Math.max(this.#mine, session.revision);
      if (isMove) this.#moved = Math.max(this.#moved, session.revision);
      this.options.onSession(session);
      return true;
    } catch (error) {
      this.options.onTrouble(error);
      return false;
    } finally {
      this.#inFlight -= 1;
      this.#catchUp();
    }
  }

  #lead() {
    this.leading = true;
    this.#isMovedByOther = false;
    this.controller.follow(null);
  }

  /** Record the viewer who moved the clock, if the message reports a move. @param {any} message */
  #noteMover(message) {
    if (message.type !== "session") return;
    const isFirst = this.#isFirst || !this.#latest;
    this.#isFirst = false;
    if (isFirst || message.session.sync_mode === "independent" || !this.#differs(this.#latest, message)) return;
    if (message.by && message.revision > this.#mine) this.#isMovedByOther = true;
    if (this.mover === (message.by ?? "")) return;
    this.mover = message.by ?? "";
    this.options.onMover();
  }

  /**
   * Return whether the clock jumped, started, stopped or changed its speed between two messages.
   * @param {any} one
   * @param {any} other
   */
  #differs(one, other) {
    const [before, after] = [this.#target(one), this.#target(other)];
    return before.playing !== after.playing || before.rate !== after.rate || !isNear(before.now(), after);
  }

  async #pump() {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#intent) {
      const { at, state, rate } = this.#intent;
      this.#intent = null;
      const began = performance.now();
      await this.send(() => (state ? this.api.playback({ state, rate, at }) : this.api.seek(at)), true);
      const left = SCRUB_PAUSE - (performance.now() - began);
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    }
    this.#sending = false;
    this.#catchUp();
  }

  #catchUp() {
    if (this.#inFlight || this.#intent || !this.#deferred) return;
    const message = this.#deferred;
    this.#deferred = null;
    this.#apply(message);
  }

  /** @param {any} message */
  #receive(message) {
    if (message.type === "events") return this.options.onEvents(message);
    if (message.type === "access") return this.options.onAccess(message);
    if (message.type === "presence") {
      this.#viewers = message.people.length;
      return this.options.onPeople(message.people);
    }
    if (message.access) this.options.onAccess(message.access);
    this.#noteMover(message);
    this.#latest = message;
    this.#clock.note(message.server_time ?? message.at);
    if (this.#inFlight || this.#intent) {
      // Keep the newest message. At the same revision, prefer a session message, because a clock message contains less.
      const { revision = -1, type = "clock" } = this.#deferred ?? {};
      if (message.revision > revision || (message.revision === revision && type === "clock")) this.#deferred = message;
      return;
    }
    this.#apply(message);
  }

  /** @param {any} message */
  #apply(message) {
    const { session } = message;
    if (message.revision < this.#mine) return;
    // The server also sends this tab's own changes back. Do not apply the clock of such a message in two cases: the
    // change moved the clock, or this tab plays and moved the clock last. Otherwise, another viewer may have moved the
    // clock, so apply it.
    const isMine = this.#moved === this.#mine || (this.leading && this.controller.wanted === "playing");
    if (message.revision === this.#mine && isMine) return this.leading ? this.#checkLead(message) : undefined;
    if (message.type === "session") {
      this.options.onSession(session);
      if (this.leading && session.sync_mode === "global" && this.#agrees(message)) return;
    }
    this.#follow(message);
  }

  /** @param {any} message */
  #target({ session, at, global_time: time }) {
    const from = time ?? session.global_time;
    const playing = session.global_playback_state === "playing" && from < this.controller.end - NEAR_END;
    const now = () => (playing ? Math.min(from + (this.#clock.now() - at) * session.rate, this.controller.end) : from);
    return { playing, rate: session.rate, now };
  }

  /** @param {any} message */
  #agrees(message) {
    const target = this.#target(message);
    const { wanted, rate, time } = this.controller;
    return target.playing === (wanted === "playing") && target.rate === rate && isNear(time, target);
  }

  /** @param {any} message */
  #follow(message) {
    if (!this.following) return;
    const { controller } = this;
    if (message.session.sync_mode === "independent") {
      this.leading = false;
      controller.follow(null);
      return this.options.onOneByOne(message);
    }
    const { playing, rate, now } = this.#target(message);
    this.leading = false;
    if (rate !== controller.rate) controller.setRate(rate);
    if (!playing) {
      controller.follow(null);
      if (controller.wanted === "playing" || Math.abs(controller.time - now()) > 0.0005) controller.pause(now());
      return;
    }
    controller.follow(now);
    if (controller.wanted !== "playing") controller.play(now());
    else if (message.type === "session" && Math.abs(controller.time - now()) > OTHERS_SEEK) controller.seek(now());
  }

  /** Send this tab's position again if it differs from the server's clock, as after buffering. @param {any} message */
  #checkLead(message) {
    const { playing, now } = this.#target(message);
    const { controller } = this;
    if (!playing || controller.status !== "playing" || performance.now() - this.#toldAt < TELL_PAUSE) return;
    if (Math.abs(now() - controller.time) > RETELL_SECONDS) this.played();
  }
}

/** Return whether a clock shows a time. @param {number} time @param {{playing: boolean, now: () => number}} clock */
const isNear = (time, { playing, now }) => Math.abs(now() - time) <= (playing ? OTHERS_SEEK : 0.001);
