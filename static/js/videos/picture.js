// The picture that stands for a video in a list, or the sign that there is none.

import { h, icon } from "../base/dom.js";

/**
 * @param {string|null|undefined} address
 * @param {boolean} [hasSign] whether a sign stands where there is no picture: not where something else lies over it
 * @returns {HTMLElement}
 */
export function posterOf(address, hasSign = true) {
  if (!address) return h("span", { class: "none" }, hasSign && icon("film"));
  return h("img", {
    src: address,
    alt: "",
    loading: "lazy",
    decoding: "async",
    draggable: "false",
    onerror: (/** @type {Event} */ event) => /** @type {Element} */ (event.target).replaceWith(posterOf(null)),
  });
}
