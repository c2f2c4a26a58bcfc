// Letter, colour and shape of each kind of event. Known kinds never differ in colour alone.

/** @typedef {{name: string, letter: string, tone: string, shape: "square"|"round"|"drop"}} Look */

/** Squares are events of the match, circles of a person; drops are sounds and comments. @type {Record<string, Look>} */
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
/** Kinds offered for a new event; users can type other kinds. */
export const OFFERED = ["mark", "kill", "death", "round", "goal", "comment"];
export const NOTE = "comment";
const OTHER_TONES = ["a", "b", "c", "d", "e"];

/**
 * Return the appearance of a kind of event. Unknown kinds get their first letter, and a colour derived from their name.
 * @param {string} kind @returns {Look}
 */
export function getLook(kind) {
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
 * Convert typed text to a kind of event in the API's format. Return an empty string if no character is valid.
 * @param {string} text @returns {string}
 */
export function toKind(text) {
  const plain = text.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();
  return plain
    .replaceAll(/[^a-z0-9_-]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .slice(0, 40);
}
