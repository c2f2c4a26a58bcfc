// Volume, speed, theatre mode, captions and positions, stored in this browser.

const SOUND = "vod-sound";
const SPEED = "vod-speed";
const THEATRE = "vod-theatre";
const CAPTIONS = "vod-captions";
const PLACES = "vod-places";
const MAX_PLACES = 200;
const EVERY = 5000; // ms between writes of the playback position
const EDGE = 5; // seconds from the video's start or end within which no position is stored

/** @param {string} name @returns {any} */
function readStored(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} name @param {any} value */
function store(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Ignore the error: the browser offers no storage.
  }
}

/** @param {HTMLVideoElement} element */
export function restoreSound(element) {
  const { volume, muted } = readStored(SOUND) ?? {};
  if (typeof volume === "number" && volume >= 0 && volume <= 1) element.volume = volume;
  element.muted = muted === true;
}

/** @param {HTMLVideoElement} element */
export function storeSound({ volume, muted }) {
  store(SOUND, { volume, muted });
}

/** Return the speed chosen last, or 1 if it is not one of `speeds`. @param {number[]} speeds @returns {number} */
export function readSpeed(speeds) {
  const speed = readStored(SPEED);
  return speeds.includes(speed) ? speed : 1;
}
/** @param {number} speed */
export const storeSpeed = (speed) => store(SPEED, speed);

export const readTheatre = () => readStored(THEATRE) === true;
/** @param {boolean} isOn */
export const storeTheatre = (isOn) => store(THEATRE, isOn);

/** Return the language of the captions shown last; null if captions were off. @returns {string|null} */
export const readCaptions = () => readStored(CAPTIONS);
/** @param {string|null} language */
export const storeCaptions = (language) => store(CAPTIONS, language);

export class Place {
  /** Current position in seconds; null before playback. @type {number|null} */ #time = null;
  #duration = 0;
  #keptAt = Date.now();

  /** @param {string} video */
  constructor(video) {
    this.video = video;
    /** @type {unknown} */ this.left = readStored(PLACES)?.[video]?.[0];
  }

  /**
   * Return the stored position in seconds; null if there is none, or if it is near the video's start or end. `duration`
   * is the video's duration in seconds; 0 if unknown.
   * @param {number} duration
   * @returns {number|null}
   */
  of(duration) {
    return typeof this.left === "number" && isWithin(this.left, duration || Infinity) ? this.left : null;
  }

  /** @param {number} time @param {number} duration */
  note(time, duration) {
    [this.#time, this.#duration] = [time, duration];
    if (Date.now() - this.#keptAt >= EVERY) this.keep();
  }

  /** Store the position, or delete it near the video's start or end. */
  keep() {
    if (this.#time === null) return;
    this.#keptAt = Date.now();
    const places = readStored(PLACES) ?? {};
    delete places[this.video];
    if (isWithin(this.#time, this.#duration)) places[this.video] = [Number(this.#time.toFixed(3))];
    // Keep only the newest positions; the keys are in the order of writing.
    store(PLACES, Object.fromEntries(Object.entries(places).slice(-MAX_PLACES)));
  }

  forget() {
    this.#duration = 0;
    this.keep();
    this.#time = null;
  }
}

/** @param {number} time @param {number} duration */
function isWithin(time, duration) {
  return time >= EDGE && time <= duration - EDGE;
}
