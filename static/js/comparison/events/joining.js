// Which events are shown as one, as sessions_app/comparison/events/grouping.py says it: what several videos show of one kind at
// the same moment of the shared clock. Pure; here too, because the page moves offsets before the server knows.

const JOIN_SECONDS = 0.25;

/**
 * @typedef {object} Mark an event on the shared clock
 * @property {string} key
 * @property {number} number its place by when it was made
 * @property {string} kind
 * @property {string|null} vodId
 * @property {number} at seconds
 * @property {number} frame how long a frame of its video is, seconds
 * @property {boolean} isAlone never shown with others: what people wrote or drew must not disappear behind another event
 *
 * @typedef {object} Joined
 * @property {Mark[]} marks the one that was made first at the head
 * @property {number} at their median, seconds
 */

/**
 * @param {Mark[]} marks
 * @returns {Joined[]} by time, what was made first of equals
 */
export function join(marks) {
  const found = /** @type {Joined[]} */ ([]);
  /** @type {Map<string, Mark[]>} */ const byKind = new Map();
  for (const mark of marks) {
    if (mark.isAlone || mark.vodId === null) found.push({ marks: [mark], at: mark.at });
    else if (!byKind.get(mark.kind)?.push(mark)) byKind.set(mark.kind, [mark]);
  }
  for (const ofKind of byKind.values()) {
    ofKind.sort((a, b) => a.at - b.at || a.number - b.number);
    let together = /** @type {Mark[]} */ ([]);
    for (const mark of ofKind) {
      if (together.length && !belongs(mark, together)) {
        found.push(joined(together));
        together = [];
      }
      together.push(mark);
    }
    found.push(joined(together));
  }
  return found.sort((a, b) => a.at - b.at || a.marks[0].number - b.marks[0].number);
}

/** @param {Mark} mark @param {Mark[]} together sorted: who is near enough to the first is near enough to all */
function belongs(mark, together) {
  if (together.some((other) => other.vodId === mark.vodId)) return false;
  return mark.at - together[0].at <= Math.max(JOIN_SECONDS, mark.frame, ...together.map((one) => one.frame));
}

/** @param {Mark[]} marks by time @returns {Joined} */
function joined(marks) {
  const middle = (marks.length - 1) / 2;
  const at = (marks[Math.floor(middle)].at + marks[Math.ceil(middle)].at) / 2;
  return { marks: [...marks].sort((a, b) => a.number - b.number), at };
}
