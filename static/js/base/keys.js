// Keyboard shortcuts, off while the user types. Keys, help and tooltips come from vodplatform/core/web/shortcuts.py.

import { h, readPageData, requireElement } from "./dom.js";

/**
 * A line of the table.
 * @typedef {object} Shortcut
 * @property {string} name Empty if the focused element handles the keys.
 * @property {string[]} keys Key names for display.
 * @property {string} label
 * @property {string[]} presses Values of `getPress` that run the shortcut.
 * @property {Record<string, string>} buttons Maps the CSS selector of each equivalent button to the key names in its
 * tooltip.
 *
 * @typedef {Shortcut & {run: (event: KeyboardEvent) => void, when: (event: KeyboardEvent) => boolean}} Binding
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

/** @returns {Shortcut[]} */
const readShortcuts = () => readPageData("shortcuts");

/**
 * Bind an action to the shortcut with this name.
 * @param {string} name
 * @param {(event: KeyboardEvent) => void} run
 * @param {(event: KeyboardEvent) => boolean} [when] Returns false for key presses that the shortcut leaves alone.
 * @returns {Binding}
 */
export function bind(name, run, when = () => true) {
  const shortcut = readShortcuts().find((one) => one.name === name);
  if (!shortcut) throw new Error(`The page's table has no shortcut ${name}.`);
  return { ...shortcut, run, when };
}

/**
 * Return the pressed key, in lower case, with Ctrl, and with Shift beside Ctrl: "k", "Space", "ArrowLeft", "Ctrl+z",
 * "Ctrl+Shift+z".
 * @param {KeyboardEvent} event
 */
export function getPress(event) {
  const isCharacter = event.key.length === 1;
  const key = event.key === " " ? "Space" : isCharacter ? event.key.toLowerCase() : event.key;
  if (!event.ctrlKey || isTypedByAltGr(event)) return key;
  return `Ctrl+${event.shiftKey && isCharacter ? "Shift+" : ""}${key}`;
}

/** @param {Binding[]} bindings */
export function listenForKeys(bindings) {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.metaKey || (event.altKey && !isTypedByAltGr(event)) || belongsToFocus(event))
      return;
    if (!areKeysOn() && event.key !== "?") return;
    const press = getPress(event);
    const binding = bindings.find(({ presses, when }) => presses.includes(press) && when(event));
    if (!binding) return;
    event.preventDefault();
    binding.run(event);
  });
}

/** Enable shortcuts, and list them in templates/parts/keys_dialog.html. @param {Binding[]} bindings */
export function enableShortcuts(bindings) {
  const dialog = /** @type {HTMLDialogElement} */ (requireElement("[data-help]"));
  const help = () => dialog.showModal();
  const all = [...bindings, bind("help", help)];
  listenForKeys(all);
  const names = new Set(["", ...all.map(({ name }) => name)]);
  describeKeys(
    requireElement("[data-keys]", dialog),
    readShortcuts().filter(({ name }) => names.has(name)),
  );
  for (const { buttons } of all) for (const [selector, keys] of Object.entries(buttons)) nameKeys(selector, keys);
  const on = /** @type {HTMLInputElement} */ (requireElement("[data-keys-on]", dialog));
  on.checked = areKeysOn();
  on.addEventListener("change", () => setKeysOn(on.checked));
  requireElement("[data-close]", dialog).addEventListener("click", () => dialog.close());
  // The second “?” opens the help page, whose link is in the dialog.
  dialog.addEventListener(
    "keydown",
    ({ key, repeat }) => key === "?" && !repeat && requireElement("[data-help-page]", dialog).click(),
  );
  for (const button of document.querySelectorAll("[data-act=help]")) button.addEventListener("click", help);
}

/**
 * @param {HTMLElement} list
 * @param {Shortcut[]} shortcuts
 */
function describeKeys(list, shortcuts) {
  list.replaceChildren(
    ...shortcuts.flatMap(({ keys, label }) => [
      h("dt", {}, ...keys.flatMap((k, i) => [i ? " " : "", k === "–" ? k : h("kbd", {}, k)])),
      h("dd", { class: "muted" }, label),
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
