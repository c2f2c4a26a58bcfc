// Groups of buttons from which the user chooses one value.

/**
 * Call a function with the value of each pressed button.
 * @param {Element} group
 * @param {(value: string) => void} choose
 */
export const listenToButtons = (group, choose) =>
  group.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (button) choose(button.value);
  });

/** Mark the button with this value as pressed. @param {Element} group @param {string|number|null} value */
export function markButton(group, value) {
  for (const button of group.querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button.value === String(value)));
}
