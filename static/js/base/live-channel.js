// A WebSocket that reconnects, and polls the API while disconnected. Every message has the complete state, so missed
// messages do no harm. A connection counts as open after its first message, because a server without its message broker
// accepts sockets but closes them at once.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const POLL = 5_000;
const POLL_AFTER = 3; // number of failed connections in a row before polling starts
const CLOCK_WINDOW = 8;
const SETTLED = 500;
const SIGNED_OUT = 4401;
const FINAL = new Set([SIGNED_OUT, 4404]);

/** An estimate of the server's clock, taken from the latest messages: the one with the shortest delay counts. */
export class ServerClock {
  /** @type {number[]} */
  #differences = [];

  /**
   * @param {number|string|undefined|null} serverTime
   * @param {number} [now]
   */
  note(serverTime, now = Date.now()) {
    const seconds = typeof serverTime === "number" ? serverTime : Date.parse(serverTime ?? "") / 1000;
    if (!Number.isFinite(seconds)) return;
    this.#differences.push(seconds - now / 1000);
    if (this.#differences.length > CLOCK_WINDOW) this.#differences.shift();
  }

  /**
   * Return the server's time in epoch seconds.
   * @param {number} [now]
   * @returns {number}
   */
  now(now = Date.now()) {
    return now / 1000 + (this.#differences.length ? Math.max(...this.#differences) : 0);
  }
}

/**
 * @typedef {"connecting"|"live"|"polling"|"closed"} LiveState
 * @typedef {object} LiveOptions
 * @property {(message: any) => void} onMessage Receives each message, except outdated revisions.
 * @property {() => Promise<any>} snapshot Reads the state from the API, regularly while disconnected.
 * @property {(snapshot: any) => void} onSnapshot
 * @property {(state: LiveState, code?: number) => void} [onState]
 * @property {(message: any) => string} [subject] Returns the id of the object that a message describes. Each
 * object has its own revision numbers.
 * @property {boolean} [isSilent] True if the server sends no first message; a connection then counts as
 * open after 0.5 s.
 * @property {Set<number>} [final] The close codes after which the channel does not reconnect.
 */

export class LiveChannel {
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {Map<string, number>} */ #revisions = new Map();
  #heard = 0;
  #failures = 0;
  #reconnect = 0;
  #poll = 0;
  #closed = false;
  #asking = false;
  #signedOut = false;

  /**
   * @param {string} path
   * @param {LiveOptions} options
   */
  constructor(path, options) {
    this.path = path;
    this.options = options;
    this.#connect();
    window.addEventListener("online", () => this.retry());
    window.addEventListener("signedin", () => {
      if (this.#signedOut) this.#signedOut = this.#closed = false;
      // After signing in, reconnect at once: the server soon closes sockets of the old login session.
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

  /** @param {any} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async #refresh() {
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    const before = this.#heard;
    try {
      const snapshot = await this.options.snapshot();
      // Ignore a snapshot if a newer message was received during the request.
      if (this.#heard === before) this.options.onSnapshot(snapshot);
    } catch {
      // Ignore the error: the next poll retries.
    } finally {
      this.#asking = false;
    }
  }

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
