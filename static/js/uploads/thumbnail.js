// A picture of a file that is still on this machine, where the browser can play it.

const PATIENCE = 8000; // ms
const LEAVE = 10_000; // ms

/** One after the other: each opens a decoder, and several files at once would leave none to the upload. @type {Promise<unknown>} */
let before = Promise.resolve();

/**
 * @param {File} file
 * @param {HTMLCanvasElement} canvas
 * @param {() => boolean} [isWanted] asked when its turn comes
 * @returns {Promise<boolean>} whether there is a picture now
 */
export function drawThumbnail(file, canvas, isWanted = () => true) {
  const drawn = before.then(() => isWanted() && draw(file, canvas));
  before = drawn;
  return drawn;
}

/**
 * @param {File} file
 * @param {HTMLCanvasElement} canvas
 * @returns {Promise<boolean>}
 */
async function draw(file, canvas) {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  try {
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: address });
    await once(video, "loadeddata");
    // The first picture is often black.
    video.currentTime = Math.min(video.duration / 4 || 0, 10);
    await once(video, "seeked");
    if (!video.videoWidth) return false;
    const scale = 144 / video.videoWidth;
    Object.assign(canvas, { width: 144, height: Math.round(video.videoHeight * scale) });
    canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
    return true;
  } catch {
    return false;
  } finally {
    video.removeAttribute("src");
    video.load();
    // What the browser had begun to read it reads on for a moment.
    setTimeout(() => URL.revokeObjectURL(address), LEAVE);
  }
}

/**
 * @param {HTMLVideoElement} video
 * @param {string} event
 * @returns {Promise<void>}
 */
function once(video, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no picture")), PATIENCE);
    const done = (/** @type {() => void} */ how) => () => {
      clearTimeout(timer);
      how();
    };
    video.addEventListener(event, done(resolve), { once: true });
    video.addEventListener(
      "error",
      done(() => reject(new Error("not playable"))),
      { once: true },
    );
  });
}
