// The account page.

import { ApiError, changeAccount } from "../base/api.js";
import { h, requireElement, setText } from "../base/dom.js";
import { showDrafts } from "../base/draft-list.js";
import { keepTypedText } from "../base/drafts.js";
import { areKeysOn, setKeysOn } from "../base/keys.js";
import { createErrorNote } from "../base/notice.js";
import { showLocalTimes } from "../base/local-times.js";
import { startTokens } from "./tokens.js";

const form = /** @type {HTMLFormElement} */ (requireElement("[data-profile]"));
const said = requireElement("[data-profile-said]");

const PICTURE_SIDE = 256; // side of the stored profile picture, in pixels

/** @param {string} name @param {string} text */
function showSectionMessage(name, text) {
  const line = requireElement(`[data-error-of=${name}]`);
  line.hidden = !text;
  setText(requireElement("span", line), text);
  const field = requireElement(`#${name}`);
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  return text ? field : null;
}

const nameField = /** @type {HTMLInputElement} */ (requireElement("#full_name"));
const forgetName = keepTypedText("profile", { name: nameField });

/** The last save. Saves run in turn, so that an older name does not replace a newer one. */
let turn = Promise.resolve();
form.addEventListener("submit", (event) => {
  event.preventDefault();
  turn = turn.then(saveProfile);
});

async function saveProfile() {
  const typed = nameField.value;
  const problem = requireElement("[data-profile-error]");
  problem.replaceChildren();
  setText(said, "");
  try {
    await changeAccount({ full_name: typed.trim() });
    showSectionMessage("full_name", "");
    if (nameField.value !== typed) return;
    forgetName();
    setText(said, "Saved.");
  } catch (error) {
    const errors = error instanceof ApiError ? (error.body?.errors ?? {}) : {};
    const field = showSectionMessage("full_name", [errors.full_name].flat().filter(Boolean).join(" "));
    if (field) field.focus();
    else problem.replaceChildren(createErrorNote("The profile was not saved.", error));
  }
}
form.addEventListener("input", () => setText(said, ""));

const chooser = /** @type {HTMLInputElement} */ (requireElement("[data-choose-picture]"));
const remover = requireElement("[data-remove-picture]");
chooser.addEventListener("change", async () => {
  const [file] = chooser.files ?? [];
  chooser.value = "";
  if (file)
    changePicture(async () => changeAccount({ picture: await shrinkImage(file) }), "The picture was not changed.");
});
remover.addEventListener("click", () =>
  changePicture(() => changeAccount({ picture: null }), "The picture was not removed."),
);

/** @param {() => Promise<{avatar_url: string|null, username: string}>} act @param {string} failed */
async function changePicture(act, failed) {
  const problem = requireElement("[data-profile-error]");
  problem.replaceChildren();
  setText(said, "");
  try {
    const { avatar_url, username } = await act();
    const letters = username.slice(0, 2).toUpperCase();
    const face = (/** @type {string} */ alt) => (avatar_url ? h("img", { src: avatar_url, alt }) : letters);
    requireElement("[data-picture]").replaceChildren(face("Your picture"));
    requireElement("[data-menu] > .avatar").replaceChildren(face(""));
    if (!avatar_url && document.activeElement === remover) chooser.focus();
    remover.hidden = !avatar_url;
    setText(said, avatar_url ? "Picture changed." : "Picture removed.");
  } catch (error) {
    problem.replaceChildren(createErrorNote(failed, error));
  }
}

/**
 * Return the centre of an image as a small square JPEG in base64.
 * @param {File} file
 * @returns {Promise<string>}
 * @throws {ApiError} The browser cannot read or resize the image.
 */
async function shrinkImage(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new ApiError("Your browser cannot open this picture. Choose a JPEG, PNG or WebP file.");
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

const off = /** @type {HTMLInputElement} */ (requireElement("[data-keys-off]"));
off.checked = !areKeysOn();
off.addEventListener("change", () => setKeysOn(!off.checked));

const links = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll("[data-sections] a")]);
const updateButtons = () => {
  const here = links.find((link) => link.hash === location.hash) ?? links[0];
  for (const link of links) {
    if (link === here) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
};
window.addEventListener("hashchange", updateButtons);
updateButtons();

showLocalTimes(requireElement("#browsers"));
showDrafts(document.body.dataset.userId ?? "");
startTokens();
