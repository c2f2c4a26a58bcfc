// Grouping of events of one kind that several videos show at the same moment. Repeats
// sessions_app/comparison/events/grouping.py, because the page moves offsets before the server does.

const JOIN_SECONDS = 0.25;

/**
 * @typedef {object} Mark event on the shared clock
 * @property {string} key
 * @property {number} number index in order of creation
 * @property {string} kind
 * @property {string|null} vodId
 * @property {number} at seconds
 * @property {number} frame duration of a frame of its video, seconds
 * @property {boolean} isAlone never grouped: texts and drawings must stay visible
 *
 * @typedef {object} Joined
 * @property {Mark[]} marks in order of creation
 * @property {number} at median, seconds
 */

/**
 * @param {Mark[]} marks
 * @returns {Joined[]} by time, then by creation
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

/** @param {Mark} mark @param {Mark[]} together by time: only the distance to the first counts */
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
