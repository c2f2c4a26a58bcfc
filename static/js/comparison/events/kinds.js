// The look of each kind of event. The colour is never the only sign.

/** @typedef {{name: string, letter: string, tone: string, shape: "square"|"round"|"drop"}} Look */

/** Squares: the match. Circles: a person. Drops: sound and comments. @type {Record<string, Look>} */
const KNOWN = {
  mark: { name: "Mark", letter: "M", tone: "accent", shape: "square" },
  comment: { name: "Comment", letter: "…", tone: "accent", shape: "drop" },
  kill: { name: "Kill", letter: "K", tone: "bad", shape: "round" },
  death: { name: "Death", letter: "D", tone: "grey", shape: "round" },
  round: { name: "Round", letter: "R", tone: "ok", shape: "square" },
  goal: { name: "Goal", letter: "G", tone: "e", shape: "square" },
  highlight: { name: "Highlight", letter: "H", tone: "warn", shape: "square" },
  shot: { name: "Shot", letter: "T", tone: "grey", shape: "square" },
  sound_peak: { name: "Sound peak", letter: "S", tone: "d", shape: "drop" },
};
/** Kinds offered for a new event, in this order; users can type others. */
export const OFFERED = ["mark", "kill", "death", "round", "goal", "comment"];
export const NOTE = "comment";
const OTHER_TONES = ["a", "b", "c", "d", "e"];

/**
 * @param {string} kind
 * @returns {Look} unknown kinds get their first letter and a colour derived from their name
 */
export function lookOf(kind) {
  if (Object.hasOwn(KNOWN, kind)) return KNOWN[kind];
  const words = kind.replaceAll(/[_-]+/g, " ").trim() || kind;
  const sum = Array.from(kind).reduce((total, letter) => (total * 31 + letter.charCodeAt(0)) % 9973, 7);
  return {
    name: words[0].toUpperCase() + words.slice(1),
    letter: words[0].toUpperCase(),
    tone: OTHER_TONES[sum % OTHER_TONES.length],
    shape: "square",
  };
}

/**
 * Convert typed text to a kind in the API's format.
 * @param {string} text
 * @returns {string} empty if no character is valid
 */
export function kindOf(text) {
  const plain = text.normalize("NFKD").toLowerCase();
  return plain
    .replaceAll(/[^a-z0-9_-]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .slice(0, 40);
}
