// The account page.

import { ApiError, changeAccount } from "../base/api.js";
import { requireElement, setText } from "../base/dom.js";
import { showDrafts } from "../base/draft-list.js";
import { keepTypedText } from "../base/drafts.js";
import { areKeysOn, setKeysOn } from "../base/keys.js";
import { showLocalTimes } from "../base/local-times.js";
import { errorView } from "../base/notice.js";
import { createRoot, html, mount } from "../base/view.js";
import { startTokens } from "./tokens.js";

const form = /** @type {HTMLFormElement} */ (requireElement("[data-profile]"));
const said = requireElement("[data-profile-said]");
const drawProblem = mount(requireElement("[data-profile-error]"));

const PICTURE_SIDE = 256; // side of the stored profile picture, in pixels

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
  drawProblem(null);
  setText(said, "");
  try {
    await changeAccount({ full_name: typed.trim() });
    showNameError("");
    if (nameField.value !== typed) return;
    forgetName();
    setText(said, "Saved.");
  } catch (error) {
    const errors = error instanceof ApiError ? (error.body?.errors ?? {}) : {};
    const text = [errors.full_name].flat().filter(Boolean).join(" ");
    showNameError(text);
    if (text) nameField.focus();
    else drawProblem(errorView("The profile was not saved.", error));
  }
}

/** @param {string} text */
function showNameError(text) {
  const line = requireElement("[data-error-of=full_name]");
  line.hidden = !text;
  setText(requireElement("span", line), text);
  nameField.ariaInvalid = text ? "true" : null;
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
  drawProblem(null);
  setText(said, "");
  try {
    const { avatar_url, username } = await act();
    const letters = username.slice(0, 2).toUpperCase();
    const face = (/** @type {string} */ alt) =>
      avatar_url ? createRoot()(html`<img src=${avatar_url} alt=${alt} />`) : letters;
    requireElement("[data-picture]").replaceChildren(face("Your picture"));
    requireElement("[data-menu] > .avatar").replaceChildren(face(""));
    if (!avatar_url && document.activeElement === remover) chooser.focus();
    remover.hidden = !avatar_url;
    setText(said, avatar_url ? "Picture changed." : "Picture removed.");
  } catch (error) {
    drawProblem(errorView(failed, error));
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
  for (const link of links) link.ariaCurrent = link === here ? "true" : null;
};
window.addEventListener("hashchange", updateButtons);
updateButtons();

showLocalTimes(requireElement("#browsers"));
showDrafts(document.body.dataset.userId ?? "");
startTokens();
