// Copying text. Over plain HTTP the browser denies access to the clipboard.

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether the text was copied
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
 * Copy a text and confirm it on the button. If copying fails, select the text on the page.
 * @param {HTMLElement} button with its label in a span
 * @param {string} text
 * @param {Element} shown element that shows the text
 */
export async function copyFrom(button, text, shown) {
  const label = /** @type {HTMLElement} */ (button.querySelector("span"));
  label.dataset.words ??= label.textContent ?? "";
  const done = await copy(text);
  if (!done) getSelection()?.selectAllChildren(shown);
  label.textContent = done ? "Copied" : "Selected: press Ctrl+C";
  setTimeout(() => (label.textContent = label.dataset.words ?? ""), 3000);
}
