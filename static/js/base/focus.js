/**
 * Return a function that returns an element or, after a redraw, the new element with the same `data-part` and
 * `data-video`.
 * @param {Element|null} element
 * @returns {() => HTMLElement|null}
 */
export function makeFinder(element) {
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
