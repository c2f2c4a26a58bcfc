/**
 * Follow a pressed pointer until it is released. Capture it for the pressed element.
 * @param {PointerEvent} event @param {(event: PointerEvent) => void} onMove @param {() => void} [onEnd]
 */
export function followPointer({ currentTarget, pointerId }, onMove, onEnd = () => {}) {
  const element = /** @type {HTMLElement} */ (currentTarget);
  const over = new AbortController();
  const { signal } = over;
  const capture = () => element.isConnected && element.setPointerCapture(pointerId);
  const move = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId !== pointerId) return;
    onMove(event);
    capture(); // redrawing may have moved the element, which releases the pointer
  };
  const end = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId !== pointerId) return;
    over.abort();
    onEnd();
  };
  capture();
  window.addEventListener("pointermove", move, { signal });
  window.addEventListener("pointerup", end, { signal });
  window.addEventListener("pointercancel", end, { signal });
}
