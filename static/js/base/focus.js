// Where the focus was, found again after what had it has been drawn again.

/**
 * @param {Element|null} element what has the focus
 * @returns {() => HTMLElement|null} it, or what stands in its place now: the same part (`data-part`) of the same video
 * (`data-video`); null when that is gone
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
