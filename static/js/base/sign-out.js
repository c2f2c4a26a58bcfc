// The dialog that asks what to do with unsent drafts when the user signs out.

import { openView, questionView } from "./dialog.js";
import { deleteDrafts, listDrafts } from "./drafts.js";
import { formatCount } from "./format.js";
import { html } from "./view.js";

/**
 * @param {string} person
 * @param {(isKept: boolean) => void} signOut Function that receives whether the drafts are kept.
 */
export function askAboutDrafts(person, signOut) {
  const answer = (/** @type {boolean} */ isKept) => () => {
    dialog.close();
    if (!isKept) deleteDrafts(person);
    signOut(isKept);
  };
  const dialog = openView(() =>
    questionView(
      {
        id: "drafts",
        heading: "Sign out and keep your drafts?",
        words:
          `You have ${formatCount(listDrafts(person).length, "unsent draft")}. Drafts that you keep stay in this ` +
          "browser for 30 days. Other people who use this browser could read them.",
      },
      null,
      html`<button class="btn danger" type="button" @click=${answer(false)}>Delete drafts</button>
        <button class="btn primary" type="button" @click=${answer(true)}>Keep drafts</button>`,
      "Stay signed in",
    ),
  );
}
