// Volume, captions and positions stored in this browser.

const SOUND = "vod-sound";
const CAPTIONS = "vod-captions";
const PLACES = "vod-places";
const MAX_PLACES = 200;
const EVERY = 5000; // ms between two writes of the position
const EDGE = 5; // positions closer to either end are not stored, seconds

/** @param {string} name @returns {any} null if nothing is stored */
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
    // The browser offers no storage.
  }
}

/** @param {HTMLVideoElement} element */
export function restoreSound(element) {
  const { volume, muted } = kept(SOUND) ?? {};
  if (typeof volume === "number" && volume >= 0 && volume <= 1) element.volume = volume;
  element.muted = muted === true;
}

/** @param {HTMLVideoElement} element */
export function keepSound({ volume, muted }) {
  keep(SOUND, { volume, muted });
}

/** @returns {string|null} language of the captions shown last; null if off */
export const keptCaptions = () => kept(CAPTIONS);
/** @param {string|null} language */
export const keepCaptions = (language) => keep(CAPTIONS, language);

export class Place {
  /** Seconds; null before playback. @type {number|null} */ #time = null;
  #duration = 0;
  #keptAt = Date.now();

  /** @param {string} video id */
  constructor(video) {
    this.video = video;
    /** @type {unknown} */ this.left = kept(PLACES)?.[video]?.[0];
  }

  /**
   * @param {number} duration seconds; 0 if unknown
   * @returns {number|null} last position, seconds
   */
  of(duration) {
    return typeof this.left === "number" && isWithin(this.left, duration || Infinity) ? this.left : null;
  }

  /** @param {number} time seconds @param {number} duration */
  note(time, duration) {
    [this.#time, this.#duration] = [time, duration];
    if (Date.now() - this.#keptAt >= EVERY) this.keep();
  }

  /** Store the position; near either end, delete it. */
  keep() {
    if (this.#time === null) return;
    this.#keptAt = Date.now();
    const places = kept(PLACES) ?? {};
    delete places[this.video];
    if (isWithin(this.#time, this.#duration)) places[this.video] = [Number(this.#time.toFixed(3))];
    // Keys are in order of writing: drop the oldest.
    keep(PLACES, Object.fromEntries(Object.entries(places).slice(-MAX_PLACES)));
  }

  forget() {
    this.#duration = 0;
    this.keep();
    this.#time = null;
  }
}

/** @param {number} time seconds @param {number} duration seconds */
function isWithin(time, duration) {
  return time >= EDGE && time <= duration - EDGE;
}
