// What the tabs of one browser tell each other of uploads: the tab that sends them says how far they are, the others
// show it and may ask it to pause, go on or stop.

/**
 * @typedef {"waiting"|"sending"|"paused"|"offline"|"stopped"} Going stopped: not any more, whatever came of it
 * @typedef {{id: string, name: string, state: Going, sent: number, size: number, speed: number}} UploadState bytes, bytes a second
 * @typedef {"pause"|"resume"|"cancelled"} UploadAct cancelled: the server has deleted it, nobody needs to ask for that again
 */

const NAME = "vod-uploads";
/** How long a state holds without being said again, milliseconds. */
export const STATE_HOLDS = 5000;
/** After how long without a word it is asked for, milliseconds. */
export const ASK_AFTER = 2500;

/**
 * @param {object} hears
 * @param {(files: UploadState[]) => void} [hears.onState]
 * @param {() => void} [hears.onAsk] another tab wants to know
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
