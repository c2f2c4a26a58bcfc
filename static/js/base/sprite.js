// Preview pictures: a WebVTT file maps times to areas of one image.

/**
 * @typedef {{from: number, to: number, x: number, y: number, width: number, height: number}} Cue A cue has times in
 * seconds, and an area of the image in pixels.
 */

const CUE = /^(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)\s+-->\s+(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)/;

/**
 * Parse a WebVTT file whose cues name areas of an image by `#xywh=`.
 * @param {string} text
 * @returns {{image: string, cues: Cue[]}}
 */
export function parseSprite(text) {
  /** @type {Cue[]} */
  const cues = [];
  let image = "";
  const lines = text.split(/\r?\n/);
  for (let i = 0; i < lines.length; i += 1) {
    const times = CUE.exec(lines[i]);
    const piece = times && /^(.*)#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)/.exec(lines[i + 1] ?? "");
    if (!times || !piece) continue;
    const seconds = (/** @type {number} */ at) =>
      Number(times[at] ?? 0) * 3600 + Number(times[at + 1]) * 60 + Number(times[at + 2]);
    image = piece[1];
    const [x, y, width, height] = piece.slice(2).map(Number);
    cues.push({ from: seconds(1), to: seconds(4), x, y, width, height });
  }
  return { image, cues };
}

const KEPT = 20; // maximum number of images in memory, which take some megabytes each

/** Loaded images by URL, most recently used last. @type {Map<string, Promise<Sprite>>} */
const loaded = new Map();

export class Sprite {
  /**
   * @param {HTMLImageElement} image
   * @param {Cue[]} cues
   */
  constructor(image, cues) {
    this.image = image;
    this.cues = cues;
  }

  /**
   * Load the pictures of a WebVTT file, or return the cached ones.
   * @param {string} address
   * @returns {Promise<Sprite>}
   * @throws {Error} The pictures cannot be loaded.
   */
  static load(address) {
    const known = loaded.get(address);
    const coming = known ?? Sprite.#fetch(address);
    loaded.delete(address);
    loaded.set(address, coming);
    if (known) return known;
    for (const old of [...loaded.keys()].slice(0, -KEPT)) loaded.delete(old);
    coming.catch(() => loaded.delete(address));
    return coming;
  }

  /** @param {string} address */
  static async #fetch(address) {
    const response = await fetch(address, { credentials: "same-origin" });
    if (!response.ok) throw new Error(`The preview thumbnails could not be loaded (${response.status}).`);
    const { image: name, cues } = parseSprite(await response.text());
    if (!cues.length) throw new Error("The video has no preview thumbnails.");
    const image = new Image();
    image.src = new URL(name, new URL(address, location.href)).href;
    await image.decode();
    return new Sprite(image, cues);
  }

  /**
   * Return the cue at a time; after the end, the last cue.
   * @param {number} time
   * @returns {Cue}
   */
  at(time) {
    return this.cues.find((cue) => time < cue.to) ?? this.cues[this.cues.length - 1];
  }

  /**
   * Draw the preview thumbnail for a time into a canvas, and give the canvas the thumbnail's size.
   * @param {HTMLCanvasElement} canvas
   * @param {number} time
   */
  draw(canvas, time) {
    const { x, y, width, height } = this.at(time);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d")?.drawImage(this.image, x, y, width, height, 0, 0, width, height);
  }
}
