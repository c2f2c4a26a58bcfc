// Menu buttons, with the keyboard control of the ARIA pattern.

import { makeFinder } from "./focus.js";
import { createRoot, html, iconView, nothing } from "./view.js";

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {string} [icon]
 * @property {string} [note] An additional text in a faint colour.
 * @property {string} [href]
 * @property {string} [download] The name of the downloaded file.
 * @property {boolean} [checked] Makes the item a radio item and sets its state.
 * @property {boolean} [danger]
 * @property {boolean} [apart] Draws a line above the item.
 * @property {() => void} [run]
 */

/** @type {HTMLElement|null} */ let open = null;
/** Return the open menu's button, also after a redraw. @type {() => HTMLElement|null} */ let openedBy = () => null;

/**
 * @param {HTMLElement} button
 * @param {string} label
 * @param {MenuItem[]} items
 */
export function toggleMenu(button, label, items) {
  const again = openedBy() === button;
  closeMenu();
  if (again) return;
  const box = createRoot()(html`
    <div class="menu-list" role="menu" aria-label=${label} popover="manual" @keydown=${handleKey}>
      ${items.map(itemView)}
    </div>`);
  // Insert the menu into an open dialog or fullscreen element, which would hide a menu outside it.
  (button.closest("dialog, [data-menu-home], main, header") ?? document.body).append(box);
  box.showPopover();
  placeMenu(box, button);
  open = box;
  openedBy = makeFinder(button);
  button.setAttribute("aria-expanded", "true");
  /** @type {HTMLElement} */ (box.querySelector("[aria-checked=true]") ?? box.firstElementChild).focus();
}

function closeMenu() {
  if (!open) return;
  const hadFocus = open.contains(document.activeElement);
  const button = openedBy();
  open.remove();
  open = null;
  openedBy = () => null;
  button?.setAttribute("aria-expanded", "false");
  if (hadFocus) button?.focus();
}

/** @param {MenuItem} item */
function itemView(item) {
  const { label, note, href, download, checked, danger, apart } = item;
  const isChoice = checked !== undefined;
  const classes = `${danger ? "danger" : ""}${apart ? " apart" : ""}`.trim();
  const role = isChoice ? "menuitemradio" : "menuitem";
  const choose = () => chooseItem(item);
  const mark = isChoice && !checked ? html`<span class="icon"></span>` : isChoice ? iconView("check") : null;
  const inside = html`${mark ?? (item.icon ? iconView(item.icon) : null)}<span>${label}</span>${
    note ? html`<span class="faint text-small mono">${note}</span>` : null
  }`;
  return href
    ? html`<a role=${role} class=${classes} tabindex="-1" href=${href} download=${download ?? nothing}
        @click=${choose}>${inside}</a>`
    : html`<button type="button" role=${role} class=${classes} tabindex="-1"
        aria-checked=${isChoice ? String(checked) : nothing} @click=${choose}>${inside}</button>`;
}

/** @param {MenuItem} item */
function chooseItem(item) {
  // Close the menu first, so that a dialog opened by the item restores the focus to the menu button.
  closeMenu();
  item.run?.();
}

/** @param {KeyboardEvent} event */
function handleKey(event) {
  const items = [...(open?.children ?? [])].map((item) => /** @type {HTMLElement} */ (item));
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: (at - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  }[event.key];
  if (to !== undefined) items[to].focus();
  else if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else if (event.key === " ") /** @type {HTMLElement} */ (document.activeElement).click();
  else return;
  if (event.key !== "Tab") event.preventDefault();
  event.stopPropagation();
}

/**
 * @param {HTMLElement} box
 * @param {HTMLElement} button
 */
function placeMenu(box, button) {
  const [at, own] = [button.getBoundingClientRect(), box.getBoundingClientRect()];
  const right = document.dir === "rtl" ? at.left + own.width : at.right;
  const left = Math.min(Math.max(8, right - own.width), innerWidth - own.width - 8);
  const below = at.bottom + 4;
  const top = below + own.height > innerHeight - 8 ? Math.max(8, at.top - own.height - 4) : below;
  box.style.setProperty("--left", `${left}px`);
  box.style.setProperty("--top-edge", `${top}px`);
}

document.addEventListener("pointerdown", (event) => {
  const target = /** @type {Node} */ (event.target);
  if (open && !open.contains(target) && !openedBy()?.contains(target)) closeMenu();
});
/** Keep the menu at its button; close the menu once the button is out of view. @param {Event} event */
function followButton(event) {
  if (!open || open.contains(/** @type {Node} */ (event.target))) return;
  const button = openedBy();
  if (!button) return closeMenu();
  const { top, bottom, width } = button.getBoundingClientRect();
  if (width === 0 || bottom < 0 || top > innerHeight) closeMenu();
  else placeMenu(open, button);
}
window.addEventListener("resize", closeMenu);
document.addEventListener("scroll", followButton, { capture: true, passive: true });
