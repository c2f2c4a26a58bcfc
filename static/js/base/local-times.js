// Display of UTC times in the browser's time zone. The tooltip shows the full time.

import { formatWhen } from "./format.js";

/** @param {ParentNode} [root] */
export function showLocalTimes(root = document) {
  for (const element of /** @type {NodeListOf<HTMLTimeElement>} */ (root.querySelectorAll("time[data-when]"))) {
    if (!element.title) element.title = (element.textContent ?? "").replace(/\s+/g, " ");
    element.textContent = formatWhen(new Date(element.dateTime));
  }
}
