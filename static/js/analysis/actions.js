// Buttons and requests that pause, resume or cancel an analysis.

import { changeJob } from "../base/api.js";
import { h, icon } from "../base/dom.js";
import { cancelSession } from "./api.js";
import { getState } from "./labels.js";

/**
 * @typedef {import("./api.js").Session} Session
 * @typedef {"pause"|"resume"|"cancel"} Act
 */

/** @type {Record<Act, {label: string, icon: string, wrong: string}>} */
export const ACTS = {
  pause: { label: "Pause", icon: "pause", wrong: "The analysis could not be paused." },
  resume: { label: "Resume", icon: "play", wrong: "The analysis could not be resumed." },
  cancel: { label: "Cancel", icon: "x", wrong: "The analysis could not be cancelled." },
};

/** @param {Session} session @returns {Act[]} */
export function listActs(session) {
  const state = getState(session);
  if (state === "paused") return ["resume", "cancel"];
  return ["queued", "processing", "waiting"].includes(state)
    ? [...(session.job_id ? /** @type {Act[]} */ (["pause"]) : []), "cancel"]
    : [];
}

/** @param {Session} session @param {Act} act */
export async function performAct(session, act) {
  if (act === "cancel") await cancelSession(session.sessionId);
  else await changeJob(/** @type {string} */ (session.job_id), act);
}

/**
 * @param {Act} act
 * @param {string} name
 * @param {() => void} run
 * @returns {HTMLElement}
 */
export function createActButton(act, name, run) {
  const { label, icon: picture } = ACTS[act];
  const small = act === "pause";
  return h(
    "button",
    {
      class: small ? "btn icon-only quiet" : "btn",
      type: "button",
      "aria-label": `${label} ${name}`,
      title: small ? label : null,
      data: { act },
      onclick: run,
    },
    act !== "cancel" && icon(picture),
    small ? null : label,
  );
}
