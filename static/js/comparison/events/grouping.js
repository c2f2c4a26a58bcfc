// Grouping of events of one kind that several videos show at the same moment. The page has its own copy of
// sessions_app/comparison/events/grouping.py, because it must regroup events as soon as the user changes an offset.

const JOIN_SECONDS = 0.25;

/**
 * @typedef {object} Mark An event on the shared clock.
 * @property {string} key
 * @property {number} number The event's index in order of creation.
 * @property {string} kind
 * @property {string} label
 * @property {string|null} vodId
 * @property {number} at The event's time in seconds.
 * @property {number} frame The duration of a frame of the event's video, in seconds.
 * @property {boolean} isAlone True if the event is never grouped, so that its text or drawing stays
 *   visible.
 *
 * @typedef {object} Joined A group of events.
 * @property {Mark[]} marks
 * @property {number} at The median time of the group's events, in seconds.
 */

/** Group events; the groups are ordered by time, then by creation. @param {Mark[]} marks @returns {Joined[]} */
export function groupEvents(marks) {
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
      if (together.length && !mayJoin(mark, together)) {
        found.push(mergeMarks(together));
        together = [];
      }
      together.push(mark);
    }
    found.push(mergeMarks(together));
  }
  return found.sort((a, b) => a.at - b.at || a.marks[0].number - b.marks[0].number);
}

/**
 * Return whether an event may join a group. It must be near the group's first event, and the group may have no event of
 * the same video.
 * @param {Mark} mark
 * @param {Mark[]} together The group's events, ordered by time.
 */
function mayJoin(mark, together) {
  if (together.some((other) => other.vodId === mark.vodId || isClash(mark, other))) return false;
  return mark.at - together[0].at <= Math.max(JOIN_SECONDS, mark.frame, ...together.map((one) => one.frame));
}

/** Return whether two events have different labels. @param {Mark} one @param {Mark} other */
const isClash = (one, other) => one.label !== "" && other.label !== "" && one.label !== other.label;

/** @param {Mark[]} marks @returns {Joined} */
function mergeMarks(marks) {
  const middle = (marks.length - 1) / 2;
  const at = (marks[Math.floor(middle)].at + marks[Math.ceil(middle)].at) / 2;
  return { marks: [...marks].sort((a, b) => a.number - b.number), at };
}
