/**
 * Copy a text to the clipboard, if the browser allows it; return whether it did.
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Copy a text and confirm it on the button. If copying fails, select the text on the page.
 * @param {HTMLElement} button
 * @param {string} text
 * @param {Element} shown
 */
export async function copyWithFeedback(button, text, shown) {
  const label = /** @type {HTMLElement} */ (button.querySelector("span"));
  label.dataset.words ??= label.textContent ?? "";
  const done = await copyText(text);
  if (!done) getSelection()?.selectAllChildren(shown);
  label.textContent = done ? "Copied" : "Press Ctrl+C to copy";
  setTimeout(() => (label.textContent = label.dataset.words ?? ""), 3000);
}
