// Keyboard shortcuts of the comparison page, in the order of the help dialog.

import { matchKeys, matchKeysWithModifiers, matchControlKey } from "../base/keys.js";

/**
 * @param {import("./actions.js").Actions} actions
 * @param {import("./layout.js").View} view
 * @param {import("./events/panel.js").EventsPanel} events
 * @returns {import("../base/keys.js").Binding[]}
 */
export function makeBindings(actions, view, events) {
  const reach = (/** @type {KeyboardEvent} */ event) => (event.shiftKey ? 5 : event.ctrlKey ? 0.1 : 1);
  const touchedId = () => actions.touched.id;
  return [
    {
      keys: "Space K",
      label: "Play or pause",
      match: matchKeys(" ", "k"),
      run: () => actions.toggle(),
      buttons: { "[data-act=toggle]": "K or Space" },
    },
    {
      keys: "J L",
      label: "Slower, faster",
      match: matchKeys("j", "l"),
      run: (e) => actions.shift(e.key.toLowerCase() === "l" ? 1 : -1),
      buttons: { "[data-speeds]": "J slower, L faster" },
    },
    {
      keys: ", .",
      label: "Go one frame back or forward in the video that you used last",
      match: matchKeys(",", "."),
      run: (e) => actions.frame(e.key === "." ? 1 : -1),
      buttons: { "[data-act=frame-back]": ",", "[data-act=frame-on]": "." },
    },
    {
      keys: "← →",
      label: "1 s back or forward; Shift: 5 s; Ctrl: 0.1 s",
      match: matchKeysWithModifiers("ArrowLeft", "ArrowRight"),
      run: (e) => actions.jump(e.key === "ArrowRight" ? reach(e) : -reach(e)),
      buttons: { "[data-lanes]": "← →" },
    },
    {
      keys: "Home End",
      label: "Go to the start or the end",
      match: matchKeys("Home", "End"),
      run: (e) => actions.seek(e.key === "Home" ? actions.controller.start : actions.controller.end),
      buttons: { "[data-act=start]": "Home", "[data-act=end]": "End" },
    },
    {
      keys: "M",
      label: "Mark this moment and name it",
      match: matchKeys("m"),
      run: () => events.mark(),
      buttons: { "[data-act=mark]": "M" },
    },
    {
      keys: "C",
      label: "Comment on this moment",
      match: matchKeys("c"),
      run: () => events.mark("comment"),
      buttons: { "[data-act=comment]": "C" },
    },
    {
      keys: "N P",
      label: "Next event, previous event",
      match: matchKeys("n", "p"),
      run: (e) => events.step(e.key.toLowerCase() === "n" ? 1 : -1),
      buttons: { "[data-act=next-event]": "N", "[data-act=previous-event]": "P" },
    },
    {
      keys: "E",
      label: "Draw on the frame",
      match: matchKeys("e"),
      run: () => events.draw(),
      buttons: { "[data-act=sketch]": "E" },
    },
    {
      keys: "Ctrl Z",
      label: "Undo the last change to an event or an offset",
      match: matchControlKey("z"),
      run: () => events.undo(),
      buttons: { "[data-act=undo]": "Ctrl Z" },
    },
    {
      keys: "Ctrl Shift Z",
      label: "Redo (also Ctrl Y)",
      match: (e) => matchControlKey("y")(e) || (e.shiftKey && e.ctrlKey && e.key.toLowerCase() === "z"),
      run: () => events.redo(),
      buttons: { "[data-act=redo]": "Ctrl Shift Z" },
    },
    {
      keys: "[ ]",
      label: "Move the video that you used last one frame earlier or later; Shift: 10 frames",
      match: matchKeys("[", "]", "{", "}"),
      run: (e) =>
        actions.nudge(touchedId(), ("[{".includes(e.key) ? -1 : 1) * ("{}".includes(e.key) || e.shiftKey ? 10 : 1)),
      buttons: { "[data-act=earlier]": "[", "[data-act=later]": "]" },
    },
    {
      keys: "I O",
      label: "Set the start or end of the loop",
      match: matchKeys("i", "o"),
      run: (e) => actions.setLoop(e.key.toLowerCase() === "i" ? "from" : "to"),
      buttons: { "[data-act=loop-in]": "I", "[data-act=loop-out]": "O" },
    },
    {
      keys: "\\",
      label: "Clear loop",
      match: matchKeys("\\"),
      run: () => actions.clearLoop(),
      buttons: { "[data-act=loop-clear]": "\\" },
    },
    {
      keys: "1 2 3",
      label: "Hear only A, B or C",
      match: matchKeys("1", "2", "3"),
      run: (e) => actions.panes[Number(e.key) - 1] && actions.solo(actions.panes[Number(e.key) - 1].id),
      buttons: Object.fromEntries(
        ["A", "B", "C"].map((letter, index) => [`[data-letter=${letter}] [data-act=solo]`, `${index + 1}`]),
      ),
    },
    {
      keys: "0",
      label: "Mute or unmute",
      match: matchKeys("0"),
      run: () => actions.mute(),
      buttons: { "[data-act=mute]": "0" },
    },
    {
      keys: "G",
      label: "Next layout",
      match: matchKeys("g"),
      run: () => view.nextLayout(),
      buttons: { "[data-layouts]": "G next" },
    },
    {
      keys: "W B D",
      label: "Wipe, overlay, difference; press again to return to the grid",
      match: matchKeys("w", "b", "d"),
      run: (e) => view.toggleMode({ w: "wipe", b: "overlay", d: "difference" }[e.key.toLowerCase()] ?? "grid"),
      buttons: {
        "[data-modes] [value=wipe]": "W",
        "[data-modes] [value=overlay]": "B",
        "[data-modes] [value=difference]": "D",
      },
    },
    {
      keys: "+ − =",
      label: "Zoom in, zoom out, fit; the mouse wheel and pinching also zoom",
      match: matchKeys("+", "-", "="),
      run: (e) => view.zoomBy(e.key === "+" ? 1 : e.key === "-" ? -1 : 0),
      buttons: { ".zoom": "+ to zoom in, − to zoom out, = to fit" },
    },
    {
      keys: "T",
      label: "Hide or show the side panel",
      match: matchKeys("t"),
      run: () => actions.screen.toggleSide(),
      buttons: { "[data-act=side]": "T" },
    },
    {
      keys: "F",
      label: "Full screen",
      match: matchKeys("f"),
      run: () => actions.screen.fullscreen(),
      buttons: { "[data-act=fullscreen]": "F" },
    },
    {
      keys: "S",
      label: "Save the frames as pictures",
      match: matchKeys("s"),
      run: () => actions.save(),
      buttons: { "[data-act=save]": "S" },
    },
  ];
}
