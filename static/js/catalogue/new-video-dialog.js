// The dialog for a new catalogue video: title, then files.

import { openDialog } from "../base/dialog.js";
import { h, icon } from "../base/dom.js";
import { openFormDialog } from "../base/form-dialog.js";
import { createCatalogueVideo, makeVideoKey } from "./api.js";
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
  const key = makeVideoKey();
  let keyed = "";
  let attempt = 0;
  openFormDialog({
    id: "new",
    cap: "Step 1 of 2",
    heading: "New video",
    draft: "new-video",
    fields: [
      { name: "title", label: "Title", maxlength: 255, missing: "Enter a title." },
      { name: "category", label: "Category", maxlength: 100, list: "categories" },
    ],
    label: "Next",
    size: "small making",
    send: ({ title, category }) => {
      const fields = { title, category };
      // A changed request needs a new Idempotency-Key.
      if (keyed && keyed !== JSON.stringify(fields)) attempt += 1;
      keyed = JSON.stringify(fields);
      return createCatalogueVideo(fields, `${key}-${attempt}`);
    },
    onDone: (video) => {
      onMade(video);
      chooseFiles(video);
    },
    failed: "The video could not be created.",
  });

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
    const dialog = openDialog(h("dialog", { class: "dialog small making", "aria-labelledby": "new-heading" }, form));
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
