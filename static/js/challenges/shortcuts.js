// Keyboard shortcuts of the challenge page.

import { matchKeys, enableShortcuts } from "../base/keys.js";

/**
 * @param {import("./stage.js").Stage} stage
 * @param {number} count Number of statements.
 * @param {() => void} toGuess
 */
export function bindKeys(stage, count, toGuess) {
  const { player } = stage;
  /**
   * Return the statement number for a digit key; the key 0 means 10. Return 0 for other keys or with Ctrl.
   * @param {KeyboardEvent} event
   */
  const digit = (event) => (event.ctrlKey || !/^\d$/.test(event.key) ? 0 : Number(event.key) || 10);
  enableShortcuts([
    {
      keys: count > 9 ? "1 – 9 0" : `1 – ${count}`,
      label:
        count > 9
          ? "Play the statement with this number (0 plays statement 10)"
          : "Play the statement with this number",
      match: (/** @type {KeyboardEvent} */ event) => digit(event) > 0 && digit(event) <= count,
      run: (/** @type {KeyboardEvent} */ event) => player.play(digit(event) - 1),
    },
    {
      keys: "Space K",
      label: "Play or pause",
      match: matchKeys(" ", "k"),
      run: () => player.toggle(),
      buttons: { "[data-act=toggle]": "Space" },
    },
    {
      keys: "← →",
      label: "Previous or next statement",
      match: matchKeys("ArrowLeft", "ArrowRight"),
      run: (/** @type {KeyboardEvent} */ event) => stage.step(event.key === "ArrowRight" ? 1 : -1),
    },
    { keys: "R", label: "Replay the statement", match: matchKeys("r"), run: () => player.play() },
    { keys: "G", label: "Go to the statements", match: matchKeys("g"), run: toGuess },
    {
      keys: "M",
      label: "Mute or unmute",
      match: matchKeys("m"),
      run: () => player.player.mute(),
      buttons: { "[data-act=mute]": "M" },
    },
    {
      keys: "F",
      label: "Full screen",
      match: matchKeys("f"),
      run: () => stage.fullscreen(),
      buttons: { "[data-act=fullscreen]": "F" },
    },
  ]);
}
