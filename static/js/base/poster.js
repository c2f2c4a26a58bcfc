// The picture of a video or challenge, or a placeholder.

import { html, iconView, ref } from "./view.js";

/**
 * Return the template of a picture. If it fails to load, shell.js hides it, and CSS shows the
 * placeholder instead.
 * @param {string|null|undefined} address
 * @param {string} [icon] Empty for a placeholder without an icon.
 */
export function posterView(address, icon = "film") {
  const show = (/** @type {Element|undefined} */ image) => {
    if (address && image instanceof HTMLImageElement) setPicture(image, address);
  };
  const picture = html`<img alt="" loading="lazy" decoding="async" draggable="false" ${ref(show)} />`;
  return html`${address ? picture : null}<span class="none">${icon ? iconView(icon) : null}</span>`;
}

/**
 * Show another picture. If only the signature of the address differs, do nothing, because loading the picture again
 * would flicker. A picture that failed to load is loaded from its new address.
 * @param {HTMLImageElement} image @param {string} address
 */
function setPicture(image, address) {
  const shown = image.getAttribute("src");
  if (shown === address || (shown && !image.hidden && getName(shown) === getName(address))) return;
  image.hidden = false;
  image.src = address;
}

/** Return the end of the address's path, which names the picture. @param {string} address */
const getName = (address) => new URL(address, location.href).pathname.split("/").slice(-2).join("/");
