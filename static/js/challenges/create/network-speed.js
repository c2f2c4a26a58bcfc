// The network's speed: the browser's estimate, and the speed of the latest upload.

const KEY = "vod-upload-speed";
const HOLDS = 24 * 3600 * 1000; // ms for which a measured speed stays valid

/** @returns {import("./chunk-size.js").Network} */
export function readNetwork() {
  const told = /** @type {any} */ (navigator).connection;
  return {
    speed: readStoredSpeed(),
    kind: told?.saveData ? "2g" : (told?.effectiveType ?? ""),
    downlink: told?.downlink ?? 0,
  };
}

/** @returns {number} */
function readStoredSpeed() {
  try {
    const { speed, at } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Date.now() - at < HOLDS && speed > 0 ? speed : 0;
  } catch {
    return 0;
  }
}

/** @param {number} speed Measured upload speed in bytes per second. */
export function storeSpeed(speed) {
  try {
    if (speed > 0) localStorage.setItem(KEY, JSON.stringify({ speed: Math.round(speed), at: Date.now() }));
  } catch {}
}
