// What the page of an analysis says when it has loaded itself anew: the words, and the focus on its heading.

import { need, setText } from "../base/dom.js";

const STORED = "vod-analysis-said";

/** @param {string} words */
export function tellAfterReload(words) {
  try {
    sessionStorage.setItem(STORED, words);
  } catch {
    // A browser that keeps nothing says nothing.
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
  // Not before the region is there to be listened to.
  setTimeout(() => setText(need("[data-said]"), words));
}
