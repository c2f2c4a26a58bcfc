// The dialog for signing in again after the login session has ended.

import { readCookie, readAccount } from "./api.js";
import { closeDialog, openView } from "./dialog.js";
import { formatCount } from "./format.js";
import { explainError } from "./notice.js";
import { createRef, html, iconView, nothing, ref } from "./view.js";

const OFFLINE = "The server cannot be reached. Check the network, then try again.";

/** Open the dialog. Signing in dispatches `signedin`; signing in to a different account reloads the page. */
export function signInAgain() {
  const [name, password] = [createRef(), createRef()];
  let problem = "";
  let isSending = false;
  const dialog = openView(
    () => html`
      <dialog class="dialog small" aria-labelledby="again-title">
        <form class="pad col" @submit=${submitForm}>
          <h2 id="again-title">Sign in again to continue</h2>
          <p class="text-small muted">Your session has ended. Nothing on this page is lost.</p>
          <div class="field">
            <label for="again-name">User name</label>
            <input class="input" id="again-name" type="text" autocomplete="username" autocapitalize="none" required
              .value=${document.body.dataset.user ?? ""} ${ref(name)} />
          </div>
          <div class="field">
            <label for="again-password">Password</label>
            <input class="input" id="again-password" type="password" autocomplete="current-password" required autofocus
              aria-describedby="again-error" aria-invalid=${problem ? "true" : nothing} ${ref(password)} />
          </div>
          <p class="field-error" role="alert" id="again-error" ?hidden=${!problem}>
            ${iconView("alert")}<span>${problem}</span>
          </p>
          <div class="row wrap end">
            <button class="btn" type="button" @click=${closeDialog}>Not now</button>
            <button class="btn primary" aria-disabled=${isSending ? "true" : nothing}>Sign in</button>
          </div>
        </form>
      </dialog>`,
  );

  /** @param {Event} event */
  async function submitForm(event) {
    event.preventDefault();
    isSending = true;
    dialog.draw();
    try {
      problem = await signIn(getValue(name), getValue(password));
      if (problem) return;
      const { username } = await readAccount();
      if (username !== document.body.dataset.user) return location.reload();
      window.dispatchEvent(new Event("signedin"));
      dialog.close();
    } catch (error) {
      problem = error instanceof TypeError ? OFFLINE : explainError(error);
    } finally {
      isSending = false;
      dialog.draw();
      if (problem) /** @type {HTMLElement} */ (password.value).focus();
    }
  }
}

/** @param {import("./view.js").Ref<Element>} input */
const getValue = (input) => /** @type {HTMLInputElement} */ (input.value).value;

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
