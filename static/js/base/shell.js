// Controls of all pages: theme switch, account menu, and banners for a lost connection or an ended session.

import "./bell.js";
import { DraftFiles } from "./draft-files.js";
import { listDrafts } from "./drafts.js";
import { showToast } from "./notice.js";
import { askAboutDrafts } from "./sign-out.js";
import { signInAgain } from "./sign-in.js";

const YEAR = 365 * 24 * 3600;
const DRAFT_FILES = ["vod-challenges", "vod-pro"]; // names of the databases with the files of drafts
const LONGEST_DELETION = 3000; // ms that signing out waits for the deletion of these files
const SIGNED_IN = "vod-signed-in"; // localStorage key for the id of the user whose page was loaded last

// If another tab signs in to a different account, reload, so that no text is sent in that account's name.
const { userId } = document.body.dataset;
if (userId) {
  window.addEventListener("storage", ({ key, newValue }) => {
    if (key === SIGNED_IN && newValue && newValue !== userId) location.reload();
  });
  try {
    localStorage.setItem(SIGNED_IN, userId);
  } catch {}
}

// Warn about a shortened paste: browsers cut pasted text at the field's maxlength without a message.
document.addEventListener("paste", (event) => {
  const field = /** @type {HTMLInputElement} */ (event.target);
  if (!(field.maxLength > 0)) return;
  const chosen = (field.selectionEnd ?? 0) - (field.selectionStart ?? 0);
  const pasted = event.clipboardData?.getData("text/plain") ?? "";
  if (field.value.length - chosen + pasted.length > field.maxLength)
    showToast(`The end of the pasted text was cut off. The maximum is ${field.maxLength} characters.`, "warn");
});

// Show the placeholder of pictures that fail to load, including those that failed before this script ran.
const hideBroken = (/** @type {EventTarget|null} */ image) => {
  if (image instanceof HTMLImageElement && image.matches(".picture > img, .tile > img")) image.hidden = true;
};
document.addEventListener("error", ({ target }) => hideBroken(target), true);
for (const image of document.images) if (image.complete && image.currentSrc && !image.naturalWidth) hideBroken(image);

for (const group of document.querySelectorAll("[data-theme-switch]")) {
  group.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (!button) return;
    const theme = button.value;
    document.documentElement.dataset.theme = theme;
    document.cookie = `theme=${theme};path=/;max-age=${YEAR};samesite=lax`;
    for (const other of /** @type {NodeListOf<HTMLButtonElement>} */ (
      document.querySelectorAll("[data-theme-switch] button")
    )) {
      other.setAttribute("aria-pressed", String(other.value === theme));
    }
  });
}

for (const menu of /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll("details[data-menu]"))) {
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(/** @type {Node} */ (event.relatedTarget))) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
    event.stopPropagation();
  });
}

for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll('form[action="/logout"]'))) {
  let hasAsked = false;
  form.addEventListener("submit", (event) => {
    const person = document.body.dataset.userId ?? "";
    if (!hasAsked && listDrafts(person).length) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return askAboutDrafts(person, (isKept) => {
        hasAsked = true;
        form.dataset.drafts = isKept ? "kept" : "";
        form.requestSubmit();
      });
    }
  });
}

// At sign-out, delete the files of the user's drafts, unless the user keeps drafts. Other users' files stay.
document.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (event.defaultPrevented || form.getAttribute("action") !== "/logout" || form.dataset.drafts === "kept") return;
  event.preventDefault();
  const deletions = DRAFT_FILES.map((name) => new DraftFiles(name).deleteAll(""));
  // Sign out in any case: a broken storage may never answer.
  await Promise.race([Promise.all(deletions), new Promise((resolve) => setTimeout(resolve, LONGEST_DELETION))]);
  form.submit();
});

const offline = document.querySelector("[data-offline]");
if (offline) {
  const show = () => offline.toggleAttribute("hidden", navigator.onLine);
  window.addEventListener("online", show);
  window.addEventListener("offline", show);
  show();
}

const signedOut = document.querySelector("[data-signed-out]");
if (signedOut) {
  window.addEventListener("signedout", () => signedOut.removeAttribute("hidden"));
  window.addEventListener("signedin", () => signedOut.setAttribute("hidden", ""));
  signedOut.querySelector("button")?.addEventListener("click", signInAgain);
}
