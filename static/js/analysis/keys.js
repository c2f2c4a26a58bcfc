// The single keys of a result's page and the dialog that tells of them.

import { need } from "../dom.js";
import { describe, key, keysOn, listen, setKeysOn } from "../keys.js";

/**
 * @param {import("./screen.js").Screen|null} screen
 * @param {import("./chart.js").TimeChart} chart
 * @param {(time: number) => void} seek seconds of the video
 * @param {string} stop what the arrow keys go along: "segment"
 * @param {import("../keys.js").Binding[]} more
 */
export function bindKeys(screen, chart, seek, stop, more = []) {
  const dialog = /** @type {HTMLDialogElement} */ (need("[data-help]"));
  const bindings = [
    ...(screen ? [{ keys: "Space K", label: "Play and pause", match: key(" ", "k"), run: () => screen.toggle() }] : []),
    { keys: "← →", label: `To the ${stop} before, to the next`, match: key("ArrowLeft", "ArrowRight"), run: (/** @type {KeyboardEvent} */ event) => seek(chart.stop(event.key === "ArrowRight" ? 1 : -1)) },
    ...more,
    ...(screen ? [
      { keys: "M", label: "Sound off and on", match: key("m"), run: () => screen.mute() },
      { keys: "F", label: "Full screen", match: key("f"), run: () => screen.fullscreen() },
    ] : []),
    { keys: "?", label: "These keys", match: key("?"), run: () => dialog.showModal() },
  ];
  listen(bindings);
  describe(need("[data-keys]"), bindings);
  const on = /** @type {HTMLInputElement} */ (need("[data-keys-on]"));
  on.checked = keysOn();
  on.addEventListener("change", () => setKeysOn(on.checked));
  need("[data-close]", dialog).addEventListener("click", () => dialog.close());
  for (const button of document.querySelectorAll("[data-act=help]")) button.addEventListener("click", () => dialog.showModal());
}
