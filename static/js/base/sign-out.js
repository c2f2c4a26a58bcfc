// The dialog that asks what to do with unsent drafts when the user signs out.

import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { deleteDrafts, listDrafts } from "./drafts.js";
import { formatCount } from "./format.js";

/**
 * @param {string} person
 * @param {(isKept: boolean) => void} signOut Function that receives whether the drafts are kept.
 */
export function askAboutDrafts(person, signOut) {
  const answer = (/** @type {string} */ words, /** @type {string} */ look, /** @type {() => void} */ act) => {
    const choose = () => {
      dialog.close();
      act();
    };
    return h("button", { class: `btn ${look}`.trim(), type: "button", onclick: choose }, words);
  };
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "drafts-heading", "aria-describedby": "drafts-words" },
      h(
        "div",
        { class: "pad col" },
        h("h2", { id: "drafts-heading" }, "Sign out and keep your drafts?"),
        h(
          "p",
          { class: "muted", id: "drafts-words" },
          `You have ${formatCount(listDrafts(person).length, "unsent draft")}. ` +
            "Drafts that you keep stay in this browser for 30 days. Other people who use this browser could read them.",
        ),
        h(
          "div",
          { class: "row end" },
          answer("Stay signed in", "quiet", () => {}),
          answer("Delete drafts", "danger", () => {
            deleteDrafts(person);
            signOut(false);
          }),
          answer("Keep drafts", "primary", () => signOut(true)),
        ),
      ),
    ),
  );
}
