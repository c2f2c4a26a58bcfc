// The dialog for signing in again after the login session has ended.

import { readCookie, readAccount } from "./api.js";
import { h, icon, requireElement } from "./dom.js";
import { formatCount } from "./format.js";
import { explainError } from "./notice.js";

const OFFLINE = "The server cannot be reached. Check the network, then try again.";

/** Open the dialog. Signing in dispatches `signedin`; signing in to a different account reloads the page. */
export function signInAgain() {
  const before = /** @type {HTMLElement|null} */ (document.activeElement);
  const problem = h(
    "p",
    { class: "field-error", role: "alert", id: "again-error", hidden: true },
    icon("alert"),
    h("span", {}),
  );
  const name = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      id: "again-name",
      type: "text",
      autocomplete: "username",
      autocapitalize: "none",
      required: true,
      value: document.body.dataset.user ?? "",
    })
  );
  const password = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      id: "again-password",
      type: "password",
      autocomplete: "current-password",
      required: true,
      autofocus: true,
      "aria-describedby": "again-error",
    })
  );
  const send = h("button", { class: "btn primary" }, "Sign in");
  const dialog = /** @type {HTMLDialogElement} */ (
    h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "again-title", onclose: onClosed },
      h(
        "form",
        { class: "pad col", onsubmit: submitForm },
        h("h2", { id: "again-title" }, "Sign in again to continue"),
        h("p", { class: "text-small muted" }, "Your session has ended. Nothing on this page is lost."),
        h("div", { class: "field" }, h("label", { for: "again-name" }, "User name"), name),
        h("div", { class: "field" }, h("label", { for: "again-password" }, "Password"), password),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: () => dialog.close() }, "Not now"),
          send,
        ),
      ),
    )
  );
  document.body.append(dialog);
  dialog.showModal();

  function onClosed() {
    dialog.remove();
    before?.focus();
  }

  /** @param {string} text */
  function showMessage(text) {
    requireElement("span", problem).textContent = text;
    problem.hidden = false;
    password.setAttribute("aria-invalid", "true");
    password.focus();
  }

  /** @param {Event} event */
  async function submitForm(event) {
    event.preventDefault();
    send.setAttribute("aria-disabled", "true");
    try {
      const trouble = await signIn(name.value, password.value);
      if (trouble) return showMessage(trouble);
      const { username } = await readAccount();
      if (username !== document.body.dataset.user) return location.reload();
      window.dispatchEvent(new Event("signedin"));
      dialog.close();
    } catch (error) {
      showMessage(error instanceof TypeError ? OFFLINE : explainError(error));
    } finally {
      send.removeAttribute("aria-disabled");
    }
  }
}

/**
 * Sign in; return an error message, or "" on success.
 * @param {string} username
 * @param {string} password
 * @returns {Promise<string>}
 */
async function signIn(username, password) {
  // Loading the form sets the CSRF cookie; a redirect means that the user has signed in elsewhere.
  const form = await fetch("/login", { redirect: "manual" });
  if (form.type === "opaqueredirect") return "";
  const body = new URLSearchParams({ username, password, csrfmiddlewaretoken: readCookie("csrftoken") });
  const answer = await fetch("/login", { method: "POST", body, redirect: "manual", headers: { Accept: "text/html" } });
  if (answer.type === "opaqueredirect") {
    // Update the CSRF token of the page's forms, which signing in has changed.
    const fields = document.querySelectorAll("input[name=csrfmiddlewaretoken]");
    for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (fields)) field.value = readCookie("csrftoken");
    return "";
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const said = page.querySelector("#signin-error")?.textContent?.trim();
  if (said) return said;
  const wait = Number(answer.headers.get("Retry-After"));
  if (answer.status === 429)
    return `Too many attempts. Wait ${wait ? formatCount(wait, "second") : "a few seconds"}, then try again.`;
  return "Sign-in failed. Reload the page, then try again.";
}
