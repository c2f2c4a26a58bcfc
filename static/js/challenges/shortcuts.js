// Keyboard shortcuts of the challenge page.

import { bind, enableShortcuts } from "../base/keys.js";

/** @typedef {import("./stage.js").Stage} Stage */

/** @param {Stage} stage @param {number} count Number of statements. @param {() => void} toGuess */
export function bindKeys(stage, count, toGuess) {
  const { player, acts } = stage;
  /** Return the statement number for a digit key; the key 0 means 10. @param {KeyboardEvent} event */
  const getNumber = ({ key }) => Number(key) || 10;
  enableShortcuts([
    bind(
      "statement",
      (event) => player.play(getNumber(event) - 1),
      (event) => getNumber(event) <= count,
    ),
    bind("toggle", acts.toggle),
    bind("step", (event) => stage.step(event.key === "ArrowRight" ? 1 : -1)),
    bind("replay", () => player.play()),
    bind("guess", toGuess),
    bind("mute", acts.mute),
    bind("fullscreen", acts.fullscreen),
  ]);
}
