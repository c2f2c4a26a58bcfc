// The thumbnail of a video, or a placeholder.

import { createRoot, html, iconView } from "../base/view.js";

/** @param {string|null|undefined} address @param {boolean} [hasSign] @returns {HTMLElement} */
export function createPoster(address, hasSign = true) {
  const poster = createRoot()(posterView(address, hasSign, () => poster.replaceWith(createPoster(null))));
  return poster;
}

/**
 * Return the template of a thumbnail. Unlike `createPoster`, it leaves the reaction to an error to the caller.
 * @param {string|null|undefined} address
 * @param {boolean} hasSign
 * @param {() => void} onError
 */
export function posterView(address, hasSign, onError) {
  if (!address) return html`<span class="none">${hasSign ? iconView("film") : null}</span>`;
  return html`<img src=${address} alt="" loading="lazy" decoding="async" draggable="false" @error=${onError} />`;
}
