// Keyboard shortcuts, off while the user types. Keys, help and tooltips come from the same table.

import { h, requireElement } from "./dom.js";

/**
 * @typedef {object} Binding
 * @property {string} keys Key names for display, separated by spaces.
 * @property {string} label
 * @property {(event: KeyboardEvent) => boolean} match
 * @property {(event: KeyboardEvent) => void} run
 * @property {Record<string, string>} [buttons] Maps the CSS selector of each equivalent button to the key
 * names in its tooltip.
 */

const STORED = "vod-keys";
const PRESSABLE = "button, a[href], summary, input, select, textarea, [role=tab], [role=slider]";

/** @returns {boolean} */
export function areKeysOn() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
export function setKeysOn(on) {
  try {
    localStorage.setItem(STORED, on ? "on" : "off");
  } catch {}
}

/**
 * Return whether the focused element handles the pressed key itself.
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
function belongsToFocus(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  // Ignore closed dialogs, which may briefly keep the focus.
  if (target.isContentEditable || target.closest("select, textarea, dialog[open]")) return true;
  if (target instanceof HTMLInputElement && !["range", "checkbox", "radio", "button"].includes(target.type))
    return true;
  const arrows = event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
  if (arrows && target.closest("input, [role=tablist]") !== null) return true;
  return (
    (event.key === " " || event.key === "Enter") &&
    target.closest(PRESSABLE) !== null &&
    target.closest("[role=slider]") === null
  );
}

/**
 * Return whether AltGr is pressed, which types characters such as [. Some systems report AltGr as Ctrl+Alt.
 * @param {KeyboardEvent} event
 */
function isTypedByAltGr(event) {
  return event.getModifierState("AltGraph");
}

/**
 * @param {Binding[]} bindings
 * @param {AbortSignal} [signal]
 */
export function listenForKeys(bindings, signal) {
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.metaKey || (event.altKey && !isTypedByAltGr(event)) || belongsToFocus(event))
        return;
      if (!areKeysOn() && event.key !== "?") return;
      const binding = bindings.find((b) => b.match(event));
      if (!binding) return;
      event.preventDefault();
      binding.run(event);
    },
    { signal },
  );
}

/**
 * Return a function that recognises events of the given keys without Ctrl, also if Caps Lock is on.
 * @param {...string} keys
 * @returns {(event: KeyboardEvent) => boolean}
 */
export function matchKeys(...keys) {
  return (event) =>
    (!event.ctrlKey || isTypedByAltGr(event)) && (keys.includes(event.key) || keys.includes(event.key.toLowerCase()));
}

/**
 * Return a function that recognises events of the given keys, with or without Shift and Ctrl.
 * @param {...string} keys
 * @returns {(event: KeyboardEvent) => boolean}
 */
export function matchKeysWithModifiers(...keys) {
  return (event) => keys.includes(event.key);
}

/**
 * @param {string} letter
 * @returns {(event: KeyboardEvent) => boolean}
 */
export function matchControlKey(letter) {
  return (event) => event.ctrlKey && !event.shiftKey && !event.altKey && event.key.toLowerCase() === letter;
}

/** Enable shortcuts, and list them in templates/parts/keys_dialog.html. @param {Binding[]} bindings */
export function enableShortcuts(bindings) {
  const dialog = /** @type {HTMLDialogElement} */ (requireElement("[data-help]"));
  const help = () => dialog.showModal();
  const buttons = { "[data-act=help]": "?" };
  const all = [...bindings, { keys: "?", label: "Keyboard shortcuts", match: matchKeys("?"), run: help, buttons }];
  listenForKeys(all);
  describeKeys(requireElement("[data-keys]", dialog), all);
  for (const { buttons = {} } of all) for (const [selector, keys] of Object.entries(buttons)) nameKeys(selector, keys);
  const on = /** @type {HTMLInputElement} */ (requireElement("[data-keys-on]", dialog));
  on.checked = areKeysOn();
  on.addEventListener("change", () => setKeysOn(on.checked));
  requireElement("[data-close]", dialog).addEventListener("click", () => dialog.close());
  for (const button of document.querySelectorAll("[data-act=help]")) button.addEventListener("click", help);
}

/**
 * @param {HTMLElement} list
 * @param {Binding[]} bindings
 */
function describeKeys(list, bindings) {
  list.replaceChildren(
    ...bindings.flatMap((b) => [
      h("dt", {}, ...b.keys.split(" ").flatMap((k, i) => [i ? " " : "", h("kbd", {}, k)])),
      h("dd", { class: "muted" }, b.label),
    ]),
  );
}

/** @param {string} selector @param {string} keys */
function nameKeys(selector, keys) {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector))) {
    element.dataset.key = keys;
    for (const name of ["title", "aria-label"]) {
      const words = element.getAttribute(name);
      if (words) element.setAttribute(name, addKeyToLabel(element, words));
    }
  }
}

/**
 * Set a button's tooltip and accessible name, including its shortcut.
 * @param {HTMLElement} button
 * @param {string} words
 */
export function labelButton(button, words) {
  const text = addKeyToLabel(button, words);
  if (button.title === text) return;
  button.title = text;
  button.setAttribute("aria-label", text);
}

/** @param {HTMLElement} button @param {string} words @returns {string} */
function addKeyToLabel(button, words) {
  return button.dataset.key ? `${words} (${button.dataset.key})` : words;
}
