// The dialog that shares a comparison: invitations, rights and links.

import { sharesApi } from "../base/api.js";
import { showNamed } from "../base/dialog.js";
import { h, icon } from "../base/dom.js";
import { instant, when } from "../base/format.js";
import { errorNote, explain, toast } from "../base/notice.js";
import { linksPart } from "./links.js";

const RIGHTS = [
  ["watch", "Watch"],
  ["comment", "Watch and comment"],
  ["edit", "Edit"],
];

/** @typedef {{share_id: string, username: string, role: string, can_comment: boolean, created_at: number}} Share */

/** @param {string} value @returns {{role: string, can_comment: boolean}} */
function rightsOf(value) {
  return { role: value === "edit" ? "editor" : "viewer", can_comment: value !== "watch" };
}

/** @param {Share} share */
function choiceOf({ role, can_comment: canComment }) {
  return role === "editor" ? "edit" : canComment ? "comment" : "watch";
}

/** @param {string} label @param {string} value @param {(select: HTMLSelectElement) => void} [changed] */
function select(label, value, changed) {
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
  const api = sharesApi(id);
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
  const rights = select("Rights", "comment");
  showNamed(
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
        "People you invite see it in their list of comparisons. If you remove them, they lose access at once.",
      ),
      linksPart(id),
    ),
  );
  user.focus();
  draw();

  async function draw() {
    try {
      const { shares } = await api.list();
      people.replaceChildren(
        h("li", { class: "row" }, h("span", { class: "spacer" }, "You"), h("span", { class: "faint" }, "Owner")),
        ...shares.map(row),
        shares.length ? "" : h("li", { class: "faint" }, "You have not invited anyone yet."),
      );
    } catch (error) {
      people.replaceChildren(h("li", {}, errorNote("The list could not be loaded.", error, draw)));
    }
  }

  /** @param {Event} event */
  async function invite(event) {
    event.preventDefault();
    const username = user.value.trim();
    problem.replaceChildren();
    if (!username) return user.focus();
    try {
      await api.create({ username, ...rightsOf(rights.value) });
      user.value = "";
      await draw();
    } catch (error) {
      problem.replaceChildren(errorNote(`${username} could not be invited.`, error));
    }
    user.focus();
  }

  /** @param {Share} share */
  function row(share) {
    const { share_id: key, username } = share;
    return h(
      "li",
      { class: "row" },
      h(
        "span",
        { class: "who spacer" },
        h("span", { class: "truncate", dir: "auto" }, username),
        h("span", { class: "faint text-small" }, `Invited ${when(instant(share.created_at))}`),
      ),
      select(`Rights of ${username}`, choiceOf(share), (own) => {
        const rights = rightsOf(own.value);
        own.disabled = true;
        api
          .change(key, rights)
          .then(
            () => {
              Object.assign(share, rights);
              toast("Rights changed.");
            },
            (error) => {
              toast(explain(error), "bad");
              own.value = choiceOf(share);
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
                draw();
              },
              (error) => toast(explain(error), "bad"),
            ),
        },
        icon("x"),
      ),
    );
  }
}
