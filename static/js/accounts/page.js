// The account page.

import { ApiError, changeMe } from "../base/api.js";
import { h, need, setText } from "../base/dom.js";
import { keysOn, setKeysOn } from "../base/keys.js";
import { errorNote } from "../base/notice.js";
import { tellTimes } from "../base/local-times.js";
import { tokens } from "./tokens.js";

const form = /** @type {HTMLFormElement} */ (need("[data-profile]"));
const said = need("[data-profile-said]");

const PICTURE_SIDE = 256; // side of the stored profile picture, in pixels

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
  const name = /** @type {HTMLInputElement} */ (need("#full_name")).value.trim();
  const problem = need("[data-profile-error]");
  problem.replaceChildren();
  setText(said, "");
  try {
    await changeMe({ full_name: name });
    sayOf("full_name", "");
    setText(said, "Saved.");
  } catch (error) {
    const errors = error instanceof ApiError ? (error.body?.errors ?? {}) : {};
    const field = sayOf("full_name", [errors.full_name].flat().filter(Boolean).join(" "));
    if (field) field.focus();
    else problem.replaceChildren(errorNote("The profile was not saved.", error));
  }
});
form.addEventListener("input", () => setText(said, ""));

const chooser = /** @type {HTMLInputElement} */ (need("[data-choose-picture]"));
const remover = need("[data-remove-picture]");
chooser.addEventListener("change", async () => {
  const [file] = chooser.files ?? [];
  chooser.value = "";
  if (file) change(async () => changeMe({ picture: await small(file) }), "The picture was not changed.");
});
remover.addEventListener("click", () => change(() => changeMe({ picture: null }), "The picture was not removed."));

/** @param {() => Promise<{avatar_url: string|null, username: string}>} act @param {string} failed */
async function change(act, failed) {
  const problem = need("[data-profile-error]");
  problem.replaceChildren();
  setText(said, "");
  try {
    const { avatar_url, username } = await act();
    const letters = username.slice(0, 2).toUpperCase();
    const face = (/** @type {string} */ alt) => (avatar_url ? h("img", { src: avatar_url, alt }) : letters);
    need("[data-picture]").replaceChildren(face("Your picture"));
    need("[data-menu] > .avatar").replaceChildren(face(""));
    if (!avatar_url && document.activeElement === remover) chooser.focus();
    remover.hidden = !avatar_url;
    setText(said, avatar_url ? "Picture changed." : "Picture removed.");
  } catch (error) {
    problem.replaceChildren(errorNote(failed, error));
  }
}

/**
 * Return the centre of an image as a small square JPEG in base64.
 * @param {File} file
 * @returns {Promise<string>}
 * @throws {ApiError} The browser cannot read or resize the image.
 */
async function small(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new ApiError("Your browser cannot read this file as a picture. Choose a JPEG, PNG or WebP file.");
  });
  const side = Math.min(picture.width, picture.height);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = PICTURE_SIDE;
  const [x, y] = [(picture.width - side) / 2, (picture.height - side) / 2];
  const context = canvas.getContext("2d");
  if (!context) throw new ApiError("Your browser could not resize the picture. Try another browser.");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, PICTURE_SIDE, PICTURE_SIDE);
  context.drawImage(picture, x, y, side, side, 0, 0, PICTURE_SIDE, PICTURE_SIDE);
  return canvas.toDataURL("image/jpeg", 0.9).split(",")[1];
}

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
