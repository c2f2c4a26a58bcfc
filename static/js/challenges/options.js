// The statements, each with number, text, note and play button.

import { html, iconView, nothing } from "../base/view.js";
import { describeTaken, getStatementText } from "./status-text.js";

/**
 * @typedef {import("./api.js").Challenge} Challenge
 * @typedef {import("../base/view.js").View} View
 *
 * @typedef {object} Playing
 * @property {number} index Index of the current statement.
 * @property {boolean} playing
 * @property {Set<number>} seen Indexes of the statements watched to the end.
 * @property {(index: number) => void} play
 */

/** @param {number} index @param {Playing} now */
export const isPlayed = (index, now) => now.playing && now.index === index;

/**
 * Return the template of a statement.
 * @param {Challenge} challenge
 * @param {number} index
 * @param {Playing} now
 * @param {View} [note]
 * @param {{tone?: string, radio?: View}} [options] `radio` is the input that chooses the statement.
 */
export function optionView(challenge, index, now, note = null, { tone = "", radio = null } = {}) {
  const isPlaying = isPlayed(index, now);
  const text = html`
    <span class="statement-number" aria-hidden=${radio ? nothing : "true"}>${index + 1}</span>
    <span class="option-text">
      <span class="anywhere" dir="auto">${getStatementText(challenge, index)}</span><small>${note}</small>
    </span>`;
  const label = `${isPlaying ? "Pause" : "Play"} statement ${index + 1}`;
  const button = html`
    <button class="btn icon-only quiet" type="button" aria-label=${label} @click=${() => now.play(index)}>
      ${iconView(isPlaying ? "pause" : "play")}
    </button>`;
  return radio
    ? html`<div class="option" ?data-now=${isPlaying}><label>${radio}${text}</label>${button}</div>`
    : html`<li class="option ${tone}" ?data-now=${isPlaying}><div>${text}</div>${button}</li>`;
}

/** Return the template of the statements with the solution. @param {Challenge} challenge @param {Playing} now */
export const solutionView = (challenge, now) => html`
  <ul class="opts">
    ${challenge.statements.map((_, index) => {
      const isLie = index === challenge.lie_statement_index;
      const isMine = index === challenge.my_guess?.statement_index;
      const taken = describeTaken(challenge, index);
      const note = html`
        ${iconView(isLie ? "x" : "check")}
        <span>${isLie ? "The lie" : isMine ? "True statement" : "True"}${isMine ? " (your guess)" : ""}</span>
        ${taken ? html`<span class="more">${taken}</span>` : null}`;
      return optionView(challenge, index, now, note, { tone: isLie ? "lie" : "true" });
    })}
  </ul>`;
