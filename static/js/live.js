// A live channel that mends itself: WebSocket with back-off, polling while there is none, and an estimate of the
// server's clock from the messages' own time stamps. Every message carries the whole state, and the first of a new
// connection is the present one: a gap closes by itself.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const POLL = 5_000;
const CLOCK_WINDOW = 8;
const FINAL = new Set([4401, 4404]);

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
 */

export class LiveChannel {
  /** @type {WebSocket|null} */ #socket = null;
  #revision = -1;
  #failures = 0;
  #reconnect = 0;
  #poll = 0;
  #closed = false;
  #asking = false;

  /**
   * @param {string} path such as `/ws/sessions/{id}/`
   * @param {LiveOptions} options
   */
  constructor(path, options) {
    this.path = path;
    this.options = options;
    this.#connect();
    window.addEventListener("online", () => this.#now());
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#reconnect);
    clearInterval(this.#poll);
    this.#socket?.close();
  }

  async #refresh() {
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    try {
      this.options.onSnapshot(await this.options.snapshot());
    } catch {
      // The state of the channel already says that there is no connection; the next poll asks again.
    } finally {
      this.#asking = false;
    }
  }

  #now() {
    if (this.#closed || this.#socket) return;
    clearTimeout(this.#reconnect);
    this.#connect();
  }

  #connect() {
    this.options.onState?.("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      clearInterval(this.#poll);
      this.options.onState?.("live");
    };
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event.code);
  }

  /** @param {any} message */
  #receive(message) {
    const revision = message.revision;
    if (typeof revision === "number") {
      if (revision < this.#revision) return;
      this.#revision = revision;
    }
    this.options.onMessage(message);
  }

  /** @param {number} code */
  #lost(code) {
    this.#socket = null;
    if (this.#closed) return;
    if (FINAL.has(code)) {
      this.#closed = true;
      clearInterval(this.#poll);
      this.options.onState?.("closed", code);
      return;
    }
    this.#failures += 1;
    if (this.#failures === 3) {
      this.#poll = window.setInterval(() => this.#refresh(), POLL);
    }
    this.options.onState?.(this.#failures >= 3 ? "polling" : "connecting");
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.#failures - 1)) * (0.7 + 0.6 * Math.random());
    this.#reconnect = window.setTimeout(() => this.#connect(), wait);
  }
}
