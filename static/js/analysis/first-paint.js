// A message that screen readers read out after a reload of the analysis page.

import { requireElement, setText } from "../base/dom.js";

const STORED = "vod-analysis-said";

/** @param {string} words */
export function toastAfterReload(words) {
  try {
    sessionStorage.setItem(STORED, words);
  } catch {}
}

export function showStoredToast() {
  try {
    const words = sessionStorage.getItem(STORED);
    if (!words) return;
    sessionStorage.removeItem(STORED);
    requireElement("h1").focus();
    // Set the text in a later task, because screen readers announce only changes of a live region.
    setTimeout(() => setText(requireElement("[data-said]"), words));
  } catch {}
}
