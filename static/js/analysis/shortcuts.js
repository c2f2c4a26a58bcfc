// The keyboard shortcuts of a result page.

import { matchKeys, enableShortcuts } from "../base/keys.js";

/**
 * @param {import("./result-player.js").Screen|null} screen
 * @param {import("./time-chart.js").TimeChart} chart
 * @param {(time: number) => void} seek
 * @param {string} stop
 * @param {import("../base/keys.js").Binding[]} more
 */
export function bindKeys(screen, chart, seek, stop, more = []) {
  enableShortcuts([
    ...(screen
      ? [
          {
            keys: "Space K",
            label: "Play or pause",
            match: matchKeys(" ", "k"),
            run: () => screen.toggle(),
            buttons: { "[data-act=toggle]": "Space" },
          },
        ]
      : []),
    {
      keys: "← →",
      label: `Previous or next ${stop}`,
      match: matchKeys("ArrowLeft", "ArrowRight"),
      run: (/** @type {KeyboardEvent} */ event) => seek(chart.stop(event.key === "ArrowRight" ? 1 : -1)),
    },
    ...more,
    ...(screen
      ? [
          {
            keys: "M",
            label: "Mute or unmute",
            match: matchKeys("m"),
            run: () => screen.mute(),
            buttons: { "[data-act=mute]": "M" },
          },
          {
            keys: "F",
            label: "Full screen",
            match: matchKeys("f"),
            run: () => screen.fullscreen(),
            buttons: { "[data-act=fullscreen]": "F" },
          },
        ]
      : []),
  ]);
}
