/**
 * Follow a pressed pointer until it is released, or until Escape or the browser cancels the drag. Capture the pointer
 * for the pressed element.
 * @param {PointerEvent} event @param {(event: PointerEvent) => void} onMove
 * @param {(isReleased: boolean) => void} [onEnd]
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
    stop(event.type === "pointerup");
  };
  const stop = (/** @type {boolean} */ isReleased) => {
    over.abort();
    if (element.hasPointerCapture(pointerId)) element.releasePointerCapture(pointerId);
    onEnd(isReleased);
  };
  const cancel = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    stop(false);
  };
  capture();
  window.addEventListener("pointermove", move, { signal });
  window.addEventListener("pointerup", end, { signal });
  window.addEventListener("pointercancel", end, { signal });
  window.addEventListener("keydown", cancel, { signal, capture: true });
}
