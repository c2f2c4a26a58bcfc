// The dialog that shares a comparison: invitations, rights and links.

import { sharesUrl } from "../base/api.js";
import { openNamedDialog } from "../base/dialog.js";
import { h, icon } from "../base/dom.js";
import { toDate, formatWhen } from "../base/format.js";
import { createErrorNote, explainError, showToast } from "../base/notice.js";
import { createLinksPart } from "./links.js";

const RIGHTS = [
  ["watch", "Watch"],
  ["comment", "Watch and comment"],
  ["edit", "Edit"],
];

/** @typedef {{share_id: string, username: string, role: string, can_comment: boolean, created_at: number}} Share */

/** @param {string} value @returns {{role: string, can_comment: boolean}} */
function toRights(value) {
  return { role: value === "edit" ? "editor" : "viewer", can_comment: value !== "watch" };
}

/** @param {Share} share */
function toChoice({ role, can_comment: canComment }) {
  return role === "editor" ? "edit" : canComment ? "comment" : "watch";
}

/** @param {string} label @param {string} value @param {(select: HTMLSelectElement) => void} [changed] */
function createSelect(label, value, changed) {
  const element = /** @type {HTMLSelectElement} */ (
    h(
      "select",
      { class: "input auto", "aria-label": label },
      ...RIGHTS.map(([key, words]) => h("option", { value: key, selected: key === value }, words)),
    )
  );
  if (changed) element.addEventListener("change", () => changed(element));
  return element;
}

/** @param {{id: string, name: string}} comparison */
export function openSharing({ id, name }) {
  const api = sharesUrl(id);
  const people = h("ul", { class: "col", "aria-label": "People" });
  const problem = h("div", {});
  const user = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      "aria-label": "User name",
      placeholder: "User name",
      required: true,
      maxlength: "150",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
    })
  );
  const rights = createSelect("Access", "comment");
  openNamedDialog(
    `Share “${name}”`,
    "sharing",
    h(
      "div",
      { class: "pad col" },
      h("form", { class: "row", onsubmit: invite }, user, rights, h("button", { class: "btn primary" }, "Invite")),
      problem,
      people,
      h(
        "p",
        { class: "text-small faint" },
        "People you invite see this comparison in their list of comparisons. If you remove them, they lose access at once.",
      ),
      createLinksPart(id),
    ),
  );
  user.focus();
  drawShares();

  async function drawShares() {
    try {
      const { shares } = await api.list();
      people.replaceChildren(
        h("li", { class: "row" }, h("span", { class: "spacer" }, "You"), h("span", { class: "faint" }, "Owner")),
        ...shares.map(createRow),
        shares.length ? "" : h("li", { class: "faint" }, "You have not invited anyone yet."),
      );
    } catch (error) {
      people.replaceChildren(h("li", {}, createErrorNote("The list could not be loaded.", error, drawShares)));
    }
  }

  /** @param {Event} event */
  async function invite(event) {
    event.preventDefault();
    const username = user.value.trim();
    problem.replaceChildren();
    if (!username) return user.focus();
    try {
      await api.create({ username, ...toRights(rights.value) });
      if (user.value.trim() === username) user.value = "";
      await drawShares();
    } catch (error) {
      problem.replaceChildren(createErrorNote(`${username} could not be invited.`, error));
    }
    user.focus();
  }

  /** @param {Share} share */
  function createRow(share) {
    const { share_id: key, username } = share;
    return h(
      "li",
      { class: "row" },
      h(
        "span",
        { class: "who spacer" },
        h("span", { class: "truncate", dir: "auto" }, username),
        h("span", { class: "faint text-small" }, `Invited ${formatWhen(toDate(share.created_at))}`),
      ),
      createSelect(`Access for ${username}`, toChoice(share), (own) => {
        const rights = toRights(own.value);
        own.disabled = true;
        api
          .change(key, rights)
          .then(
            () => {
              Object.assign(share, rights);
              showToast("Access changed.");
            },
            (error) => {
              showToast(explainError(error), "bad");
              own.value = toChoice(share);
            },
          )
          .finally(() => (own.disabled = false));
      }),
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          "aria-label": `Remove ${username}`,
          title: `Remove ${username}`,
          onclick: () =>
            api.remove(key).then(
              () => {
                user.focus();
                drawShares();
              },
              (error) => showToast(explainError(error), "bad"),
            ),
        },
        icon("x"),
      ),
    );
  }
}
