// Templates of lit. Modules import lit from here.

import { html, render } from "../../vendor/lit/lit.min.js";

export { createRef, guard, html, live, nothing, ref, repeat, svg } from "../../vendor/lit/lit.min.js";

/** @typedef {import("../../vendor/lit/lit.min.js").View} View */
/**
 * @template {Element} T
 * @typedef {import("../../vendor/lit/lit.min.js").Ref<T>} Ref
 */

/**
 * Return a function that draws a template with one root element, and returns this element. Each further call must pass
 * the same template with other values; it updates the element wherever the page has moved it.
 * @param {object} [host] Value of `this` in the template's event listeners.
 * @returns {(view: View) => HTMLElement}
 */
export function createRoot(host) {
  const holder = document.createDocumentFragment();
  /** @type {Element|null} */ let element = null;
  return (view) => {
    render(view, holder, { host });
    element ??= holder.firstElementChild;
    return /** @type {HTMLElement} */ (element);
  };
}

/**
 * Empty an element, and return a function that draws templates in it. Other code must not change its content.
 * @param {HTMLElement} holder
 * @param {object} [host] Value of `this` in the template's event listeners.
 * @returns {(view: View) => void}
 */
export function mount(holder, host) {
  holder.replaceChildren();
  return (view) => render(view, holder, { host });
}

/**
 * @param {string} name
 * @param {string} [extra]
 */
export const iconView = (name, extra = "") =>
  html`<svg class=${`icon ${extra}`.trim()} aria-hidden="true"
    ><use href=${`${document.body.dataset.icons}#i-${name}`}></use></svg>`;
