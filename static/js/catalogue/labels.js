// Texts about the state of a catalogue video and its edits.

import { formatCount } from "../base/format.js";

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {{words: string, icon: string, tone: string}} Line
 */

/** @param {number} count */
const countChanges = (count) => formatCount(count, "change");

/**
 * @param {string} state
 * @param {number} pending
 * @param {"yes"|"soon"|"no"} kept
 * @returns {Line}
 */
export function describeSaved(state, pending, kept) {
  if (pending && kept === "no")
    return { words: `${countChanges(pending)} not saved; keep this page open`, icon: "alert", tone: "bad" };
  if (pending && kept === "soon" && (state === "offline" || state === "refused"))
    return { words: "Saving changes in this browser", icon: "run", tone: "run" };
  if (state === "offline")
    return {
      words: pending
        ? `No connection; ${countChanges(pending)} not sent yet`
        : "No connection; changes are stored in this browser",
      icon: "offline",
      tone: "warn",
    };
  if (state === "refused")
    return {
      words: pending ? `${countChanges(pending)} could not be sent` : "The server rejected a change",
      icon: "alert",
      tone: "bad",
    };
  if (state === "sending" || state === "pending") return { words: "Syncing", icon: "run", tone: "run" };
  if (state === "synced")
    return pending ? { words: "Syncing", icon: "run", tone: "run" } : { words: "Saved", icon: "check", tone: "ok" };
  if (state === "closed") return { words: "Not connected", icon: "alert", tone: "warn" };
  return { words: "Loading", icon: "run", tone: "run" };
}

/**
 * @param {Pick<CatalogueVideo, "status"|"is_hidden"|"deleted_at"|"error">} video
 * @returns {Line & {why: string}}
 */
export function describeAudience({ status, is_hidden, deleted_at, error }) {
  if (deleted_at)
    return {
      words: "Deleted",
      icon: "trash",
      tone: "bad",
      why: "Only administrators can see and restore this video.",
    };
  const hidden = is_hidden ? " After that, it stays hidden until a moderator shows it to everyone." : "";
  if (status === "uploading")
    return {
      words: "No file yet",
      icon: "upload",
      tone: "warn",
      why: `Only moderators can see this video until it has a file.${hidden}`,
    };
  if (status === "processing")
    return {
      words: "Processing",
      icon: "run",
      tone: "run",
      why: `Only moderators can see this video until its file is processed.${hidden}`,
    };
  if (status === "failed")
    return {
      words: "Failed",
      icon: "alert",
      tone: "bad",
      why: `${error?.message ?? "The file could not be processed."} Upload another file.`,
    };
  if (is_hidden) return { words: "Hidden", icon: "ban", tone: "warn", why: "Only moderators can see this video." };
  return {
    words: "Shown",
    icon: "check",
    tone: "ok",
    why: "Everyone with access to the catalogue can see this video.",
  };
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
