// The menu of one comparison: rename, duplicate, archive, delete.

import { sessionUrl } from "../base/api.js";
import { askForName, askToDelete } from "../base/dialog.js";
import { makeNamePlace } from "../base/drafts.js";
import { toggleMenu } from "../base/menu.js";
import { explainError, showToast } from "../base/notice.js";

/**
 * @param {HTMLElement} button
 * @param {{id: string, name: string, archived: boolean, role: string}} comparison
 * @param {{onRenamed: (name: string) => void, onArchived: () => void, onDeleted: () => void}} on
 */
export function toggleComparisonMenu(button, { id, name, archived, role }, { onRenamed, onArchived, onDeleted }) {
  const api = sessionUrl(id);
  const rename = {
    label: "Rename",
    icon: "pencil",
    run: () =>
      askForName({
        heading: "Rename comparison",
        place: makeNamePlace(id, name),
        name,
        longest: 200,
        save: (/** @type {string} */ wanted) => api.change({ name: wanted }).then(() => onRenamed(wanted)),
      }),
  };
  const duplicate = {
    label: "Duplicate",
    icon: "copy",
    run: () => attemptChange(() => api.duplicate().then(openCopy)),
  };
  const edit = role === "viewer" ? [] : [...(archived ? [] : [rename]), duplicate];
  const own = [
    {
      label: archived ? "Restore" : "Archive",
      icon: archived ? "retry" : "archive",
      run: () => attemptChange(() => api.archive(!archived).then(onArchived)),
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
            "Its offsets, history, alignments and events are deleted too. The videos stay in the library. This cannot be undone.",
          remove: api.remove,
          onDeleted,
        }),
    },
  ];
  toggleMenu(button, `Actions for ${name}`, role === "owner" ? [...edit, ...own] : edit);
}

/** @param {{session: {session_id: string}}} answer */
function openCopy({ session }) {
  location.assign(`/compare/${session.session_id}`);
}

/** @param {() => Promise<unknown>} change */
function attemptChange(change) {
  change().catch((error) => showToast(explainError(error), "bad"));
}
