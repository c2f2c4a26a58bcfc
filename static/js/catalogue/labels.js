// Texts about the state of a catalogue video and its edits.

import { formatCount } from "../base/format.js";

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {{words: string, icon: string, tone: string, why: string}} Line `why` is an explanation; it may be empty.
 */

/** @param {string} words @param {string} icon @param {string} tone @returns {Line} */
const makeLine = (words, icon, tone, why = "") => ({ words, icon, tone, why });

/** @param {string} state @param {number} pending @param {"yes"|"soon"|"no"} kept @returns {Line} */
export function describeSaved(state, pending, kept) {
  const changes = formatCount(pending, "change");
  if (pending && kept === "no") return makeLine(`${changes} not saved; keep this page open`, "alert", "bad");
  if (pending && kept === "soon" && (state === "offline" || state === "refused"))
    return makeLine("Saving changes in this browser", "run", "run");
  if (state === "offline") {
    const words = pending ? `${changes} not sent yet` : "changes are stored in this browser";
    return makeLine(`No connection; ${words}`, "offline", "warn");
  }
  if (state === "refused")
    return makeLine(pending ? `${changes} could not be sent` : "The server rejected a change", "alert", "bad");
  if (state === "synced" && !pending) return makeLine("Saved", "check", "ok");
  if (state === "closed") return makeLine("Not connected", "alert", "warn");
  return makeLine(state === "starting" ? "Loading" : "Syncing", "run", "run");
}

/** @param {Pick<CatalogueVideo, "status"|"is_hidden"|"deleted_at"|"error">} video @returns {Line} */
export function describeAudience({ status, is_hidden, deleted_at, error }) {
  const hidden = is_hidden ? " After that, it stays hidden until a moderator shows it to everyone." : "";
  const only = "Only moderators can see this video";
  if (deleted_at) return makeLine("Deleted", "trash", "bad", "Only administrators can see and restore this video.");
  if (status === "uploading") return makeLine("No file yet", "upload", "warn", `${only} until it has a file.${hidden}`);
  if (status === "processing")
    return makeLine("Processing", "run", "run", `${only} until its file is processed.${hidden}`);
  const reason = error?.message ?? "The file could not be processed.";
  if (status === "failed") return makeLine("Failed", "alert", "bad", `${reason} Upload another file.`);
  if (is_hidden) return makeLine("Hidden", "ban", "warn", `${only}.`);
  return makeLine("Shown", "check", "ok", "Everyone with access to the catalogue can see this video.");
}

/** Normalize a tag as the server does. @param {string} text */
export const cleanTag = (text) =>
  text
    .normalize("NFC")
    .replace(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();

/**
 * Return the reason why a tag cannot be added; "" if it can be added.
 * @param {string} tag
 * @param {string[]} tags
 * @param {{max_tags: number, max_tag_length: number}} limits
 */
export function checkTag(tag, tags, { max_tags, max_tag_length }) {
  if ([...tag].length > max_tag_length) return `The tag is too long. Use at most ${max_tag_length} characters.`;
  if (!tags.includes(tag) && tags.length >= max_tags)
    return `A video can have at most ${max_tags} tags. Remove one first.`;
  return "";
}
