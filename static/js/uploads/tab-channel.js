// Messages between tabs about uploads: the uploading tab broadcasts progress, the others may control it.

/**
 * @typedef {"waiting"|"sending"|"paused"|"offline"|"stopped"} Going stopped: ended, with any result
 * @typedef {{id: string, name: string, state: Going, sent: number, size: number, speed: number}} UploadState bytes, bytes per second
 * @typedef {"pause"|"resume"|"cancelled"} UploadAct cancelled: already deleted on the server
 */

const NAME = "vod-uploads";
/** Milliseconds for which a broadcast state is valid. */
export const STATE_HOLDS = 5000;
/** Milliseconds without a message after which a tab asks for the state. */
export const ASK_AFTER = 2500;

/**
 * @param {object} hears
 * @param {(files: UploadState[]) => void} [hears.onState]
 * @param {() => void} [hears.onAsk] another tab asks for the state
 * @param {(id: string, act: UploadAct) => void} [hears.onAct]
 */
export function uploadChannel({ onState, onAsk, onAct }) {
  const channel = new BroadcastChannel(NAME);
  channel.onmessage = ({ data }) => {
    if (data.type === "state") onState?.(data.files);
    else if (data.type === "ask") onAsk?.();
    else if (data.type === "act") onAct?.(data.id, data.act);
  };
  return {
    tell: (/** @type {UploadState[]} */ files) => channel.postMessage({ type: "state", files }),
    ask: () => channel.postMessage({ type: "ask" }),
    act: (/** @type {string} */ id, /** @type {UploadAct} */ act) => channel.postMessage({ type: "act", id, act }),
  };
}
