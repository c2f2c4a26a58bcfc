// What can be done with an analysis while it is worked on: paused, gone on with, stopped. The same on both pages.

import { changeJob } from "../base/api.js";
import { h, icon } from "../base/dom.js";
import { cancelSession } from "./api.js";
import { stateOf } from "./words.js";

/**
 * @typedef {import("./api.js").Session} Session
 * @typedef {"pause"|"resume"|"cancel"} Act
 */

/** @type {Record<Act, {label: string, icon: string, wrong: string}>} wrong: what is said when it did not work */
export const ACTS = {
  pause: { label: "Pause", icon: "pause", wrong: "It was not paused." },
  resume: { label: "Resume", icon: "play", wrong: "It was not resumed." },
  cancel: { label: "Cancel", icon: "x", wrong: "It was not cancelled." },
};

/** @param {Session} session @returns {Act[]} */
export function actsOf(session) {
  const state = stateOf(session);
  if (state === "paused") return ["resume", "cancel"];
  return ["queued", "processing", "waiting"].includes(state)
    ? [...(session.job_id ? /** @type {Act[]} */ (["pause"]) : []), "cancel"]
    : [];
}

/** @param {Session} session @param {Act} act */
export async function perform(session, act) {
  if (act === "cancel") await cancelSession(session.sessionId);
  else await changeJob(/** @type {string} */ (session.job_id), act);
}

/**
 * @param {Act} act
 * @param {string} name of the analysis
 * @param {() => void} run
 * @returns {HTMLElement}
 */
export function actButton(act, name, run) {
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
