// Templates of lit on pages that otherwise create elements by hand.

import { html, render } from "../../vendor/lit/lit.min.js";

/** @typedef {import("../../vendor/lit/lit.min.js").View} View */

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
 * @param {string} name
 * @param {string} [extra]
 */
export const iconView = (name, extra = "") =>
  html`<svg class=${`icon ${extra}`.trim()} aria-hidden="true">
    <use href=${`${document.body.dataset.icons}#i-${name}`}></use>
  </svg>`;
