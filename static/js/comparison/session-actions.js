// The menu of one comparison: rename, duplicate, archive, delete.

import { ApiError, sessionUrl } from "../base/api.js";
import { askToConfirm, askToDelete } from "../base/dialog.js";
import { makeNamePlace } from "../base/drafts.js";
import { askForName } from "../base/form-dialog.js";
import { toggleMenu } from "../base/menu.js";
import { errorView, explainError, showToast } from "../base/notice.js";

const DELETED =
  "This also deletes the comparison's offsets, history, alignments and events. The videos stay in the library. " +
  "This cannot be undone.";

const LEFT = "You lose access. Your comments and events stay. To return, you need a new invitation.";

/**
 * @param {HTMLElement} button
 * @param {{id: string, name: string, archived: boolean, role: string}} comparison
 * @param {object} on
 * @param {(name: string) => void} on.onRenamed @param {() => void} on.onArchived @param {() => void} on.onDeleted
 * @param {import("../base/menu.js").MenuItem[]} [on.hidden] Actions whose buttons the page does not show.
 */
export function toggleComparisonMenu(
  button,
  { id, name, archived, role },
  { onRenamed, onArchived, onDeleted, hidden = [] },
) {
  const api = sessionUrl(id);
  let shown = name;
  const save = async (/** @type {string} */ wanted) => {
    const saved = (await api.read()).session.name;
    if (saved !== shown && saved !== wanted) {
      shown = saved;
      const text = `Another user has changed the name to “${saved}”. To replace it, save again.`;
      throw new ApiError(text, { status: 409 });
    }
    await api.change({ name: wanted });
    onRenamed(wanted);
  };
  const attempt = (/** @type {() => Promise<unknown>} */ change) => () =>
    change().catch((error) => showToast(explainError(error), "bad"));
  const askToRename = () =>
    askForName({ heading: "Rename comparison", draft: makeNamePlace(id, name), name, longest: 200, save });
  const heading = `Delete the comparison “${name}”?`;
  const duplicate = async () => {
    const { session } = await api.duplicate();
    location.assign(`/compare/${session.session_id}`);
  };
  const archive = attempt(() => api.archive(!archived).then(onArchived));
  const edit = [
    ...(archived ? [] : [{ label: "Rename", icon: "pencil", run: askToRename }]),
    { label: "Duplicate", icon: "copy", run: attempt(duplicate) },
  ];
  const own = [
    { label: archived ? "Restore" : "Archive", icon: archived ? "retry" : "archive", run: archive },
    {
      label: "Delete",
      icon: "trash",
      danger: true,
      apart: true,
      run: () => askToDelete({ heading, words: DELETED, remove: api.remove, onDeleted }),
    },
  ];
  const question = { heading: `Leave the comparison “${name}”?`, words: LEFT, label: "Leave", icon: "signout" };
  const askToLeave = () =>
    askToConfirm({
      ...question,
      act: api.leave,
      onDone: onDeleted,
      refused: (error) => errorView("You could not leave the comparison.", error),
    });
  const leave = [{ label: "Leave", icon: "signout", danger: true, apart: true, run: askToLeave }];
  const items = { owner: [...edit, ...own], viewer: leave }[role] ?? [...edit, ...leave];
  toggleMenu(button, `Actions for ${name}`, [...hidden, ...items]);
}
