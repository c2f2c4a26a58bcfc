// The access tokens of the account page.

import { fragment, makeToken, revokeToken } from "../base/api.js";
import { copyFrom } from "../base/clipboard.js";
import { h, icon, need, setText } from "../base/dom.js";
import { relative } from "../base/format.js";
import { errorNote, explain, toast } from "../base/notice.js";
import { tellTimes } from "../base/local-times.js";

const DAY_SECONDS = 86_400;

const list = need("[data-token-list]");
const form = /** @type {HTMLFormElement} */ (need("[data-token-form]"));
const opener = need("[data-new-token]");
const made = need("[data-token-made]");
const dialog = /** @type {HTMLDialogElement} */ (need("[data-revoke]"));
const nameField = /** @type {HTMLInputElement} */ (need("#token-name"));

export function tokens() {
  opener.addEventListener("click", () => open(form.hidden));
  need("[data-token-cancel]").addEventListener("click", () => {
    open(false);
    opener.focus();
  });
  form.addEventListener("submit", make);
  list.addEventListener("click", (/** @type {Event} */ event) => {
    const row = /** @type {HTMLElement|null} */ (
      /** @type {Element} */ (event.target).closest("[data-revoke-token]")?.closest("[data-token]") ?? null
    );
    if (row) ask(row);
  });
  for (const button of dialog.querySelectorAll("button"))
    button.addEventListener("click", () => dialog.close(button.value));
  tell();
}

/** @param {boolean} on */
function open(on) {
  form.hidden = !on;
  opener.setAttribute("aria-expanded", String(on));
  if (on) nameField.focus();
}

/** @param {string} text */
function complain(text) {
  const line = need("[data-token-error]");
  line.hidden = !text;
  setText(need("span", line), text);
}

/** @param {Event} event */
async function make(event) {
  event.preventDefault();
  const scopes = [...form.querySelectorAll("[name=scope]:checked")].map(
    (box) => /** @type {HTMLInputElement} */ (box).value,
  );
  const name = nameField.value.trim();
  if (!name) return complain("Enter a name, so that you can recognize the token later.");
  if (!scopes.length) return complain("Choose at least one permission.");
  complain("");
  const days = Number(/** @type {HTMLSelectElement} */ (need("#token-expiry")).value);
  try {
    show(await makeToken({ name, scopes, expires_in: days ? days * DAY_SECONDS : null }));
  } catch (error) {
    return complain(explain(error));
  }
  form.reset();
  open(false);
  await reload();
}

/** @param {{id: string, name: string, token: string}} token */
function show(token) {
  const key = h("code", { tabindex: "0", "aria-label": "The new token" }, token.token);
  const copyButton = h(
    "button",
    { class: "btn", type: "button", onclick: () => copyFrom(copyButton, token.token, key) },
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
          h("b", { class: "anywhere" }, `“${token.name}” was created. Copy the token now: it is shown only once.`),
          h(
            "p",
            { class: "text-small" },
            "We store only a fingerprint. If you lose the token, revoke it and create another.",
          ),
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

async function reload() {
  try {
    const page = await fragment("/account");
    list.replaceChildren(...need("[data-token-list]", page).childNodes);
    tell();
  } catch (error) {
    list.prepend(errorNote("The list could not be reloaded.", error, reload));
  }
}

function tell() {
  tellTimes(list);
  for (const time of /** @type {NodeListOf<HTMLTimeElement>} */ (list.querySelectorAll("time[data-ago]"))) {
    time.title = (time.textContent ?? "").replace(/\s+/g, " ");
    time.textContent = relative(new Date(time.dateTime));
  }
  const fresh = /** @type {HTMLElement|null} */ (made.querySelector("[data-made]"))?.dataset.made;
  list.querySelector(`[data-token="${fresh}"] td`)?.append(" ", h("span", { class: "pill" }, "new"));
}

/** @param {HTMLElement} row */
function ask(row) {
  if (!row.querySelector("[data-confirm]")) return void revoke(row);
  setText(need("#revoke-title"), `Revoke “${row.dataset.name}”?`);
  dialog.returnValue = "";
  dialog.onclose = () => dialog.returnValue === "revoke" && revoke(row);
  dialog.showModal();
}

/** @param {HTMLElement} row */
async function revoke(row) {
  try {
    await revokeToken(row.dataset.token ?? "");
  } catch (error) {
    toast(`The token was not revoked. ${explain(error)}`, "bad");
    return;
  }
  if (/** @type {HTMLElement|null} */ (made.querySelector("[data-made]"))?.dataset.made === row.dataset.token)
    made.replaceChildren();
  await reload();
  toast("Token revoked.");
  opener.focus();
}
