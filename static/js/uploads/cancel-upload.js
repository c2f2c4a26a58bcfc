// Cancellation of uploads, which asks for confirmation if data has arrived.

import { callApi } from "../base/api.js";
import { h, icon } from "../base/dom.js";
import { makeFinder } from "../base/focus.js";
import { formatBytes, TUS } from "../videos/api.js";

/**
 * Cancel an upload. `isDirect` is true if its bytes go straight to the bucket.
 * @param {string} id
 * @param {boolean} isDirect
 * @returns {Promise<void>}
 * @throws {import("../base/api.js").ApiError}
 */
export async function cancelUpload(id, isDirect) {
  if (isDirect) await callApi("DELETE", `/api/v1/uploads/${encodeURIComponent(id)}`);
  else await callApi("DELETE", `${TUS}${encodeURIComponent(id)}`, undefined, { headers: { "Tus-Resumable": "1.0.0" } });
}

/**
 * Ask the user to confirm the cancellation of an upload, then call `run`. Do not ask if `arrived`, the number of bytes
 * on the server, is 0. `instead` tells the user about an alternative to cancelling.
 * @param {string} name
 * @param {number} arrived
 * @param {() => void} run
 * @param {string} [instead]
 */
export function askToCancel(name, arrived, run, instead = "To continue later, pause the upload instead.") {
  if (arrived <= 0) return run();
  const before = makeFinder(document.activeElement);
  const dialog = /** @type {HTMLDialogElement} */ (
    h(
      "dialog",
      {
        class: "dialog small",
        role: "alertdialog",
        "aria-labelledby": "cancel-heading",
        "aria-describedby": "cancel-words",
      },
      h(
        "div",
        { class: "pad col" },
        h("h2", { class: "anywhere", id: "cancel-heading", dir: "auto" }, `Cancel the upload of “${name}”?`),
        h(
          "p",
          { class: "muted", id: "cancel-words" },
          `The ${formatBytes(arrived)} uploaded so far will be deleted. ${instead}`,
        ),
        h(
          "div",
          { class: "row wrap end" },
          h(
            "button",
            { class: "btn", type: "button", autofocus: true, onclick: () => dialog.close() },
            "Continue uploading",
          ),
          h(
            "button",
            { class: "btn danger", type: "button", onclick: () => dialog.close("stop") },
            icon("x"),
            "Cancel upload",
          ),
        ),
      ),
    )
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    before()?.focus();
    if (dialog.returnValue === "stop") run();
  });
  document.body.append(dialog);
  dialog.showModal();
}
