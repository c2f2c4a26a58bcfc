// Keyboard shortcuts of the comparison page, in the order of the help dialog.

import { matchKeys, matchKeysWithModifiers, matchControlKey } from "../base/keys.js";

/** @typedef {import("../base/keys.js").Binding} Binding */

/**
 * Return a binding. Unless `match` says otherwise, it has the displayed keys, without Ctrl.
 * @param {string} keys
 * @param {string} label
 * @param {Record<string, string>} buttons
 * @param {(event: KeyboardEvent) => void} run
 * @param {(event: KeyboardEvent) => boolean} [match]
 * @returns {Binding}
 */
const bind = (keys, label, buttons, run, match = matchKeys(...keys.toLowerCase().split(" "))) => {
  return { keys, label, buttons, run, match };
};

/** Return the tooltips of buttons with these `data-act` attributes. @param {Record<string, string>} keys */
const acts = (keys) => Object.fromEntries(Object.entries(keys).map(([act, key]) => [`[data-act=${act}]`, key]));

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
  const soloButtons = ["A", "B", "C"].map((letter, at) => [`[data-letter=${letter}] [data-act=solo]`, `${at + 1}`]);
  const solo = (/** @type {KeyboardEvent} */ { key }) => {
    const pane = panes[Number(key) - 1];
    if (pane) actions.solo(pane.id);
  };
  const blends = /** @type {Record<string, string>} */ ({ w: "wipe", b: "overlay", d: "difference" });
  const blendButtons = Object.entries(blends).map(([key, mode]) => [`[data-modes] [value=${mode}]`, key.toUpperCase()]);
  const isRedo = (/** @type {KeyboardEvent} */ event) =>
    matchControlKey("y")(event) || (event.shiftKey && event.ctrlKey && isKey(event, "z"));
  const move = "Move the video that you used last one frame earlier or later; Shift: 10 frames";
  return [
    bind("Space K", "Play or pause", acts({ toggle: "K or Space" }), () => actions.toggle(), matchKeys(" ", "k")),
    bind("J L", "Slower, faster", { "[data-speeds]": "J slower, L faster" }, (event) =>
      actions.shift(isKey(event, "l") ? 1 : -1),
    ),
    bind(
      ", .",
      "Go one frame back or forward in the video that you used last",
      acts({ "frame-back": ",", "frame-on": "." }),
      (event) => actions.frame(event.key === "." ? 1 : -1),
    ),
    bind(
      "← →",
      "1 s back or forward; Shift: 5 s; Ctrl: 0.1 s",
      { "[data-lanes]": "← →" },
      (event) => actions.jump(reach(event)),
      matchKeysWithModifiers("ArrowLeft", "ArrowRight"),
    ),
    bind("Home End", "Go to the start or the end", acts({ start: "Home", end: "End" }), ({ key }) =>
      actions.seek(key === "Home" ? controller.start : controller.end),
    ),
    bind("M", "Mark this moment and name it", acts({ mark: "M" }), () => events.mark()),
    bind("C", "Comment on this moment", acts({ comment: "C" }), () => events.mark("comment")),
    bind("N P", "Next event, previous event", acts({ "next-event": "N", "previous-event": "P" }), (event) =>
      events.step(isKey(event, "n") ? 1 : -1),
    ),
    bind("E", "Draw on the frame", acts({ sketch: "E" }), () => events.draw()),
    bind(
      "Ctrl Z",
      "Undo the last change to an event or an offset",
      acts({ undo: "Ctrl Z" }),
      () => events.undo(),
      matchControlKey("z"),
    ),
    bind("Ctrl Shift Z", "Redo (also Ctrl Y)", acts({ redo: "Ctrl Shift Z" }), () => events.redo(), isRedo),
    bind(
      "[ ]",
      move,
      acts({ earlier: "[", later: "]" }),
      (event) => actions.nudge(actions.touched.id, frames(event)),
      matchKeys("[", "]", "{", "}"),
    ),
    bind("I O", "Set the start or end of the loop", acts({ "loop-in": "I", "loop-out": "O" }), (event) =>
      actions.setLoop(isKey(event, "i") ? "from" : "to"),
    ),
    bind("\\", "Clear loop", acts({ "loop-clear": "\\" }), () => actions.clearLoop()),
    bind("1 2 3", "Hear only A, B or C", Object.fromEntries(soloButtons), solo),
    bind("0", "Mute or unmute", acts({ mute: "0" }), () => actions.mute()),
    bind("G", "Next layout", { "[data-layouts]": "G next" }, () => view.nextLayout()),
    bind(
      "W B D",
      "Wipe, overlay, difference; press again to return to the grid",
      Object.fromEntries(blendButtons),
      ({ key }) => view.toggleMode(blends[key.toLowerCase()]),
    ),
    bind(
      "+ − =",
      "Zoom in, zoom out, fit; the mouse wheel and pinching also zoom",
      { ".zoom": "+ to zoom in, − to zoom out, = to fit" },
      ({ key }) => view.zoomBy({ "+": 1, "-": -1 }[key] ?? 0),
      matchKeys("+", "-", "="),
    ),
    bind("T", "Hide or show the side panel", acts({ side: "T" }), () => screen.toggleSide()),
    bind("F", "Full screen", acts({ fullscreen: "F" }), () => screen.fullscreen()),
    bind("S", "Save the frames as pictures", acts({ save: "S" }), () => actions.save()),
  ];
}
