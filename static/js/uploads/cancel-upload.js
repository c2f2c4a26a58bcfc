// Cancellation of uploads, which asks for confirmation if data has arrived.

import { callApi } from "../base/api.js";
import { openView, questionView } from "../base/dialog.js";
import { html, iconView } from "../base/view.js";
import { formatBytes, TUS } from "../videos/api.js";

/**
 * Cancel an upload. `isDirect` is true if its bytes go straight to the bucket.
 * @param {string} id @param {boolean} isDirect @returns {Promise<void>} @throws {import("../base/api.js").ApiError}
 */
export async function cancelUpload(id, isDirect) {
  if (isDirect) await callApi("DELETE", `/api/v1/uploads/${encodeURIComponent(id)}`);
  else await callApi("DELETE", `${TUS}${encodeURIComponent(id)}`, undefined, { headers: { "Tus-Resumable": "1.0.0" } });
}

/**
 * Ask the user to confirm the cancellation of an upload, then call `run`. Do not ask if `arrived`, the number of bytes
 * on the server, is 0. `instead` tells the user about an alternative to cancelling.
 * @param {string} name @param {number} arrived @param {() => void} run @param {string} [instead]
 */
export function askToCancel(name, arrived, run, instead = "To continue later, pause the upload instead.") {
  if (arrived <= 0) return run();
  const about = {
    id: "cancel",
    heading: `Cancel the upload of “${name}”?`,
    words: `The ${formatBytes(arrived)} uploaded so far will be deleted. ${instead}`,
    isAlert: true,
  };
  const stop = () => dialog.element.close("stop");
  const button = html`<button class="btn danger" type="button" @click=${stop}>${iconView("x")}Cancel upload</button>`;
  const dialog = openView(() => questionView(about, null, button, "Continue uploading"));
  // Run only after the dialog has restored the focus, because the row with the focused button may be removed.
  dialog.element.addEventListener("close", () => dialog.element.returnValue === "stop" && run());
}
