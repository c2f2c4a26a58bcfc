// Links to the page of a new comparison.

import { showToast } from "../base/notice.js";

/**
 * Return the address of a new comparison of these videos. The comparison of two or three videos opens without another
 * click; with one video, the user chooses the others.
 * @param {string[]} ids
 */
export const compareAddress = (ids) =>
  `/compare?new${ids.length > 1 ? "&start" : ""}${ids.map((id) => `&video=${id}`).join("")}`;

/** Keep the page instead of following a link without a network. @param {Event} event */
export function stayIfOffline(event) {
  if (navigator.onLine) return;
  event.preventDefault();
  showToast("You are offline, so no comparison can be created. Try again when you are online.", "warn");
}
