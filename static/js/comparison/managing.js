// What can be done with a whole comparison, in the list and on its own page: it is renamed, or deleted.

import { sessionApi } from "../base/api.js";
import { askForName, askToDelete } from "../base/dialog.js";
import { toggleMenu } from "../base/menu.js";

/**
 * @param {HTMLElement} button has aria-haspopup="menu"
 * @param {{id: string, name: string}} comparison
 * @param {{onRenamed: (name: string) => void, onDeleted: () => void}} on
 */
export function toggleComparisonMenu(button, { id, name }, { onRenamed, onDeleted }) {
  const api = sessionApi(id);
  toggleMenu(button, `Actions for ${name}`, [
    {
      label: "Rename",
      icon: "pencil",
      run: () =>
        askForName({
          heading: "Rename the comparison",
          name,
          longest: 200,
          save: (wanted) => api.change({ name: wanted }).then(() => onRenamed(wanted)),
        }),
    },
    {
      label: "Delete",
      icon: "trash",
      danger: true,
      apart: true,
      run: () =>
        askToDelete({
          heading: `Delete the comparison “${name}”?`,
          words:
            "Its offsets, their history and its alignments go. The videos stay in the library. This cannot be undone.",
          remove: api.remove,
          onDeleted,
        }),
    },
  ]);
}
