// A screen-reader message that survives a reload of the analysis page; the reloaded page focuses its heading.

import { need, setText } from "../base/dom.js";

const STORED = "vod-analysis-said";

/** @param {string} words */
export function tellAfterReload(words) {
  try {
    sessionStorage.setItem(STORED, words);
  } catch {
    // Without session storage the message is lost.
  }
}

export function tellWhatHappened() {
  let words = null;
  try {
    words = sessionStorage.getItem(STORED);
    sessionStorage.removeItem(STORED);
  } catch {
    return;
  }
  if (!words) return;
  need("h1").focus();
  // Screen readers announce only changes of a live region that is already in the page.
  setTimeout(() => setText(need("[data-said]"), words));
}
