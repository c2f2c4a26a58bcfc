// Finds the focused element again after a redraw.

/**
 * @param {Element|null} element focused element
 * @returns {() => HTMLElement|null} function that returns the element or, after a redraw, the one with the same
 * `data-part` and `data-video`
 */
export function placeOf(element) {
  const part = element?.closest("[data-part]")?.getAttribute("data-part");
  const video = element?.closest("[data-video]")?.getAttribute("data-video");
  return () => {
    if (element?.isConnected) return /** @type {HTMLElement} */ (element);
    if (!part) return null;
    return document.querySelector(
      `${video ? `[data-video="${CSS.escape(video)}"] ` : ""}[data-part="${CSS.escape(part)}"]`,
    );
  };
}
