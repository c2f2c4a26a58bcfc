/**
 * @typedef {object} Filters Filters of the events.
 * @property {Set<string>} hiddenKinds
 * @property {string} vodId The id of the video whose events are shown; empty for all videos.
 * @property {string} person The name of the user whose events are shown: events that this user created or
 *   replied to. It is empty for all users.
 * @property {string} origin `made` to show events by people, and `found` to show detected events; empty for
 *   both.
 */

/** @returns {Filters} */
export const makeEmptyFilters = () => ({ hiddenKinds: new Set(), vodId: "", person: "", origin: "" });

const MADE = new Set(["manual", "import"]);

/** @param {import("./store.js").Shown[]} shown @param {Filters} filters */
export function filterEvents(shown, { hiddenKinds, vodId, person, origin }) {
  return shown.filter(
    ({ event, sources }) =>
      !hiddenKinds.has(event.kind) &&
      (!vodId || sources.some((source) => source.event.vod_id === vodId)) &&
      (!person || isFrom(event, person)) &&
      (!origin || (origin === "made") === MADE.has(event.origin)),
  );
}

/** @param {import("./store.js").SessionEvent} event @param {string} person */
const isFrom = (event, person) =>
  event.created_by_name === person || event.replies.some((reply) => reply.created_by_name === person);

/** @param {import("./store.js").Shown[]} shown @returns {[string, number][]} */
export function countKinds(shown) {
  /** @type {Map<string, number>} */ const counts = new Map();
  for (const { event } of shown) counts.set(event.kind, (counts.get(event.kind) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
}

/** @param {import("./store.js").Shown[]} shown @returns {string[]} */
export function listPeople(shown) {
  const names = shown.flatMap(({ event }) => [
    event.created_by_name,
    ...event.replies.map((reply) => reply.created_by_name),
  ]);
  return [...new Set(names)].filter(Boolean).sort((a, b) => a.localeCompare(b));
}

/**
 * Return the index of the last entry at or before a time; -1 if there is none.
 * @param {{at: number}[]} list Ordered by time.
 * @param {number} T @returns {number}
 */
export function findLastBegun(list, T) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].at <= T) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
