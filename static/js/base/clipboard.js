// Copying text, also where the page came over plain http and the browser keeps the clipboard from it.

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is in the clipboard now
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Copy, and say so on the button itself for a moment; where it cannot be done, select what is to be copied.
 * @param {HTMLElement} button has its words in a span
 * @param {string} text
 * @param {Element} shown where the text stands on the page
 */
export async function copyFrom(button, text, shown) {
  const label = /** @type {HTMLElement} */ (button.querySelector("span"));
  label.dataset.words ??= label.textContent ?? "";
  const done = await copy(text);
  if (!done) getSelection()?.selectAllChildren(shown);
  label.textContent = done ? "Copied" : "Selected: copy it by keys";
  setTimeout(() => (label.textContent = label.dataset.words ?? ""), 3000);
}
