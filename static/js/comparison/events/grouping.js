// Groups events of one kind that several videos show at the same moment. Repeats
// sessions_app/comparison/events/grouping.py, because the page must regroup as soon as it moves an offset.

const JOIN_SECONDS = 0.25;

/**
 * @typedef {object} Mark An event on the shared clock.
 * @property {string} key
 * @property {number} number Index in order of creation.
 * @property {string} kind
 * @property {string|null} vodId
 * @property {number} at Time in seconds.
 * @property {number} frame Duration of a frame of the event's video, in seconds.
 * @property {boolean} isAlone True if the event is never grouped, so that its text or drawing stays visible.
 *
 * @typedef {object} Joined A group of events.
 * @property {Mark[]} marks
 * @property {number} at Median time in seconds.
 */

/**
 * Group events; the groups are ordered by time, then by creation.
 * @param {Mark[]} marks
 * @returns {Joined[]}
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

/**
 * Return whether an event may join a group: its video is not in the group, and the group's first event is near.
 * @param {Mark} mark
 * @param {Mark[]} together Group's events, ordered by time.
 */
function belongs(mark, together) {
  if (together.some((other) => other.vodId === mark.vodId)) return false;
  return mark.at - together[0].at <= Math.max(JOIN_SECONDS, mark.frame, ...together.map((one) => one.frame));
}

/** @param {Mark[]} marks @returns {Joined} */
function joined(marks) {
  const middle = (marks.length - 1) / 2;
  const at = (marks[Math.floor(middle)].at + marks[Math.ceil(middle)].at) / 2;
  return { marks: [...marks].sort((a, b) => a.number - b.number), at };
}
