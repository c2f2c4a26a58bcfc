// The uploader of a merge's clips. It sends up to three chunks at once, with retries, and fires "change" on progress.

import { ApiError } from "../../base/api.js";
import { Speed } from "../../uploads/transfer-speed.js";
import { completeUpload, resumeUpload, sendFigures } from "./api.js";
import { sendChunk } from "./chunk-request.js";
import { readNetwork, storeSpeed } from "./chunk-size.js";
import { Patience, Stopped } from "./retry.js";

const AT_ONCE = 3;
/** Error types of an upload that has ended. The merge's status then contains the reason. */
const OVER = new Set(["upload_not_found", "upload_finished", "upload_expired", "upload_lost", "not_found", "gone"]);

/** A stopwatch that runs while at least one of its tasks runs. */
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

/** @typedef {"waiting"|"sending"|"checking"|"arrived"|"refused"|"missing"} PartState State of an upload. */

export class Part {
  /** Bytes sent of each unfinished chunk by its number. @type {Map<number, number>} */ flying = new Map();
  /** If it is "missing", the user must choose the clip again. @type {PartState} */ state;
  /** @type {ApiError|null} */ error = null;
  /** Number of the clip's bytes in chunks that this page has sent. `watch` measures the time for them. */ went = 0;
  watch = new Stopwatch();

  /** @param {Omit<import("./api.js").UploadState, "total_chunks"|"error">} about @param {Blob|null} blob */
  constructor({ video_index, session_id, size, chunk_size, remaining_chunks, status }, blob) {
    this.index = video_index;
    this.upload = session_id;
    this.size = size;
    this.chunkSize = chunk_size;
    this.missing = remaining_chunks;
    this.blob = blob;
    this.state = status === "completed" ? "arrived" : blob || !remaining_chunks.length ? "waiting" : "missing";
  }

  /** @param {number} number */
  lengthOf(number) {
    return Math.min(this.chunkSize, this.size - number * this.chunkSize);
  }

  /** Number of the clip's bytes sent so far, including those of unfinished chunks. */
  get sent() {
    if (this.state === "arrived") return this.size;
    const unsent = [...this.missing, ...this.flying.keys()].reduce((sum, number) => sum + this.lengthOf(number), 0);
    return this.size - unsent + [...this.flying.values()].reduce((sum, sent) => sum + sent, 0);
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
   * @param {() => void} hears.onArrived Runs when all clips are uploaded.
   * @param {(part: Part) => void} hears.onRefused Runs when a clip cannot be uploaded, for example because
   *   the server refused it. The sender then stops all uploads.
   * @param {() => void} hears.onOver Runs when an upload was ended elsewhere, or when the server does not say
   *   which chunks are missing. The sender then stops all uploads.
   * @param {Set<string>} told The ids of uploads whose speed was already reported to the server.
   */
  constructor(parts, hears, told) {
    super();
    this.parts = parts;
    this.hears = hears;
    this.told = told;
    this.patience.addEventListener("change", () => {
      // While paused or offline, abort all requests that send chunks: they would otherwise wait 30 s for their timeout.
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
  /** Upload speed in bytes per second. */
  get speed() {
    return this.#lanes && !this.patience.paused && !this.patience.lack ? this.#speed.value : 0;
  }

  /** True if leaving the page would interrupt the upload. */
  get isGoing() {
    return !this.#stopped && this.parts.some(({ blob, state }) => blob && state !== "arrived" && state !== "refused");
  }

  get lacksClips() {
    return !this.#stopped && this.parts.some((part) => part.state === "missing");
  }

  /** Send the clips. If `again` is true, first ask the server which chunks are missing. @param {boolean} again */
  async start(again = false) {
    const unfinished = this.parts.filter((part) => part.state !== "arrived");
    try {
      if (again) await Promise.all(unfinished.map((part) => this.#askWhatIsThere(part)));
    } catch (error) {
      return this.#failed(error, null);
    }
    this.#fill();
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

  /** Assign files to missing clips of the same size; return the files that fit no clip. @param {File[]} files */
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

  /** Return the next clip that has chunks to send or can be completed. Prefer clips that lack their first chunk. */
  #next() {
    const ready = this.parts.filter(
      ({ state, blob, missing, flying }) =>
        (state === "waiting" || state === "sending") && (missing.length ? blob : !flying.size),
    );
    return ready.find((part) => part.missing[0] === 0) ?? ready[0];
  }

  /** @param {() => Promise<any>} request */
  #ask(request) {
    return this.patience.ask(request, () => !this.#stopped);
  }

  /** @param {Part} part @param {number} number */
  async #send(part, number) {
    const blob = /** @type {Blob} */ (part.blob);
    const bytes = blob.slice(number * part.chunkSize, number * part.chunkSize + part.lengthOf(number));
    part.state = "sending";
    this.#moved(part, number, 0);
    await this.#ask(async () => {
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
    });
    part.went += bytes.size;
    part.flying.delete(number);
    this.#fill();
    this.#tell();
  }

  /** Note the number of a chunk's bytes sent so far. @param {Part} part @param {number} number @param {number} sent */
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
      await this.#ask(() => completeUpload(part.upload));
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
    if (seconds > 0.2) storeSpeed(this.parts.reduce((bytes, part) => bytes + part.went, 0) / seconds);
    this.#stopped = true;
    this.patience.stop();
    this.hears.onArrived();
  }

  /** Report a clip's upload speed to the server once. @param {Part} part */
  #tellFigures(part) {
    if (!part.went || this.told.has(part.upload)) return;
    this.told.add(part.upload);
    const { kind } = readNetwork();
    sendFigures({
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
    if (!part) return this.hears.onOver();
    const words = "Something went wrong on this page. Reload it, then try again.";
    part.error = isRefusal ? error : new ApiError(words, { type: "page", status: 400 });
    part.state = "refused";
    this.#tell();
    this.hears.onRefused(part);
  }

  #land() {
    this.#flights.abort();
    this.#flights = new AbortController();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
