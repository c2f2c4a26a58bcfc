// Templates that several parts of the analysis pages use.

import { posterView } from "../base/poster.js";
import { html, iconView, repeat } from "../base/view.js";

/** @typedef {import("../base/view.js").View} View */

/** @param {string|null|undefined} url */
export const pictureView = (url) => html`<span class="picture dark">${posterView(url)}</span>`;

/** @param {string} icon @param {string} title @param {string} words @param {View} buttons */
export const emptyView = (icon, title, words, buttons) => html`
  <div class="panel empty">
    ${iconView(icon)}
    <h2>${title}</h2>
    <p class="anywhere">${words}</p>
    <div class="row wrap">${buttons}</div>
  </div>`;

/** Return the content of an analysis's status. @param {import("./labels.js").Status} status */
export const statusView = ({ icon, word }) => html`${iconView(icon, icon === "run" ? "spin" : "")}<span>${word}</span>`;

/**
 * Draw, and if this removes the focused element of `holder`, focus the first element that matches `selector`.
 * @param {HTMLElement} holder @param {string} selector @param {() => void} draw
 */
export function drawAndKeepFocus(holder, selector, draw) {
  const hadFocus = holder.contains(document.activeElement);
  draw();
  if (hadFocus && !holder.contains(document.activeElement))
    /** @type {HTMLElement} */ (holder.querySelector(selector) ?? holder).focus();
}

/**
 * Return the views of items. The elements of an item stay when the order of the items changes.
 * @template {object} T @param {T[]} items @param {(item: T) => View} view
 */
export const itemViews = (items, view) => repeat(items, (item) => item, view);
