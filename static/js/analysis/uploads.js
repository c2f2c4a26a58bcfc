// The list of files that are being uploaded for analysis.

import { requireElement, setText } from "../base/dom.js";
import { showToast } from "../base/notice.js";
import { describeTooLarge, Transfer } from "../uploads/transfer.js";
import { UploadRows } from "../uploads/upload-rows.js";

/**
 * @typedef {import("../uploads/file-picker.js").Chosen} Chosen
 * @typedef {import("./api.js").Kind} Kind
 */

const PURPOSE = "analysis";
const EMPTY = "The file is empty. If it is still being recorded or copied, add it again afterwards.";

/**
 * Show the uploads. `limit` is the maximum size of a file in bytes. `onArrived` is called after an upload. It receives
 * the id of the analysis, or "" if the server's response was lost.
 * @param {HTMLElement} panel @param {number} limit @param {(sessionId: string) => void} onArrived
 */
export function showUploads(panel, limit, onArrived) {
  const rows = new UploadRows({
    list: requireElement("[data-uploads-list]", panel),
    nextFocus: () => requireElement("h1"),
    purpose: PURPOSE,
    read: null,
    onState: (transfer) => {
      if (transfer.state !== "processing") return;
      rows.remove(transfer);
      onArrived(transfer.resource);
    },
    onDrawn: drawSummary,
    replace: (transfer, chosen) => {
      if (transfer.into.analysis_type) return upload(chosen, transfer.into);
      // The upload was started before this page was loaded, so its settings are unknown.
      showToast("To analyse another file, use “New analysis”.", "warn");
    },
  });

  /** @param {Transfer[]} transfers */
  function drawSummary(transfers) {
    panel.hidden = transfers.length === 0;
    const going = transfers.filter((one) => one.isGoing).length;
    const needing = transfers.length - going;
    const words = [
      going && `${going} uploading`,
      needing && `${needing} ${needing === 1 ? "needs" : "need"} attention`,
    ];
    setText(requireElement("[data-uploads-words]", panel), words.filter(Boolean).join(", "));
  }

  /** @param {Chosen} chosen @param {Transfer["into"]} into */
  function upload({ file, handle }, into) {
    const transfer = new Transfer({ file, name: file.name, size: file.size, handle, into, read: null });
    if (file.size > limit) transfer.refuse("too_large", ...describeTooLarge(limit));
    else if (file.size === 0) transfer.refuse("empty", "Empty file", EMPTY);
    rows.add(transfer);
  }

  return {
    /** @param {Chosen[]} files @param {Kind} kind @param {Record<string, any>} params */
    add(files, kind, params) {
      // This metadata makes the server analyse an upload.
      const into = { purpose: PURPOSE, analysis_type: kind, params: JSON.stringify(params) };
      for (const chosen of files) {
        const { file, handle } = chosen;
        const waiting = rows.transfers.find((one) => one.state === "unfinished" && one.fits(file));
        if (!waiting) {
          upload(chosen, into);
          continue;
        }
        const words = "was started earlier. It continues with the settings that you chose then.";
        showToast(`The upload of “${file.name}” ${words}`, "warn");
        waiting.giveFile(file, handle);
      }
    },
  };
}
