import { formatPosition } from "../base/format.js";

/**
 * Save each video's current frame, and return the number of saved pictures.
 * @param {{letter: string, track: import("./playback/track.js").Track}[]} panes
 * @param {string} name
 * @returns {Promise<number>}
 */
export async function saveFrames(panes, name) {
  const ready = panes.filter(({ track }) => track.video.videoWidth && !track.failed);
  const pictures = await Promise.all(ready.map(async (pane) => ({ pane, blob: await takePicture(pane.track.video) })));
  for (const { pane, blob } of pictures) {
    const { letter, track } = pane;
    const time = formatPosition(track.mediaTime ?? track.time).replaceAll(":", "-");
    downloadBlob(blob, `${makeFileName(name)}_${letter}_${time}_f${track.frame}.png`);
  }
  return pictures.length;
}

/** @param {HTMLVideoElement} video @returns {Promise<Blob>} */
function takePicture(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("No picture"))), "image/png"),
  );
}

/** @param {Blob} blob @param {string} name */
function downloadBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {string} name */
function makeFileName(name) {
  return name.replace(/[^\p{L}\p{N}.-]+/gu, "_").slice(0, 80) || "comparison";
}
