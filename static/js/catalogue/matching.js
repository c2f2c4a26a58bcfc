// What a change in the catalogue means for a list that is narrowed. Pure; knows no page.

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {{search: string, category: string, status: string, featured: boolean}} Query
 * @typedef {{event: "INSERT"|"UPDATE"|"DELETE", new: CatalogueVideo|null, old: CatalogueVideo|null}} Change
 */

/** Of what has been deleted, and of what is hidden: stand in no row as a status. */
const DELETED = "deleted";
const HIDDEN = "hidden";

/**
 * Words as the server searches them: without case, accents and the forms of one and the same sign.
 * @param {string} text
 * @returns {string}
 */
function folded(text) {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .normalize("NFKC")
    .replace(/\s+/g, " ")
    .trim();
}

/**
 * Whether a list narrowed by the query has the video.
 * @param {CatalogueVideo} video
 * @param {Query} query
 */
export function belongs(video, query) {
  if ((video.deleted_at !== null) !== (query.status === DELETED)) return false;
  if (query.status === HIDDEN && !video.is_hidden) return false;
  if (query.status && query.status !== DELETED && query.status !== HIDDEN && video.status !== query.status)
    return false;
  if (query.featured && !video.is_featured) return false;
  if (query.category && video.category !== query.category) return false;
  const words = folded([video.title, video.category ?? "", ...video.tags, video.description].join(" "));
  return folded(query.search)
    .split(" ")
    .every((word) => words.includes(word));
}

/**
 * The query as the API has it.
 * @param {Query} query
 * @returns {Record<string, string|boolean>}
 */
export function asked({ status, ...rest }) {
  return status === HIDDEN ? { ...rest, hidden: true } : { ...rest, status };
}

/**
 * What to do about a change. What is shown stays where it is, also when it would not be found any more: a list that
 * moves by itself is pressed in the wrong place.
 * @param {Change} change
 * @param {Query} query
 * @param {CatalogueVideo|null} shown what the list shows of the same video
 * @returns {"offer"|"draw"|"remove"|"none"} offer: it is one of the new ones
 */
export function meaning(change, query, shown) {
  const video = change.new;
  if (!video) return "remove";
  if (!shown) return belongs(video, query) ? "offer" : "remove";
  if ((video.deleted_at !== null) !== (query.status === DELETED)) return "remove";
  // Two processes may tell in another order than they wrote.
  return Date.parse(video.updated_at) < Date.parse(shown.updated_at) ? "none" : "draw";
}

/**
 * How often something was watched, as people say it.
 * @param {number} count
 * @returns {string} `no views yet`, `1 view`, `1,234 views`, `12K views`
 */
export function views(count) {
  if (count === 0) return "no views yet";
  if (count === 1) return "1 view";
  return `${new Intl.NumberFormat("en", count < 10_000 ? {} : { notation: "compact", maximumFractionDigits: 1 }).format(count)} views`;
}

/**
 * What moderators are told of a video that is not there for everybody.
 * @param {CatalogueVideo} video
 * @returns {{word: string, icon: string, tone: string}[]}
 */
export function marks(video) {
  const state = {
    processing: { word: "Processing", icon: "run", tone: "run" },
    failed: { word: "Failed", icon: "alert", tone: "bad" },
    uploading: { word: "No file yet", icon: "upload", tone: "warn" },
  };
  return [
    video.deleted_at !== null && { word: "Deleted", icon: "trash", tone: "bad" },
    video.is_hidden && { word: "Hidden", icon: "ban", tone: "warn" },
    state[/** @type {keyof typeof state} */ (video.status)],
  ]
    .filter((mark) => Boolean(mark))
    .map((mark) => /** @type {{word: string, icon: string, tone: string}} */ (mark));
}
