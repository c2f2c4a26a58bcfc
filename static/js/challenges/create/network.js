// What is known of the network: what the browser tells of it, and how fast bytes went when something was last sent.

const KEY = "vod-upload-speed";
const HOLDS = 24 * 3600 * 1000; // ms

/** @returns {import("./pace.js").Network} */
export function network() {
  const told = /** @type {any} */ (navigator).connection;
  return {
    speed: keptSpeed(),
    kind: told?.saveData ? "2g" : (told?.effectiveType ?? ""),
    downlink: told?.downlink ?? 0,
  };
}

/** @returns {number} bytes a second; 0 where nothing is known, or not any more */
function keptSpeed() {
  try {
    const { speed, at } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Date.now() - at < HOLDS && speed > 0 ? speed : 0;
  } catch {
    return 0;
  }
}

/** @param {number} speed bytes a second */
export function noteSpeed(speed) {
  try {
    if (speed > 0) localStorage.setItem(KEY, JSON.stringify({ speed: Math.round(speed), at: Date.now() }));
  } catch {
    // It is measured again the next time.
  }
}
