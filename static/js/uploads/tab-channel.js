// Messages between tabs about uploads. The uploading tab sends progress, and other tabs can control the upload.

/**
 * @typedef {"waiting"|"sending"|"paused"|"offline"|"stopped"} Going State of an upload; "stopped" means that the upload
 *   has ended in any way.
 * @typedef {{id: string, name: string, state: Going, sent: number, size: number, speed: number}} UploadState Progress
 *   of an upload: bytes sent, size in bytes, and speed in bytes per second.
 * @typedef {"pause"|"resume"|"cancelled"} UploadAct Action on an upload in another tab; "cancelled" reports that the
 *   server has already deleted the upload.
 */

const NAME = "vod-uploads";
/** Milliseconds for which a state from another tab is valid. */
export const STATE_HOLDS = 5000;
/** Milliseconds without a message after which a tab asks for the state. */
export const ASK_AFTER = 2500;

/** Return the state for other tabs. @param {import("./transfer.js").Transfer} transfer @param {Going} [ended] */
export function toUploadState(transfer, ended) {
  const { uploadId: id, name, sent, size, speed } = transfer;
  return { id, name, state: ended ?? /** @type {Going} */ (transfer.state), sent, size, speed };
}

/**
 * @param {{onState?: (files: UploadState[]) => void, onAsk?: () => void,
 *   onAct?: (id: string, act: UploadAct) => void}} hears
 */
export function openUploadChannel({ onState, onAsk, onAct }) {
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
