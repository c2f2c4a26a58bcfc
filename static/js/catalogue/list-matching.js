// Decisions about how a changed video affects a filtered list.

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {{search: string, category: string, status: string, featured: boolean}} Query
 * @typedef {{event: "INSERT"|"UPDATE"|"DELETE", new: CatalogueVideo|null, old: CatalogueVideo|null}} Change
 */

// values of the status filter that are not statuses of a video
const [DELETED, HIDDEN] = ["deleted", "hidden"];

/** Remove case and accents as the server's search does. @param {string} text @returns {string} */
function foldText(text) {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .normalize("NFKC")
    .replace(/\s+/g, " ")
    .trim();
}

/** @param {CatalogueVideo} video @param {Query} query */
export function matchesQuery(video, query) {
  if ((video.deleted_at !== null) !== (query.status === DELETED)) return false;
  if (query.status === HIDDEN && !video.is_hidden) return false;
  if (query.status && ![DELETED, HIDDEN, video.status].includes(query.status)) return false;
  if (query.featured && !video.is_featured) return false;
  if (query.category && video.category !== query.category) return false;
  const words = foldText([video.title, video.category ?? "", ...video.tags, video.description].join(" "));
  return foldText(query.search)
    .split(" ")
    .every((word) => words.includes(word));
}

/** @param {Query} query @returns {Record<string, string|boolean>} */
export function toQueryParameters({ status, ...rest }) {
  return status === HIDDEN ? { ...rest, hidden: true } : { ...rest, status };
}

/**
 * Return how a list reacts to a changed video:
 *
 * - "offer": count the video as new.
 * - "draw": redraw its card. The card stays even if the video no longer matches the filters, so that no card moves
 *   under the pointer.
 * - "remove": remove its card, and no longer count it as new. A card is removed only if the video was deleted or
 *   restored, or if the user may no longer see the video.
 * - "none": ignore the change.
 *
 * @param {Change} change
 * @param {Query} query
 * @param {CatalogueVideo|null} shown
 * @returns {"offer"|"draw"|"remove"|"none"}
 */
export function classifyChange(change, query, shown) {
  const video = change.new;
  if (!video) return "remove";
  if (!shown) return matchesQuery(video, query) ? "offer" : "remove";
  if ((video.deleted_at !== null) !== (query.status === DELETED)) return "remove";
  // Ignore an older version: messages of different server processes can arrive out of order.
  return Date.parse(video.updated_at) < Date.parse(shown.updated_at) ? "none" : "draw";
}

/** Format a number of views, such as `1,234 views` or `12K views`. @param {number} count @returns {string} */
export function formatViews(count) {
  if (count === 0) return "no views yet";
  if (count === 1) return "1 view";
  const format = count < 10_000 ? {} : /** @type {const} */ ({ notation: "compact", maximumFractionDigits: 1 });
  return `${count.toLocaleString("en", format)} views`;
}

/** @param {CatalogueVideo} video */
export const isPlayable = ({ video_url, status }) => Boolean(video_url) && status === "ready";

/** @param {CatalogueVideo} video @returns {{word: string, icon: string, tone: string}[]} */
export function listMarks(video) {
  const marks = [
    video.deleted_at !== null && { word: "Deleted", icon: "trash", tone: "bad" },
    video.is_hidden && { word: "Hidden", icon: "ban", tone: "warn" },
    video.status === "processing" && { word: "Processing", icon: "run", tone: "run" },
    video.status === "failed" && { word: "Failed", icon: "alert", tone: "bad" },
    video.status === "uploading" && { word: "No file yet", icon: "upload", tone: "warn" },
  ];
  return marks.filter((mark) => typeof mark === "object");
}
