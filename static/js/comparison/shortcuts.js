// Actions of the comparison page's keyboard shortcuts.

import { bind } from "../base/keys.js";

/** @typedef {import("../base/keys.js").Binding} Binding */

/** @param {KeyboardEvent} event @param {string} key */
const isKey = (event, key) => event.key.toLowerCase() === key;

/**
 * @param {import("./actions.js").Actions} actions
 * @param {import("./layout.js").View} view
 * @param {import("./events/panel.js").EventsPanel} events
 * @returns {Binding[]}
 */
export function makeBindings(actions, view, events) {
  const { controller, panes, screen } = actions;
  const reach = (/** @type {KeyboardEvent} */ { key, shiftKey, ctrlKey }) =>
    (key === "ArrowRight" ? 1 : -1) * (shiftKey ? 5 : ctrlKey ? 0.1 : 1);
  const frames = (/** @type {KeyboardEvent} */ { key, shiftKey }) =>
    ("[{".includes(key) ? -1 : 1) * ("{}".includes(key) || shiftKey ? 10 : 1);
  const solo = (/** @type {KeyboardEvent} */ { key }) => {
    const pane = panes[Number(key) - 1];
    if (pane) actions.solo(pane.id);
  };
  const blends = /** @type {Record<string, string>} */ ({ w: "wipe", b: "overlay", d: "difference" });
  return [
    bind("toggle", () => actions.toggle()),
    bind("speed", (event) => actions.shift(isKey(event, "l") ? 1 : -1)),
    bind("frame", ({ key }) => actions.frame(key === "." ? 1 : -1)),
    bind("jump", (event) => actions.jump(reach(event))),
    bind("ends", ({ key }) => actions.seek(key === "Home" ? controller.start : controller.end)),
    bind("mark", () => events.mark()),
    bind("comment", () => events.mark("comment")),
    bind("event", (event) => events.step(isKey(event, "n") ? 1 : -1)),
    bind("draw", () => events.draw()),
    bind("undo", () => events.undo()),
    bind("redo", () => events.redo()),
    bind("nudge", (event) => actions.nudge(actions.touched.id, frames(event))),
    bind("loop", (event) => actions.setLoop(isKey(event, "i") ? "from" : "to")),
    bind("loop-clear", () => actions.clearLoop()),
    bind("solo", solo),
    bind("mute", () => actions.mute()),
    bind("layout", () => view.nextLayout()),
    bind("blend", ({ key }) => view.toggleMode(blends[key.toLowerCase()])),
    bind("zoom", ({ key }) => view.zoomBy({ "+": 1, "-": -1 }[key] ?? 0)),
    bind("side", () => screen.toggleSide()),
    bind("fullscreen", () => screen.fullscreen()),
    bind("save", () => actions.save()),
  ];
}
