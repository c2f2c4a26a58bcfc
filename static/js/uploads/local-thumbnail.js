// Thumbnails of local files that the browser can play.

const PATIENCE = 8000; // maximum ms to wait for an event of the video element
const LEAVE = 10_000; // ms until the temporary address of a file is revoked

/** Promise of the previous thumbnail. Draw one at a time, because each needs a decoder. @type {Promise<unknown>} */
let before = Promise.resolve();

/**
 * Draw a thumbnail; return whether the file has a picture.
 * @param {File} file @param {HTMLCanvasElement} canvas @param {() => boolean} [isWanted] @returns {Promise<boolean>}
 */
export function drawThumbnail(file, canvas, isWanted = () => true) {
  const drawn = before.then(() => isWanted() && drawFrame(file, canvas));
  before = drawn;
  return drawn;
}

/** @param {File} file @param {HTMLCanvasElement} canvas @returns {Promise<boolean>} */
async function drawFrame(file, canvas) {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  try {
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: address });
    await waitForEvent(video, "loadeddata");
    // Seek, because the first picture of a video is often black.
    video.currentTime = Math.min(video.duration / 4 || 0, 10);
    await waitForEvent(video, "seeked");
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
    // Revoke the address later, because the browser may still read the file for a moment.
    setTimeout(() => URL.revokeObjectURL(address), LEAVE);
  }
}

/** @param {HTMLVideoElement} video @param {string} event @returns {Promise<void>} */
function waitForEvent(video, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no picture")), PATIENCE);
    const over = new AbortController();
    const end = (/** @type {Event} */ { type }) => {
      clearTimeout(timer);
      over.abort();
      if (type === event) resolve();
      else reject(new Error("not playable"));
    };
    for (const name of [event, "error"]) video.addEventListener(name, end, { signal: over.signal });
  });
}
