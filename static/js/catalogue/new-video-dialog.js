// The dialog for a new catalogue video: title, then files.

import { openView } from "../base/dialog.js";
import { openFormDialog } from "../base/form-dialog.js";
import { html, iconView } from "../base/view.js";
import { createCatalogueVideo, makeVideoKey } from "./api.js";
import { FilesForm } from "./file-fields.js";

/** @typedef {import("./api.js").CatalogueVideo} CatalogueVideo */

/**
 * @param {import("./file-fields.js").Limits} limits
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
    const files = new FilesForm(limits, { onChange: () => dialog.draw() });
    const isReady = () => files.chosen.video !== null && !files.isSending;
    const dialog = openView(
      () => html`
        <dialog class="dialog small making" aria-labelledby="new-heading" @cancel=${onCancel}>
          <form class="pad col" novalidate @submit=${uploadFiles}>
            <p class="cap">Step 2 of 2</p>
            <h2 class="anywhere" id="new-heading" dir="auto">${video.title}</h2>
            ${files.element}
            <p class="hint">
              Only moderators can see the video until its file is ready. You can also upload the file later, on the
              video's edit page.
            </p>
            <div class="row wrap end">
              <button class="btn" type="button" @click=${() => (files.isSending ? files.stop() : dialog.close())}>${
                files.isSending ? "Cancel upload" : "Later"
              }</button>
              <button class="btn primary" aria-disabled=${!isReady()}>${iconView("upload")}Upload</button>
            </div>
          </form>
        </dialog>`,
    );
    files.focus();

    /** During an upload, Escape cancels the upload, not the dialog. @param {Event} event */
    function onCancel(event) {
      if (!files.isSending) return;
      event.preventDefault();
      files.stop();
    }

    /** @param {Event} event */
    async function uploadFiles(event) {
      event.preventDefault();
      if (!isReady()) return;
      const sent = await files.send(video.id);
      if (!sent) return dialog.element.isConnected ? files.focus() : undefined;
      dialog.close();
      onSent(sent);
    }
  }
}
