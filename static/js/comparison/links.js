// Links to a comparison, which admit any visitor until they expire or are revoked.

import { linksUrl } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { toDate, formatWhen } from "../base/format.js";
import { errorView, explainError, showToast } from "../base/notice.js";
import { createRoot, html, iconView, repeat } from "../base/view.js";

/** Lifetimes offered for a link, each in seconds and with its label. */
const TIMES = Object.entries({ 3600: "an hour", 86400: "a day", 604800: "a week", 2592000: "30 days" });

/**
 * @typedef {object} Link
 * @property {string} link_id
 * @property {boolean} can_comment
 * @property {boolean} has_password
 * @property {number} created_at
 * @property {number} expires_at
 * @property {string} [url]
 */

/** @param {string} id */
export function createLinksPart(id) {
  const api = linksUrl(id);
  const root = createRoot();
  /** @type {Link[]} */ let links = [];
  /** @type {import("../base/view.js").View} */ let listProblem = null;
  /** @type {import("../base/view.js").View} */ let problem = null;
  /** The new link, whose URL is shown once. @type {Link|null} */ let made = null;
  let isSending = false;
  const element = draw();
  load();
  return element;

  function draw() {
    return root(html`
      <section class="col links" aria-labelledby="links-heading">
        <h3 id="links-heading">Links</h3>
        <p class="text-small faint">
          Anyone who has a link can open this comparison without an account. Links do not give access to anything else.
        </p>
        <form class="row wrap" @submit=${createLink}>
          <select class="input auto" aria-label="Link expires after">
            ${TIMES.map(
              ([seconds, words]) => html`<option value=${seconds} ?selected=${words === "a week"}>${words}</option>`,
            )}
          </select>
          <select class="input auto" aria-label="Visitors can">
            <option value="watch">Watch</option>
            <option value="comment">Watch and comment</option>
          </select>
          <input class="input" aria-label="Password (optional)" placeholder="Password (optional)" maxlength="200"
            autocomplete="off" autocapitalize="off" spellcheck="false" ?readonly=${isSending} />
          <button class="btn" ?disabled=${isSending}>Create link</button>
        </form>
        <div>${problem}</div>
        <div aria-live="polite">${made && madeView(made)}</div>
        <ul class="col" aria-label="Links">
          ${listProblem ? html`<li>${listProblem}</li>` : repeat(links, (link) => link.link_id, rowView)}
        </ul>
      </section>`);
  }

  async function load() {
    listProblem = null;
    try {
      ({ links } = await api.list());
    } catch (error) {
      listProblem = errorView("The links could not be loaded.", error, load);
    }
    draw();
  }

  /** @param {SubmitEvent & {currentTarget: HTMLFormElement}} event */
  async function createLink(event) {
    event.preventDefault();
    const [lasts, may, password] = /** @type {any} */ (event.currentTarget.elements);
    problem = null;
    isSending = true;
    draw();
    try {
      const about = { expires_in: Number(lasts.value), can_comment: may.value === "comment" };
      const answer = await api.create(password.value ? { ...about, password: password.value } : about);
      made = answer.link;
      password.value = "";
      draw().querySelector("[aria-live]")?.scrollIntoView({ block: "nearest" });
      await load();
    } catch (error) {
      problem = errorView("The link could not be created.", error);
    }
    isSending = false;
    draw();
  }

  /** @param {Link} link */
  function madeView({ url = "" }) {
    const copy = (/** @type {any} */ { currentTarget: button }) =>
      copyWithFeedback(button, url, button.previousElementSibling);
    return html`<div class="note ok col">
      <p><b>Copy the link now.</b> It will not be shown again.</p>
      <div class="row">
        <code class="anywhere spacer" data-link-url>${url}</code>
        <button class="btn" type="button" @click=${copy}>${iconView("copy")}<span>Copy</span></button>
      </div>
    </div>`;
  }

  /** @param {Link} link */
  function rowView({ link_id: key, can_comment: mayComment, has_password: isLocked, created_at, expires_at }) {
    const until = formatWhen(toDate(expires_at));
    const who = isLocked ? "Visitors who know the password" : "Visitors";
    return html`<li class="row">
      <span class="who spacer">
        <span>Expires ${until}. ${who} can ${mayComment ? "watch and comment" : "watch"}.</span>
        <span class="faint text-small">Created ${formatWhen(toDate(created_at))}</span>
      </span>
      <button class="btn icon-only quiet" type="button" aria-label="Revoke the link that expires ${until}"
        title="Revoke this link" @click=${() => revoke(key)}>${iconView("x")}</button>
    </li>`;
  }

  /** @param {string} key */
  async function revoke(key) {
    try {
      await api.remove(key);
      made = null;
      /** @type {HTMLElement} */ (draw().querySelector("form button")).focus();
      load();
    } catch (error) {
      showToast(explainError(error), "bad");
    }
  }
}
