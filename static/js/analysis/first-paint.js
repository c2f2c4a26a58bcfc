// A screen-reader message that is read after a reload of the analysis page.

import { need, setText } from "../base/dom.js";

const STORED = "vod-analysis-said";

/** @param {string} words */
export function tellAfterReload(words) {
  try {
    sessionStorage.setItem(STORED, words);
  } catch {}
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
  // Set the text in a later task, because screen readers announce only changes of a live region.
  setTimeout(() => setText(need("[data-said]"), words));
}
