// Sends the clips of a merge: all of them in pieces, a few pieces at a time over all clips, each as often as it takes. It
// knows no page; what changes it tells by the event "change".

import { ApiError } from "../../base/api.js";
import { Speed } from "../../uploads/speed.js";
import { completeUpload, resumeUpload, tellFigures } from "./api.js";
import { sendChunk } from "./chunk.js";
import { network, noteSpeed } from "./network.js";
import { Patience, Stopped } from "./patience.js";

const AT_ONCE = 3;
/** What the server says of an upload that is no more: the merge knows why. */
const OVER = new Set(["upload_not_found", "upload_finished", "upload_expired", "upload_lost", "not_found", "gone"]);

/** How long at least one of several things was under way. */
class Stopwatch {
  #count = 0;
  #since = 0;
  #seconds = 0;

  begin() {
    if (this.#count === 0) this.#since = performance.now();
    this.#count += 1;
  }

  end() {
    this.#count -= 1;
    if (this.#count === 0) this.#seconds += (performance.now() - this.#since) / 1000;
  }

  get seconds() {
    return this.#seconds + (this.#count ? (performance.now() - this.#since) / 1000 : 0);
  }
}

/** One clip on its way. */
export class Part {
  /** @type {Map<number, number>} pieces under way, and how many bytes of each have gone */ flying = new Map();
  /** @type {"waiting"|"sending"|"checking"|"arrived"|"refused"|"missing"} missing: its bytes are not here */ state;
  /** @type {ApiError|null} */ error = null;
  /** Bytes that went from here, and how long they took. */ went = 0;
  watch = new Stopwatch();

  /**
   * @param {object} about
   * @param {number} about.index from 0
   * @param {string} about.upload its id
   * @param {number} about.size bytes
   * @param {number} about.chunkSize bytes
   * @param {number[]} about.missing pieces that have not come
   * @param {boolean} about.isComplete whether the server has taken it
   * @param {Blob|null} about.blob
   */
  constructor({ index, upload, size, chunkSize, missing, isComplete, blob }) {
    this.index = index;
    this.upload = upload;
    this.size = size;
    this.chunkSize = chunkSize;
    this.blob = blob;
    /** @type {number[]} */ this.missing = missing;
    this.state = isComplete ? "arrived" : blob || !missing.length ? "waiting" : "missing";
  }

  /** @param {number} number */
  lengthOf(number) {
    return Math.min(this.chunkSize, this.size - number * this.chunkSize);
  }

  /** Bytes that have arrived, and those that are on their way. */
  get sent() {
    if (this.state === "arrived") return this.size;
    const without = (/** @type {Iterable<number>} */ numbers) =>
      [...numbers].reduce((sum, number) => sum + this.lengthOf(number), 0);
    return (
      this.size -
      without(this.missing) -
      without(this.flying.keys()) +
      [...this.flying.values()].reduce((sum, sent) => sum + sent, 0)
    );
  }
}

export class Sender extends EventTarget {
  patience = new Patience();
  #speed = new Speed();
  #watch = new Stopwatch();
  #lanes = 0;
  #stopped = false;
  #flights = new AbortController();

  /**
   * @param {Part[]} parts
   * @param {object} hears
   * @param {() => void} hears.onArrived the server has taken all of them
   * @param {(part: Part) => void} hears.onRefused it will not have this one, `error` says why; nothing more is sent
   * @param {() => void} hears.onOver an upload ended elsewhere; nothing more is sent
   * @param {Set<string>} hears.told uploads of which the figures were told before
   */
  constructor(parts, { onArrived, onRefused, onOver, told }) {
    super();
    this.parts = parts;
    this.hears = { onArrived, onRefused, onOver };
    this.told = told;
    this.patience.addEventListener("change", () => {
      // What is on its way when the network goes would wait for half a minute.
      if (this.patience.paused || !navigator.onLine) this.#land();
      this.#tell();
    });
  }

  get size() {
    return this.parts.reduce((sum, part) => sum + part.size, 0);
  }

  get sent() {
    return this.parts.reduce((sum, part) => sum + part.sent, 0);
  }

  /** Bytes a second. */
  get speed() {
    return this.#lanes && !this.patience.paused && !this.patience.lack ? this.#speed.value : 0;
  }

  /** Whether leaving the page would stop it. */
  get isGoing() {
    return (
      !this.#stopped && this.parts.some((part) => part.blob && part.state !== "arrived" && part.state !== "refused")
    );
  }

  /** Whether clips have to be given again. */
  get lacksClips() {
    return this.parts.some((part) => part.state === "missing");
  }

  /** @param {boolean} again whether the server is asked first what it has, as after a reload */
  async start(again = false) {
    try {
      if (again)
        await Promise.all(
          this.parts.filter((part) => part.state !== "arrived").map((part) => this.#askWhatIsThere(part)),
        );
    } catch (error) {
      return this.#failed(error, null);
    }
    this.#fill();
  }

  pause() {
    this.patience.pause(true);
  }

  resume() {
    this.#speed.forget();
    this.patience.pause(false);
  }

  stop() {
    this.#stopped = true;
    this.#land();
    this.patience.stop();
  }

  /**
   * Give the clips that are not here their files: one is known by its size.
   * @param {File[]} files
   * @returns {File[]} those that none of them fits
   */
  give(files) {
    const others = files.filter((file) => {
      const part = this.parts.find((one) => one.state === "missing" && one.size === file.size);
      if (part) Object.assign(part, { blob: file, state: "waiting" });
      return !part;
    });
    this.#tell();
    this.#fill();
    return others;
  }

  /** @param {Part} part */
  async #askWhatIsThere(part) {
    const { remaining_chunks } = await this.patience.ask(() => resumeUpload(part.upload));
    part.missing = remaining_chunks;
    if (part.state === "missing" && !remaining_chunks.length) part.state = "waiting";
    this.#tell();
  }

  #fill() {
    while (!this.#stopped && this.#lanes < AT_ONCE && this.#next()) {
      this.#lanes += 1;
      this.#lane().finally(() => {
        this.#lanes -= 1;
        this.#tell();
      });
    }
  }

  async #lane() {
    for (let part = this.#next(); part && !this.#stopped; part = this.#next()) {
      try {
        if (part.missing.length) await this.#send(part, /** @type {number} */ (part.missing.shift()));
        else await this.#complete(part);
      } catch (error) {
        return this.#failed(error, part);
      }
    }
  }

  /** The clip whose turn it is: one of which nothing has come yet, for it may be refused; else the first. */
  #next() {
    const ready = this.parts.filter(
      ({ state, blob, missing, flying }) =>
        (state === "waiting" || state === "sending") && (missing.length ? blob : !flying.size),
    );
    return ready.find((part) => part.missing[0] === 0) ?? ready[0];
  }

  /** @param {Part} part @param {number} number */
  async #send(part, number) {
    const blob = /** @type {Blob} */ (part.blob);
    const bytes = blob.slice(number * part.chunkSize, number * part.chunkSize + part.lengthOf(number));
    part.state = "sending";
    this.#moved(part, number, 0);
    await this.patience.ask(
      async () => {
        const watches = [part.watch, this.#watch];
        for (const watch of watches) watch.begin();
        try {
          await sendChunk(part.upload, number, bytes, (sent) => this.#moved(part, number, sent), this.#flights.signal);
        } catch (error) {
          this.#moved(part, number, 0);
          throw error;
        } finally {
          for (const watch of watches) watch.end();
        }
      },
      () => !this.#stopped,
    );
    part.went += bytes.size;
    part.flying.delete(number);
    // Another lane may have nothing to do until all of it has come.
    this.#fill();
    this.#tell();
  }

  /** @param {Part} part @param {number} number @param {number} sent bytes */
  #moved(part, number, sent) {
    part.flying.set(number, sent);
    this.#speed.note(this.sent);
    this.#tell();
  }

  /** @param {Part} part */
  async #complete(part) {
    part.state = "checking";
    this.#tell();
    try {
      await this.patience.ask(
        () => completeUpload(part.upload),
        () => !this.#stopped,
      );
    } catch (error) {
      const missing = error instanceof ApiError && error.type === "chunk_missing" ? error.body?.missing_chunks : null;
      if (!missing?.length) throw error;
      part.missing = missing;
      part.state = part.blob ? "sending" : "missing";
      return;
    }
    part.state = "arrived";
    this.#tellFigures(part);
    this.#tell();
    if (this.parts.every((one) => one.state === "arrived")) this.#arrived();
  }

  #arrived() {
    const { seconds } = this.#watch;
    if (seconds > 0.2) noteSpeed(this.parts.reduce((bytes, part) => bytes + part.went, 0) / seconds);
    this.#stopped = true;
    this.patience.stop();
    this.hears.onArrived();
  }

  /** Once for each clip; that it is lost costs nothing. @param {Part} part */
  #tellFigures(part) {
    if (!part.went || this.told.has(part.upload)) return;
    this.told.add(part.upload);
    const { kind } = network();
    tellFigures({
      session_id: part.upload,
      bytes: part.went,
      seconds: Math.round(part.watch.seconds * 1000) / 1000,
      ...(kind ? { network: kind } : {}),
    }).catch(() => {});
  }

  /** @param {unknown} error @param {Part|null} part */
  #failed(error, part) {
    if (this.#stopped || error instanceof Stopped) return;
    const isRefusal = error instanceof ApiError;
    if (!isRefusal) console.error(error);
    this.stop();
    if (isRefusal && (OVER.has(error.type) || error.status === 404 || error.status === 410)) return this.hears.onOver();
    if (part) {
      part.error = isRefusal
        ? error
        : new ApiError("Something in this page went wrong. Load it again.", { type: "page", status: 400 });
      part.state = "refused";
      this.#tell();
      this.hears.onRefused(part);
    } else this.hears.onOver();
  }

  /** What is under way is given up, and sent again later. */
  #land() {
    this.#flights.abort();
    this.#flights = new AbortController();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
