// The dialog for a new catalogue video: title, then files.

import { ApiError } from "../base/api.js";
import { h, icon } from "../base/dom.js";
import { createErrorNote, joinSentences } from "../base/notice.js";
import { createCatalogueVideo, makeVideoKey } from "./api.js";
import { openDialog, showFieldError } from "./reason-dialogs.js";
import { FilesForm } from "./file-fields.js";

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {import("./file-fields.js").Limits} Limits
 */

/**
 * @param {Limits} limits
 * @param {(video: CatalogueVideo) => void} onMade
 * @param {(video: CatalogueVideo) => void} onSent
 */
export function openNewVideoDialog(limits, onMade, onSent) {
  const problem = h("div", {});
  const input = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      id: "new-title",
      type: "text",
      maxlength: "255",
      required: true,
      autocomplete: "off",
      dir: "auto",
      "aria-describedby": "new-title-error",
    })
  );
  const error = h("p", { class: "field-error", id: "new-title-error", hidden: true }, icon("alert"), h("span", {}));
  const category = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      id: "new-category",
      type: "text",
      maxlength: "100",
      autocomplete: "off",
      dir: "auto",
      list: "categories",
    })
  );
  const wrong = h("p", { class: "field-error", id: "new-category-error", hidden: true }, icon("alert"), h("span", {}));
  category.setAttribute("aria-describedby", "new-category-error");
  const next = h("button", { class: "btn primary" }, "Next");
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog small making", "aria-labelledby": "new-heading" },
      h(
        "form",
        { class: "pad col", novalidate: true, onsubmit: createVideo },
        h("p", { class: "cap" }, "Step 1 of 2"),
        h("h2", { id: "new-heading" }, "New video"),
        h("div", { class: "field" }, h("label", { for: "new-title" }, "Title"), input, error),
        h("div", { class: "field" }, h("label", { for: "new-category" }, "Category"), category, wrong),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: () => dialog.close() }, "Cancel"),
          next,
        ),
      ),
    ),
  );
  input.focus();
  const key = makeVideoKey();
  let keyed = "";
  let attempt = 0;

  /** @param {Event} event */
  async function createVideo(event) {
    event.preventDefault();
    if (next.getAttribute("aria-disabled") === "true") return;
    const fields = { title: input.value.trim(), category: category.value.trim() };
    showFieldError(category, wrong, "");
    showFieldError(input, error, fields.title ? "" : "Enter a title.");
    if (!fields.title) return input.focus();
    next.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    // A changed request needs a new Idempotency-Key.
    if (keyed && keyed !== JSON.stringify(fields)) attempt += 1;
    keyed = JSON.stringify(fields);
    try {
      const video = await createCatalogueVideo(fields, `${key}-${attempt}`);
      onMade(video);
      chooseFiles(video);
    } catch (refused) {
      const errors = refused instanceof ApiError && refused.type === "invalid" ? refused.body?.errors : null;
      if (errors?.category) showFieldError(category, wrong, joinSentences(errors.category));
      if (errors?.title) showFieldError(input, error, joinSentences(errors.title));
      if (errors?.title || errors?.category) (errors.title ? input : category).focus();
      else problem.replaceChildren(createErrorNote("The video could not be created.", refused));
    } finally {
      next.removeAttribute("aria-disabled");
    }
  }

  /** @param {CatalogueVideo} video */
  function chooseFiles(video) {
    const send = h("button", { class: "btn primary" }, icon("upload"), "Upload");
    const later = h(
      "button",
      { class: "btn", type: "button", onclick: () => (files.isSending ? files.stop() : dialog.close()) },
      "Later",
    );
    const files = new FilesForm(limits, { onChange: drawFiles });
    const form = h(
      "form",
      { class: "pad col", novalidate: true, onsubmit: uploadFiles },
      h("p", { class: "cap" }, "Step 2 of 2"),
      h("h2", { class: "anywhere", id: "new-heading", dir: "auto" }, video.title),
      files.element,
      h(
        "p",
        { class: "hint" },
        "Only moderators can see the video until its file is ready. You can also upload the file later, on the video's edit page.",
      ),
      h("div", { class: "row wrap end" }, later, send),
    );
    dialog.replaceChildren(form);
    // During an upload, Escape cancels the upload, not the dialog.
    dialog.addEventListener("cancel", (event) => {
      if (!files.isSending) return;
      event.preventDefault();
      files.stop();
    });
    drawFiles();
    files.focus();

    function drawFiles() {
      send.setAttribute("aria-disabled", String(!files.chosen.video || files.isSending));
      later.textContent = files.isSending ? "Cancel upload" : "Later";
    }

    /** @param {Event} event */
    async function uploadFiles(event) {
      event.preventDefault();
      if (files.isSending || !files.chosen.video) return;
      const sent = await files.send(video.id);
      if (!sent) return dialog.isConnected ? files.focus() : undefined;
      dialog.close();
      onSent(sent);
    }
  }
}
