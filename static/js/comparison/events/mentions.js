// Mentions of users with `@`. The server finds the mentioned users in sessions_app/comparison/events/mentions.py.

// Characters of a user name. TYPED matches an unfinished name after an at sign.
const LETTER = "\\p{L}\\p{N}_.@+\\-";
const TYPED = new RegExp(`(?<![${LETTER}])@([${LETTER}]*)$`, "u");
const NAMED = new RegExp(`(?<![${LETTER}])@[${LETTER}]*[\\p{L}\\p{N}_]`, "gu");

/** Split a text into mentions and other parts. @param {string} text @returns {{text: string, isName: boolean}[]} */
export function splitMentions(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(NAMED)) {
    parts.push({ text: text.slice(from, found.index), isName: false }, { text: found[0], isName: true });
    from = found.index + found[0].length;
  }
  return [...parts, { text: text.slice(from), isName: false }].filter((part) => part.text);
}

/** @param {string} text @returns {(string|HTMLElement)[]} */
export const markMentions = (text) =>
  splitMentions(text).map((part) => {
    if (!part.isName) return part.text;
    const mark = document.createElement("b");
    mark.className = "mention";
    mark.append(part.text);
    return mark;
  });

/** Return the name that the user is typing after an at sign, or null. @param {string} before @returns {string|null} */
export const findTypedName = (before) => before.match(TYPED)?.[1] ?? null;

/**
 * Return the mentions in a text that name none of the known users. Mentions that may still become a known name do not
 * count: the user may be typing them.
 * @param {string} text @param {string[]} known @param {string|null} typed The name that the user is typing.
 * @returns {string[]}
 */
export function findUnknownNames(text, known, typed) {
  const names = known.map((name) => name.toLowerCase());
  return splitMentions(text)
    .filter(({ isName }) => isName)
    .map((part) => part.text.slice(1))
    .filter((mention) => {
      const word = mention.toLowerCase();
      // A dot or hyphen after a name may belong to the sentence.
      const isKnown = names.some((name) => word === name || word.startsWith(`${name}.`) || word.startsWith(`${name}-`));
      return !isKnown && !(mention === typed && names.some((name) => name.startsWith(word)));
    });
}
