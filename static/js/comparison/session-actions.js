// The menu of one comparison: rename, duplicate, archive, delete.

import { ApiError, sessionUrl } from "../base/api.js";
import { askToDelete } from "../base/dialog.js";
import { makeNamePlace } from "../base/drafts.js";
import { askForName } from "../base/form-dialog.js";
import { toggleMenu } from "../base/menu.js";
import { explainError, showToast } from "../base/notice.js";

/**
 * @param {HTMLElement} button
 * @param {{id: string, name: string, archived: boolean, role: string}} comparison
 * @param {{onRenamed: (name: string) => void, onArchived: () => void, onDeleted: () => void}} on
 */
export function toggleComparisonMenu(button, { id, name, archived, role }, { onRenamed, onArchived, onDeleted }) {
  const api = sessionUrl(id);
  let shown = name;
  const save = async (/** @type {string} */ wanted) => {
    const saved = (await api.read()).session.name;
    if (saved !== shown && saved !== wanted) {
      shown = saved;
      throw new ApiError(`Another user has changed the name to “${saved}”. To replace it, save again.`, {
        status: 409,
      });
    }
    await api.change({ name: wanted });
    onRenamed(wanted);
  };
  const rename = {
    label: "Rename",
    icon: "pencil",
    run: () =>
      askForName({
        heading: "Rename comparison",
        draft: makeNamePlace(id, name),
        name,
        longest: 200,
        save,
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
            "This also deletes the comparison's offsets, history, alignments and events. The videos stay in the library. This cannot be undone.",
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
