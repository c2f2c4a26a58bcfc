// Links to a comparison, which admit any visitor until they expire or are revoked.

import { linksUrl } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { h, icon } from "../base/dom.js";
import { toDate, formatWhen } from "../base/format.js";
import { createErrorNote, explainError, showToast } from "../base/notice.js";

/** Lifetimes offered for a link, each in seconds and with its label. */
const TIMES = [
  [3600, "an hour"],
  [86_400, "a day"],
  [604_800, "a week"],
  [2_592_000, "30 days"],
];

/** @typedef {{link_id: string, can_comment: boolean, has_password: boolean, created_at: number, expires_at: number, url?: string}} Link */

/**
 * @param {string} id
 */
export function createLinksPart(id) {
  const api = linksUrl(id);
  const list = h("ul", { class: "col", "aria-label": "Links" });
  const problem = h("div", {});
  const made = h("div", { "aria-live": "polite" });
  const lasts = /** @type {HTMLSelectElement} */ (
    h(
      "select",
      { class: "input auto", "aria-label": "Link expires after" },
      ...TIMES.map(([seconds, words]) =>
        h("option", { value: String(seconds), selected: words === "a week" }, String(words)),
      ),
    )
  );
  const may = /** @type {HTMLSelectElement} */ (
    h(
      "select",
      { class: "input auto", "aria-label": "Visitors can" },
      h("option", { value: "watch" }, "Watch"),
      h("option", { value: "comment" }, "Watch and comment"),
    )
  );
  const password = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      "aria-label": "Password (optional)",
      placeholder: "Password (optional)",
      maxlength: "200",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
    })
  );
  const button = /** @type {HTMLButtonElement} */ (h("button", { class: "btn" }, "Create link"));
  drawLinks();
  return h(
    "section",
    { class: "col links", "aria-labelledby": "links-heading" },
    h("h3", { id: "links-heading" }, "Links"),
    h(
      "p",
      { class: "text-small faint" },
      "Anyone who has a link can open this comparison without an account. Links do not give access to anything else.",
    ),
    h("form", { class: "row wrap", onsubmit: createLink }, lasts, may, password, button),
    problem,
    made,
    list,
  );

  async function drawLinks() {
    try {
      const { links } = await api.list();
      list.replaceChildren(...links.map(createRow));
    } catch (error) {
      list.replaceChildren(h("li", {}, createErrorNote("The links could not be loaded.", error, drawLinks)));
    }
  }

  /** @param {Event} event */
  async function createLink(event) {
    event.preventDefault();
    problem.replaceChildren();
    button.disabled = true;
    password.readOnly = true;
    try {
      const { link } = await api.create({
        expires_in: Number(lasts.value),
        can_comment: may.value === "comment",
        ...(password.value ? { password: password.value } : {}),
      });
      password.value = "";
      showLink(link);
      await drawLinks();
    } catch (error) {
      problem.replaceChildren(createErrorNote("The link could not be created.", error));
    } finally {
      button.disabled = password.readOnly = false;
    }
  }

  /** @param {Link} link */
  function showLink(link) {
    const address = h("code", { class: "anywhere spacer", "data-link-url": "" }, link.url ?? "");
    const copier = h(
      "button",
      { class: "btn", type: "button", onclick: () => copyWithFeedback(copier, link.url ?? "", address) },
      icon("copy"),
      h("span", {}, "Copy"),
    );
    made.replaceChildren(
      h(
        "div",
        { class: "note ok col" },
        h("p", {}, h("b", {}, "Copy the link now."), " It will not be shown again."),
        h("div", { class: "row" }, address, copier),
      ),
    );
    made.scrollIntoView({ block: "nearest" });
  }

  /** @param {Link} link */
  function createRow(link) {
    const until = formatWhen(toDate(link.expires_at));
    const rights = link.can_comment ? "watch and comment" : "watch";
    return h(
      "li",
      { class: "row" },
      h(
        "span",
        { class: "who spacer" },
        h("span", {}, `Expires ${until}. Visitors${link.has_password ? " who know the password" : ""} can ${rights}.`),
        h("span", { class: "faint text-small" }, `Created ${formatWhen(toDate(link.created_at))}`),
      ),
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          "aria-label": `Revoke the link that expires ${until}`,
          title: "Revoke this link",
          onclick: () =>
            api.remove(link.link_id).then(
              () => {
                made.replaceChildren();
                button.focus();
                drawLinks();
              },
              (error) => showToast(explainError(error), "bad"),
            ),
        },
        icon("x"),
      ),
    );
  }
}
