// A live channel that mends itself: WebSocket with back-off, polling while there is none, and an estimate of the
// server's clock from the messages' own time stamps. Every message carries the whole state, and the first of a new
// connection is the present one: a gap closes by itself. A connection counts from its first message on: one that is
// accepted and closed at once, as where the broker is gone, is none.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const POLL = 5_000;
const POLL_AFTER = 3; // connections in a row that came to nothing
const CLOCK_WINDOW = 8;
const SETTLED = 500;
const SIGNED_OUT = 4401;
const FINAL = new Set([SIGNED_OUT, 4404]);

/**
 * The server's clock as far as messages tell. Of the last messages the one that was least delayed counts: the true
 * difference is never smaller than what any of them shows.
 */
export class ServerClock {
  /** @type {number[]} */
  #differences = [];

  /**
   * @param {number|string|undefined|null} serverTime epoch seconds or ISO 8601
   * @param {number} [now] milliseconds, as Date.now()
   */
  note(serverTime, now = Date.now()) {
    const seconds = typeof serverTime === "number" ? serverTime : Date.parse(serverTime ?? "") / 1000;
    if (!Number.isFinite(seconds)) return;
    this.#differences.push(seconds - now / 1000);
    if (this.#differences.length > CLOCK_WINDOW) this.#differences.shift();
  }

  /**
   * @param {number} [now] milliseconds, as Date.now()
   * @returns {number} the server's epoch seconds
   */
  now(now = Date.now()) {
    return now / 1000 + (this.#differences.length ? Math.max(...this.#differences) : 0);
  }
}

/**
 * @typedef {"connecting"|"live"|"polling"|"closed"} LiveState
 * @typedef {object} LiveOptions
 * @property {(message: any) => void} onMessage only messages newer than what was seen
 * @property {() => Promise<any>} snapshot asks for the whole state, while there is no socket
 * @property {(snapshot: any) => void} onSnapshot
 * @property {(state: LiveState, code?: number) => void} [onState]
 * @property {(message: any) => string} [subject] what a message is about, where revisions of several things arrive
 * @property {boolean} [isSilent] nothing is sent first: a connection counts once it has stayed open for a moment
 * @property {Set<number>} [final] codes after which nothing is tried again; signed out and gone by default
 */

export class LiveChannel {
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {Map<string, number>} */ #revisions = new Map();
  /** How many messages have come. */ #heard = 0;
  #failures = 0;
  #reconnect = 0;
  #poll = 0;
  #closed = false;
  #asking = false;
  #signedOut = false;

  /**
   * @param {string} path such as `/ws/sessions/{id}/`
   * @param {LiveOptions} options
   */
  constructor(path, options) {
    this.path = path;
    this.options = options;
    this.#connect();
    window.addEventListener("online", () => this.retry());
    window.addEventListener("signedin", () => {
      if (this.#signedOut) this.#signedOut = this.#closed = false;
      // A socket of the ended session would be closed by the server within a minute.
      if (this.#socket) {
        this.#socket.onclose = this.#socket.onmessage = null;
        this.#socket.close();
        this.#socket = null;
      }
      this.retry();
    });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#reconnect);
    clearInterval(this.#poll);
    this.#socket?.close();
  }

  /** Say something, where somebody listens now. @param {any} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async #refresh() {
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    const before = this.#heard;
    try {
      const snapshot = await this.options.snapshot();
      // A message that came meanwhile is newer.
      if (this.#heard === before) this.options.onSnapshot(snapshot);
    } catch {
      // The state of the channel already says that there is no connection; the next poll asks again.
    } finally {
      this.#asking = false;
    }
  }

  /** Connect now instead of when the pause is over; harmless while there is a connection. */
  retry() {
    if (this.#closed || this.#socket) return;
    clearTimeout(this.#reconnect);
    this.#connect();
  }

  #connect() {
    if (this.#failures < POLL_AFTER) this.options.onState?.("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.#socket = socket;
    let first = true;
    if (this.options.isSilent) {
      socket.onopen = () =>
        window.setTimeout(() => {
          if (!first || this.#socket !== socket || this.#closed) return;
          first = false;
          this.#alive();
        }, SETTLED);
    }
    socket.onmessage = (event) => {
      if (first) this.#alive();
      first = false;
      this.#receive(JSON.parse(event.data));
    };
    socket.onclose = (event) => this.#lost(event.code);
  }

  #alive() {
    this.#failures = 0;
    clearInterval(this.#poll);
    this.options.onState?.("live");
  }

  /** @param {any} message */
  #receive(message) {
    this.#heard += 1;
    const revision = message.revision;
    if (typeof revision === "number") {
      const subject = this.options.subject?.(message) ?? "";
      if (revision < (this.#revisions.get(subject) ?? -1)) return;
      this.#revisions.set(subject, revision);
    }
    this.options.onMessage(message);
  }

  /** @param {number} code */
  #lost(code) {
    this.#socket = null;
    if (this.#closed) return;
    if ((this.options.final ?? FINAL).has(code)) {
      this.#closed = true;
      this.#signedOut = code === SIGNED_OUT;
      if (this.#signedOut) window.dispatchEvent(new Event("signedout"));
      clearInterval(this.#poll);
      this.options.onState?.("closed", code);
      return;
    }
    this.#failures += 1;
    if (this.#failures === POLL_AFTER) {
      this.#poll = window.setInterval(() => this.#refresh(), POLL);
      this.#refresh();
    }
    this.options.onState?.(this.#failures >= POLL_AFTER ? "polling" : "connecting");
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.#failures - 1)) * (0.7 + 0.6 * Math.random());
    this.#reconnect = window.setTimeout(() => this.#connect(), wait);
  }
}
