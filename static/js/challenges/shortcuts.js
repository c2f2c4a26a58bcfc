// Keyboard shortcuts of the challenge page.

import { enableShortcuts, matchKeys } from "../base/keys.js";

/** @typedef {import("./stage.js").Stage} Stage */

/** @param {Stage} stage @param {number} count Number of statements. @param {() => void} toGuess */
export function bindKeys(stage, count, toGuess) {
  const { player } = stage;
  /**
   * Return the statement number for a digit key; the key 0 means 10. Return 0 for other keys or with Ctrl.
   * @param {KeyboardEvent} event
   */
  const digit = (event) => (event.ctrlKey || !/^\d$/.test(event.key) ? 0 : Number(event.key) || 10);
  /** @param {keyof Stage["acts"]} act @param {string} key Key in the button's tooltip. */
  const ofButton = (act, key) => ({ run: stage.acts[act], buttons: { [`[data-act=${act}]`]: key } });
  const label = "Play the statement with this number";
  enableShortcuts([
    {
      keys: count > 9 ? "1 – 9 0" : `1 – ${count}`,
      label: count > 9 ? `${label} (0 plays statement 10)` : label,
      match: (event) => digit(event) > 0 && digit(event) <= count,
      run: (event) => player.play(digit(event) - 1),
    },
    { keys: "Space K", label: "Play or pause", match: matchKeys(" ", "k"), ...ofButton("toggle", "Space") },
    {
      keys: "← →",
      label: "Previous or next statement",
      match: matchKeys("ArrowLeft", "ArrowRight"),
      run: (event) => stage.step(event.key === "ArrowRight" ? 1 : -1),
    },
    { keys: "R", label: "Replay the statement", match: matchKeys("r"), run: () => player.play() },
    { keys: "G", label: "Go to the statements", match: matchKeys("g"), run: toGuess },
    { keys: "M", label: "Mute or unmute", match: matchKeys("m"), ...ofButton("mute", "M") },
    { keys: "F", label: "Full screen", match: matchKeys("f"), ...ofButton("fullscreen", "F") },
  ]);
}
