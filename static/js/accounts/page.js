// The account page: the profile form, the shortcuts switch, and which section was chosen. Tokens are next door.

import { ApiError, changeMe } from "../base/api.js";
import { need, setText } from "../base/dom.js";
import { keysOn, setKeysOn } from "../base/keys.js";
import { errorNote } from "../base/notice.js";
import { tellTimes } from "../base/times.js";
import { tokens } from "./tokens.js";

const form = /** @type {HTMLFormElement} */ (need("[data-profile]"));
const said = need("[data-profile-said]");

/** @param {string} name @param {string} text */
function sayOf(name, text) {
  const line = need(`[data-error-of=${name}]`);
  line.hidden = !text;
  setText(need("span", line), text);
  const field = need(`#${name}`);
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  return text ? field : null;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [name, picture] = ["full_name", "avatar_url"].map((id) =>
    /** @type {HTMLInputElement} */ (need(`#${id}`)).value.trim(),
  );
  const problem = need("[data-profile-error]");
  problem.replaceChildren();
  setText(said, "");
  try {
    await changeMe({ full_name: name, avatar_url: picture || null });
    for (const id of ["full_name", "avatar_url"]) sayOf(id, "");
    setText(said, "Saved.");
  } catch (error) {
    const errors = error instanceof ApiError ? (error.body?.errors ?? {}) : {};
    const fields = ["full_name", "avatar_url"].map((id) => sayOf(id, [errors[id]].flat().filter(Boolean).join(" ")));
    const first = fields.find(Boolean);
    if (first) first.focus();
    else problem.replaceChildren(errorNote("The profile was not saved.", error));
  }
});
form.addEventListener("input", () => setText(said, ""));

const off = /** @type {HTMLInputElement} */ (need("[data-keys-off]"));
off.checked = !keysOn();
off.addEventListener("change", () => setKeysOn(!off.checked));

const links = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll("[data-sections] a")]);
const mark = () => {
  const here = links.find((link) => link.hash === location.hash) ?? links[0];
  for (const link of links) {
    if (link === here) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
};
window.addEventListener("hashchange", mark);
mark();

tellTimes(need("#browsers"));
tokens();
