// This viewer and the others: tells the server what was done here, one call at a time with the newest state, and moves
// the players by what others did. Own echoes are known by the revision that the server answered with.

import { LiveChannel, ServerClock } from "../base/live.js";

/** @typedef {import("./playback/controller.js").SyncController} SyncController */
/** @typedef {{type: "seek", at: number} | {type: "playback", state: string, rate: number, at: number}} Intent */

const SCRUB_PAUSE = 100; // ms: ten a second
const NEAR_END = 0.05;
const OTHERS_SEEK = 0.25; // s: a change by another viewer that is no mere drift
const RETELL_SECONDS = 0.5; // between here and the server, from which the server is told again
const TELL_PAUSE = 3000;

export class Remote {
  /** Whether the last thing done to the clock was done here. */
  leading = false;
  /** Whether what is done here stays here: of an archived comparison, and for who may only watch. */
  isReadOnly = false;
  /** Whether others move the clock here; who stands apart moves it for nobody else. */
  following = true;
  /** Whose hand moved the clock last: a user name; empty where that is not known. */ mover = "";
  /** The first message of a connection tells what is, not what somebody did. */ #isFirst = true;
  /** The newest of the others' clock. @type {any} */ #latest = null;
  #clock = new ServerClock();
  /** @type {Intent|null} */ #intent = null;
  #sending = false;
  #inFlight = 0;
  #mine = -1; // revision of the last change that was made here …
  #moved = -1; // … and of the last one of the clock
  #toldAt = 0;
  /** @type {any} */ #deferred = null;

  /**
   * @param {object} options
   * @param {string} options.sessionId
   * @param {ReturnType<typeof import("../base/api.js").sessionApi>} options.api
   * @param {SyncController} options.controller
   * @param {(session: any) => void} options.onSession anyone's change, own ones too
   * @param {(message: any) => void} options.onOneByOne the clocks of the videos, where they are moved one by one
   * @param {(message: any) => void} options.onEvents anyone's change of events
   * @param {(message: any) => void} options.onAccess what this person may do has changed
   * @param {(people: {name: string, role: string, following: boolean}[]) => void} options.onPeople who is there
   * @param {() => void} options.onMover somebody else, or the person here, has moved the clock
   * @param {(error: unknown) => void} options.onTrouble a change could not be sent
   * @param {(state: import("../base/live.js").LiveState, code?: number) => void} options.onState
   */
  constructor({
    sessionId,
    api,
    controller,
    onSession,
    onOneByOne,
    onEvents,
    onAccess,
    onPeople,
    onMover,
    onTrouble,
    onState,
  }) {
    this.api = api;
    this.controller = controller;
    this.onSession = onSession;
    this.onOneByOne = onOneByOne;
    this.onEvents = onEvents;
    this.onAccess = onAccess;
    this.onPeople = onPeople;
    this.onMover = onMover;
    this.onTrouble = onTrouble;
    this.live = new LiveChannel(`/ws/sessions/${encodeURIComponent(sessionId)}/`, {
      onMessage: (message) => this.#receive(message),
      // The clock goes on from the last session message, whatever becomes of events meanwhile.
      subject: (message) => (message.type === "events" ? "events" : "session"),
      snapshot: () => api.read(),
      onSnapshot: ({ session }) =>
        this.#receive({ type: "session", revision: session.revision, at: this.#clock.now(), session }),
      onState: (state, code) => {
        if (state === "live") {
          this.#isFirst = true;
          if (!this.following) this.live.send({ type: "following", following: false });
          onPeople([]); // those who are there are told of again
        }
        onState(state, code);
      },
    });
  }

  /** Whether what is done to the clock here stays here. */
  get isApart() {
    return this.isReadOnly || !this.following;
  }

  /** The server's clock, epoch seconds. */
  get serverNow() {
    return this.#clock.now();
  }

  /** Go along with the others, from where they are now, or stay apart. @param {boolean} following */
  follow(following) {
    this.following = following;
    this.live.send({ type: "following", following });
    if (following && this.#latest) this.#follow(this.#latest);
    else this.controller.follow(null);
  }

  /**
   * The position was moved here. Scrubs are thinned; the last one is always sent.
   * @param {number} at global time, seconds
   */
  sought(at) {
    if (this.isApart) return;
    this.#lead();
    this.#intent = this.#intent?.type === "playback" ? { ...this.#intent, at } : { type: "seek", at };
    this.#pump();
  }

  /** Playing, pausing or the speed were changed here. */
  played() {
    if (this.isApart) return;
    this.#lead();
    const { wanted, rate, time } = this.controller;
    this.#intent = { type: "playback", state: wanted, rate, at: time };
    this.#toldAt = performance.now();
    this.#pump();
  }

  /**
   * Any other change of the session.
   * @param {() => Promise<{session: any}>} change
   * @param {boolean} [isMove] whether it moves the clock
   * @returns {Promise<boolean>} whether it was accepted
   */
  async send(change, isMove = false) {
    this.#inFlight += 1;
    try {
      const { session } = await change();
      this.#mine = Math.max(this.#mine, session.revision);
      if (isMove) this.#moved = Math.max(this.#moved, session.revision);
      this.onSession(session);
      return true;
    } catch (error) {
      this.onTrouble(error);
      return false;
    } finally {
      this.#inFlight -= 1;
      this.#catchUp();
    }
  }

  #lead() {
    this.leading = true;
    this.controller.follow(null);
  }

  /** Note who moved the clock, where a message tells of another than the one before. @param {any} message */
  #noteMover(message) {
    if (message.type !== "session") return;
    const isFirst = this.#isFirst || !this.#latest;
    this.#isFirst = false;
    if (isFirst || message.session.sync_mode === "independent" || !this.#differs(this.#latest, message)) return;
    if (this.mover === (message.by ?? "")) return;
    this.mover = message.by ?? "";
    this.onMover();
  }

  /** Whether the clock of one message is no continuation of that of the other. @param {any} one @param {any} other */
  #differs(one, other) {
    const [before, after] = [this.#target(one), this.#target(other)];
    const apart = Math.abs(before.now() - after.now());
    return (
      before.playing !== after.playing || before.rate !== after.rate || apart > (after.playing ? OTHERS_SEEK : 0.001)
    );
  }

  async #pump() {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#intent) {
      const intent = this.#intent;
      this.#intent = null;
      const began = performance.now();
      await this.send(
        () =>
          intent.type === "seek"
            ? this.api.seek(intent.at)
            : this.api.playback({ state: intent.state, rate: intent.rate, at: intent.at }),
        true,
      );
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
    if (message.type === "events") return this.onEvents(message);
    if (message.type === "access") return this.onAccess(message);
    if (message.type === "presence") return this.onPeople(message.people);
    if (message.access) this.onAccess(message.access);
    this.#noteMover(message);
    this.#latest = message;
    this.#clock.note(message.server_time ?? message.at);
    if (this.#inFlight || this.#intent) {
      const before = this.#deferred;
      // A clock message has no more to say than the session's of the same revision.
      if (
        !before ||
        message.revision > before.revision ||
        (message.revision === before.revision && before.type === "clock")
      )
        this.#deferred = message;
      return;
    }
    this.#apply(message);
  }

  /** @param {any} message */
  #apply(message) {
    const { session } = message;
    if (message.revision < this.#mine) return;
    // Just before a change of something else that was made here, somebody else may have moved the clock.
    const isMine = this.#moved === this.#mine || (this.leading && this.controller.wanted === "playing");
    if (message.revision === this.#mine && isMine) return this.leading ? this.#checkLead(message) : undefined;
    if (message.type === "session") {
      this.onSession(session);
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

  /**
   * Whether a change by someone else left the clock as it is here.
   * @param {any} message
   */
  #agrees(message) {
    const { playing, rate, now } = this.#target(message);
    const { controller } = this;
    return (
      playing === (controller.wanted === "playing") &&
      rate === controller.rate &&
      Math.abs(now() - controller.time) < (playing ? OTHERS_SEEK : 0.001)
    );
  }

  /** @param {any} message */
  #follow(message) {
    if (!this.following) return;
    const { controller } = this;
    if (message.session.sync_mode === "independent") {
      this.leading = false;
      controller.follow(null);
      return this.onOneByOne(message);
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

  /**
   * The own players may have had to wait: the server, and with it the others, learn where they are now.
   * @param {any} message
   */
  #checkLead(message) {
    const { playing, now } = this.#target(message);
    const { controller } = this;
    if (!playing || controller.status !== "playing" || performance.now() - this.#toldAt < TELL_PAUSE) return;
    if (Math.abs(now() - controller.time) > RETELL_SECONDS) this.played();
  }
}
