// Texts about the status and results of challenges.

import { formatCount } from "../base/format.js";

/** @typedef {import("./api.js").Challenge} Challenge */

const NUMBERS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/**
 * Describe the statements, as in `two are true, one is a lie`.
 * @param {number} count The number of statements, including the lie.
 * @returns {string}
 */
export function describeKinds(count) {
  return `${NUMBERS[count - 1] ?? count - 1} ${count === 2 ? "is" : "are"} true, one is a lie`;
}

/** Return the owner's displayed name. @param {Challenge} challenge */
export const formatOwner = ({ owner: { full_name: name, username } }) =>
  name && name !== username ? `${name} (${username})` : username;

/**
 * Return the text of a statement, or its number if it has no text.
 * @param {Challenge} challenge
 * @param {number} index
 */
export const getStatementText = ({ statements }, index) => statements[index].text || `Statement ${index + 1}`;

/** @type {Record<Challenge["status"], {icon: string, word: string, tone: string, text: string}>} */
const STATUSES = {
  draft: {
    icon: "pencil",
    word: "Draft",
    tone: "",
    text: "Only you can see this challenge. Others can play it once it is published.",
  },
  published: { icon: "check", word: "Published", tone: "ok", text: "All signed-in users can play this challenge." },
  withheld: {
    icon: "ban",
    word: "Withheld",
    tone: "warn",
    text: "A moderator has taken this challenge down. Only you and moderators can see it, and you cannot publish it again. If you think this is a mistake, ask an administrator.",
  },
};

/** @param {Challenge} challenge */
export const getStatus = (challenge) => STATUSES[challenge.status];

/** @param {Challenge} challenge @returns {string} */
export function describeFound({ results, guess_count, my_guess }) {
  if (!guess_count || !results) return "Nobody has guessed yet.";
  if (guess_count === 1 && my_guess) return "You are the first player.";
  const { correct } = results;
  if (guess_count === 1) return `The only player so far ${correct ? "found" : "did not find"} the lie.`;
  const found = correct === guess_count ? "All" : correct ? `${correct} of` : "None of";
  return `${found} ${guess_count} players found the lie.`;
}

/** @param {Challenge} challenge @param {number} index @returns {string} */
export function describeTaken({ results, guess_count }, index) {
  if (!results || !guess_count) return "";
  return `${results.by_statement[index]} of ${formatCount(guess_count, "player")} chose this statement`;
}

/** Return a challenge's public address. @param {Challenge} challenge @returns {string} */
export const getUrl = ({ id }) => new URL(`/challenges/${id}`, location.href).href;
