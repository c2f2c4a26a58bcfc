// The thumbnail of a video, or a placeholder.

import { h, icon } from "../base/dom.js";

/**
 * @param {string|null|undefined} address
 * @param {boolean} [hasSign]
 * @returns {HTMLElement}
 */
export function createPoster(address, hasSign = true) {
  if (!address) return h("span", { class: "none" }, hasSign && icon("film"));
  return h("img", {
    src: address,
    alt: "",
    loading: "lazy",
    decoding: "async",
    draggable: "false",
    onerror: (/** @type {Event} */ event) => /** @type {Element} */ (event.target).replaceWith(createPoster(null)),
  });
}
