// The keys of the comparison page, in the order in which the help shows them.

import { key, keyWithModifiers, withControl } from "../base/keys.js";

/**
 * @param {import("./actions.js").Actions} actions
 * @param {import("./view.js").View} view
 * @param {import("./events/panel.js").EventsPanel} events
 * @returns {import("../base/keys.js").Binding[]}
 */
export function bindings(actions, view, events) {
  const reach = (/** @type {KeyboardEvent} */ event) => (event.shiftKey ? 5 : event.ctrlKey ? 0.1 : 1);
  const touchedId = () => actions.touched.id;
  return [
    { keys: "Space K", label: "Play and pause", match: key(" ", "k"), run: () => actions.toggle() },
    {
      keys: "J L",
      label: "Slower, faster",
      match: key("j", "l"),
      run: (e) => actions.shift(e.key.toLowerCase() === "l" ? 1 : -1),
    },
    {
      keys: ", .",
      label: "One frame back, forward, of the video touched last",
      match: key(",", "."),
      run: (e) => actions.frame(e.key === "." ? 1 : -1),
    },
    {
      keys: "← →",
      label: "1 s back, on; Shift 5 s, Ctrl 0.1 s",
      match: keyWithModifiers("ArrowLeft", "ArrowRight"),
      run: (e) => actions.jump(e.key === "ArrowRight" ? reach(e) : -reach(e)),
    },
    {
      keys: "Home End",
      label: "To the start, to the end",
      match: key("Home", "End"),
      run: (e) => actions.seek(e.key === "Home" ? 0 : actions.controller.end),
    },
    { keys: "M", label: "Mark this moment; type what it is", match: key("m"), run: () => events.mark() },
    { keys: "C", label: "Comment on this moment", match: key("c"), run: () => events.mark("comment") },
    {
      keys: "N P",
      label: "To the next event, to the one before",
      match: key("n", "p"),
      run: (e) => events.step(e.key.toLowerCase() === "n" ? 1 : -1),
    },
    { keys: "E", label: "Draw on the frame", match: key("e"), run: () => events.draw() },
    { keys: "Ctrl Z", label: "Take the last change of events back", match: withControl("z"), run: () => events.undo() },
    {
      keys: "Ctrl Shift Z",
      label: "Do it again; Ctrl Y too",
      match: (e) => withControl("y")(e) || (e.shiftKey && e.ctrlKey && e.key.toLowerCase() === "z"),
      run: () => events.redo(),
    },
    {
      keys: "[ ]",
      label: "Offset of the video touched last one frame earlier, later; Shift 10",
      match: key("[", "]", "{", "}"),
      run: (e) =>
        actions.nudge(touchedId(), ("[{".includes(e.key) ? -1 : 1) * ("{}".includes(e.key) || e.shiftKey ? 10 : 1)),
    },
    {
      keys: "I O",
      label: "Loop from here, to here",
      match: key("i", "o"),
      run: (e) => actions.setLoop(e.key.toLowerCase() === "i" ? "from" : "to"),
    },
    { keys: "\\", label: "No loop", match: key("\\"), run: () => actions.clearLoop() },
    {
      keys: "1 2 3",
      label: "Hear only A, B, C",
      match: key("1", "2", "3"),
      run: (e) => actions.panes[Number(e.key) - 1] && actions.solo(actions.panes[Number(e.key) - 1].id),
    },
    { keys: "0", label: "Sound off and on", match: key("0"), run: () => actions.mute() },
    { keys: "G", label: "Next layout", match: key("g"), run: () => view.nextLayout() },
    {
      keys: "W B D",
      label: "Wipe, overlay, difference; again for the grid",
      match: key("w", "b", "d"),
      run: (e) => view.toggleMode({ w: "wipe", b: "overlay", d: "difference" }[e.key.toLowerCase()] ?? "grid"),
    },
    {
      keys: "+ − =",
      label: "Zoom in, out, fit",
      match: key("+", "-", "="),
      run: (e) => view.zoomBy(e.key === "+" ? 1 : e.key === "-" ? -1 : 0),
    },
    { keys: "F", label: "Full screen", match: key("f"), run: () => actions.fullscreen() },
    { keys: "S", label: "Save the frames as pictures", match: key("s"), run: () => actions.save() },
  ];
}
