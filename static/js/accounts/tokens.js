// The access tokens of the account page.

import { fetchFragment, issueToken, revokeToken } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { openView, questionView } from "../base/dialog.js";
import { requireElement, setText } from "../base/dom.js";
import { formatRelative } from "../base/format.js";
import { showLocalTimes } from "../base/local-times.js";
import { createErrorNote, explainError, showToast } from "../base/notice.js";
import { createRoot, html, iconView, mount } from "../base/view.js";

const DAY_SECONDS = 86_400;

const list = requireElement("[data-token-list]");
const form = /** @type {HTMLFormElement} */ (requireElement("[data-token-form]"));
const opener = requireElement("[data-new-token]");
const drawMade = mount(requireElement("[data-token-made]"));
const nameField = /** @type {HTMLInputElement} */ (requireElement("#token-name"));
/** Id of the created token whose key is shown. */ let shownToken = "";

export function startTokens() {
  opener.addEventListener("click", () => toggleForm(form.hidden));
  requireElement("[data-token-cancel]").addEventListener("click", () => {
    toggleForm(false);
    opener.focus();
  });
  form.addEventListener("submit", createToken);
  list.addEventListener("click", (/** @type {Event} */ event) => {
    const button = /** @type {Element} */ (event.target).closest("[data-revoke-token]");
    const row = /** @type {HTMLElement|null} */ (button?.closest("[data-token]") ?? null);
    if (row) askToRevoke(row);
  });
  showTimes();
}

/** @param {boolean} on */
function toggleForm(on) {
  form.hidden = !on;
  opener.setAttribute("aria-expanded", String(on));
  if (on) nameField.focus();
}

/** @param {string} text */
function showError(text) {
  const line = requireElement("[data-token-error]");
  line.hidden = !text;
  setText(requireElement("span", line), text);
}

/** @param {Event} event */
async function createToken(event) {
  event.preventDefault();
  const scopes = new FormData(form).getAll("scope").map(String);
  const name = nameField.value.trim();
  if (nameField.readOnly) return; // the server is creating the token
  if (!name) return showError("Enter a name, so that you can recognise the token later.");
  if (!scopes.length) return showError("Choose at least one permission.");
  showError("");
  const days = Number(/** @type {HTMLSelectElement} */ (requireElement("#token-expiry")).value);
  nameField.readOnly = true;
  try {
    showToken(await issueToken({ name, scopes, expires_in: days ? days * DAY_SECONDS : null }));
  } catch (error) {
    return showError(explainError(error));
  } finally {
    nameField.readOnly = false;
  }
  form.reset();
  toggleForm(false);
  await reloadTokens();
}

/** @param {{id: string, name: string, token: string}} token */
function showToken({ id, name, token }) {
  const copy = (/** @type {any} */ { currentTarget: button }) =>
    copyWithFeedback(button, token, button.previousElementSibling);
  shownToken = id;
  drawMade(html`
    <div class="made">
      <div class="note ok">
        ${iconView("check")}
        <div class="spacer">
          <b class="anywhere">The token “${name}” was created. Copy it now: it is shown only once.</b>
          <p class="text-small">If you lose the token, revoke it and create another.</p>
          <div class="token-key">
            <code tabindex="0" aria-label="New token">${token}</code>
            <button class="btn" type="button" @click=${copy}>${iconView("copy")}<span>Copy</span></button>
            <button class="btn quiet" type="button" @click=${hideToken}>Done</button>
          </div>
        </div>
      </div>
    </div>`);
  requireElement(".token-key button").focus();
}

function hideToken() {
  shownToken = "";
  drawMade(null);
  opener.focus();
}

async function reloadTokens() {
  try {
    const page = await fetchFragment("/account");
    list.replaceChildren(...requireElement("[data-token-list]", page).childNodes);
    showTimes();
  } catch (error) {
    list.prepend(createErrorNote("The list of tokens could not be reloaded.", error, reloadTokens));
  }
}

function showTimes() {
  showLocalTimes(list);
  for (const time of /** @type {NodeListOf<HTMLTimeElement>} */ (list.querySelectorAll("time[data-ago]"))) {
    time.title = (time.textContent ?? "").replace(/\s+/g, " ");
    time.textContent = formatRelative(new Date(time.dateTime));
  }
  const pill = createRoot()(html`<span class="pill">new</span>`);
  list.querySelector(`[data-token="${shownToken}"] td`)?.append(" ", pill);
}

/** @param {HTMLElement} row */
function askToRevoke(row) {
  if (!row.querySelector("[data-confirm]")) return void revokeRow(row);
  const words = "Programs that use this token lose access immediately. This cannot be undone.";
  const revoke = () => {
    dialog.close();
    revokeRow(row);
  };
  const button = html`
    <button class="btn danger" type="button" @click=${revoke}>${iconView("trash")}Revoke</button>`;
  const about = { id: "revoke", heading: `Revoke “${row.dataset.name}”?`, words, isAlert: true };
  const dialog = openView(() => questionView(about, null, button));
}

/** @param {HTMLElement} row */
async function revokeRow(row) {
  try {
    await revokeToken(row.dataset.token ?? "");
  } catch (error) {
    return showToast(`The token was not revoked. ${explainError(error)}`, "bad");
  }
  if (shownToken === row.dataset.token) hideToken();
  await reloadTokens();
  showToast("Token revoked.");
  opener.focus();
}
