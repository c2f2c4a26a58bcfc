// The access tokens of the account page.

import { fetchFragment, issueToken, revokeToken } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { h, icon, requireElement, setText } from "../base/dom.js";
import { formatRelative } from "../base/format.js";
import { createErrorNote, explainError, showToast } from "../base/notice.js";
import { showLocalTimes } from "../base/local-times.js";

const DAY_SECONDS = 86_400;

const list = requireElement("[data-token-list]");
const form = /** @type {HTMLFormElement} */ (requireElement("[data-token-form]"));
const opener = requireElement("[data-new-token]");
const made = requireElement("[data-token-made]");
const dialog = /** @type {HTMLDialogElement} */ (requireElement("[data-revoke]"));
const nameField = /** @type {HTMLInputElement} */ (requireElement("#token-name"));

export function startTokens() {
  opener.addEventListener("click", () => toggleForm(form.hidden));
  requireElement("[data-token-cancel]").addEventListener("click", () => {
    toggleForm(false);
    opener.focus();
  });
  form.addEventListener("submit", createToken);
  list.addEventListener("click", (/** @type {Event} */ event) => {
    const row = /** @type {HTMLElement|null} */ (
      /** @type {Element} */ (event.target).closest("[data-revoke-token]")?.closest("[data-token]") ?? null
    );
    if (row) askToRevoke(row);
  });
  for (const button of dialog.querySelectorAll("button"))
    button.addEventListener("click", () => dialog.close(button.value));
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
  const scopes = [...form.querySelectorAll("[name=scope]:checked")].map(
    (box) => /** @type {HTMLInputElement} */ (box).value,
  );
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
function showToken(token) {
  const key = h("code", { tabindex: "0", "aria-label": "New token" }, token.token);
  const copyButton = h(
    "button",
    { class: "btn", type: "button", onclick: () => copyWithFeedback(copyButton, token.token, key) },
    icon("copy"),
    h("span", {}, "Copy"),
  );
  const had = () => {
    made.replaceChildren();
    opener.focus();
  };
  made.replaceChildren(
    h(
      "div",
      { class: "made" },
      h(
        "div",
        { class: "note ok", data: { made: token.id } },
        icon("check"),
        h(
          "div",
          { class: "spacer" },
          h("b", { class: "anywhere" }, `The token “${token.name}” was created. Copy it now: it is shown only once.`),
          h("p", { class: "text-small" }, "If you lose the token, revoke it and create another."),
          h(
            "div",
            { class: "token-key" },
            key,
            copyButton,
            h("button", { class: "btn quiet", type: "button", onclick: had }, "Done"),
          ),
        ),
      ),
    ),
  );
  copyButton.focus();
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
  const fresh = /** @type {HTMLElement|null} */ (made.querySelector("[data-made]"))?.dataset.made;
  list.querySelector(`[data-token="${fresh}"] td`)?.append(" ", h("span", { class: "pill" }, "new"));
}

/** @param {HTMLElement} row */
function askToRevoke(row) {
  if (!row.querySelector("[data-confirm]")) return void revokeRow(row);
  setText(requireElement("#revoke-title"), `Revoke “${row.dataset.name}”?`);
  dialog.returnValue = "";
  dialog.onclose = () => dialog.returnValue === "revoke" && revokeRow(row);
  dialog.showModal();
}

/** @param {HTMLElement} row */
async function revokeRow(row) {
  try {
    await revokeToken(row.dataset.token ?? "");
  } catch (error) {
    showToast(`The token was not revoked. ${explainError(error)}`, "bad");
    return;
  }
  if (/** @type {HTMLElement|null} */ (made.querySelector("[data-made]"))?.dataset.made === row.dataset.token)
    made.replaceChildren();
  await reloadTokens();
  showToast("Token revoked.");
  opener.focus();
}
