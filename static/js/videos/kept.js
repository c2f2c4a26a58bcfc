// What this browser remembers of watching: how loud it was, and where in each video somebody left off.

const SOUND = "vod-sound";
const CAPTIONS = "vod-captions";
const PLACES = "vod-places";
const MAX_PLACES = 200;
const EVERY = 5000; // ms between two notes of where it is
const EDGE = 5; // seconds from the start and from the end that are not gone back to

/** @param {string} name @returns {any} null where nothing is kept */
function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} name @param {any} value */
function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing begins again next time.
  }
}

/** As loud as it was left. @param {HTMLVideoElement} element */
export function restoreSound(element) {
  const { volume, muted } = kept(SOUND) ?? {};
  if (typeof volume === "number" && volume >= 0 && volume <= 1) element.volume = volume;
  element.muted = muted === true;
}

/** @param {HTMLVideoElement} element */
export function keepSound({ volume, muted }) {
  keep(SOUND, { volume, muted });
}

/** @returns {string|null} the language in which captions were last shown; null where they were off */
export const keptCaptions = () => kept(CAPTIONS);
/** @param {string|null} language */
export const keepCaptions = (language) => keep(CAPTIONS, language);

export class Place {
  /** Seconds; null while nothing has been seen. @type {number|null} */ #time = null;
  #duration = 0;
  #keptAt = Date.now();

  /** @param {string} video its id */
  constructor(video) {
    this.video = video;
    /** @type {unknown} */ this.left = kept(PLACES)?.[video]?.[0];
  }

  /**
   * @param {number} duration seconds; 0 while it is not known
   * @returns {number|null} where it was left, seconds
   */
  of(duration) {
    return typeof this.left === "number" && isWithin(this.left, duration || Infinity) ? this.left : null;
  }

  /** @param {number} time seconds @param {number} duration */
  note(time, duration) {
    [this.#time, this.#duration] = [time, duration];
    if (Date.now() - this.#keptAt >= EVERY) this.keep();
  }

  /** Write down where it is; at either end there is nothing to go back to. */
  keep() {
    if (this.#time === null) return;
    this.#keptAt = Date.now();
    const places = kept(PLACES) ?? {};
    delete places[this.video];
    if (isWithin(this.#time, this.#duration)) places[this.video] = [Number(this.#time.toFixed(3))];
    // The order is that of writing: the oldest go.
    keep(PLACES, Object.fromEntries(Object.entries(places).slice(-MAX_PLACES)));
  }

  forget() {
    this.#duration = 0;
    this.keep();
    this.#time = null;
  }
}

/** @param {number} time @param {number} duration both in seconds */
function isWithin(time, duration) {
  return time >= EDGE && time <= duration - EDGE;
}
