// The guess form. Each user guesses once, and only the server's answer contains the solution.

import { ApiError, makeIdempotencyKey } from "../base/api.js";
import { createThrottledNote, errorView } from "../base/notice.js";
import { html, iconView, live, nothing } from "../base/view.js";
import { sendGuess } from "./api.js";
import { isPlayed, optionView } from "./options.js";

/** @typedef {import("./api.js").Challenge} Challenge */
/** @typedef {import("./options.js").Playing} Playing */

/** @param {import("./page.js").PanelActions} on @returns {import("./page.js").Panel} */
export function createGuessForm(on) {
  /** Idempotency key of each guess, by statement index; a retry reuses the key. @type {Map<number, string>} */
  const keys = new Map();
  /** Index of the chosen statement. @type {number|null} */ let chosen = null;
  let isSending = false;
  /** @type {import("../base/view.js").View} */ let problem = null;
  /** @type {Challenge} */ let challenge;

  /** @param {number} index @param {Playing} now */
  const radioView = (index, now) => {
    const words = isPlayed(index, now) ? "playing now" : now.seen.has(index) ? "watched" : "not watched yet";
    const note = html`<span class="mine">Your guess, </span>${words === "watched" ? iconView("check") : null}${words}`;
    const choose = () => {
      chosen = index;
      on.draw();
    };
    const radio = html`
      <input class="visually-hidden" type="radio" name="guess" value=${index} .checked=${live(index === chosen)}
        ?disabled=${isSending} @change=${choose} />`;
    return optionView(challenge, index, now, note, { radio });
  };

  async function send() {
    if (isSending) return;
    if (chosen === null) return on.focus();
    const statement_index = chosen;
    const key = keys.get(chosen) ?? makeIdempotencyKey();
    keys.set(chosen, key);
    problem = null;
    isSending = true;
    on.draw();
    try {
      on.answer({ statement_index, ...(await sendGuess(challenge.id, statement_index, key)) });
    } catch (error) {
      isSending = false;
      const { status, type } = error instanceof ApiError ? error : { status: 0, type: "" };
      // Reload the challenge if it has changed, for example by a guess in another window.
      if ([403, 404, 409].includes(status) && type !== "idempotency_mismatch") on.changedElsewhere();
      else if (error instanceof ApiError && status === 429) problem = createThrottledNote(error, send);
      else problem = errorView("Your guess was not saved.", error, send);
      on.draw();
      document.querySelector("[data-problem] > *")?.scrollIntoView({ block: "nearest" });
    }
  }

  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    send();
  };

  return (current, now) => {
    challenge = current;
    const isLocked = chosen === null || isSending;
    const label = isSending ? "Sending…" : chosen === null ? "Choose a statement" : `Guess statement ${chosen + 1}`;
    return html`
      <form class="ask" novalidate @submit=${submit}>
        <h2 id="question">Which one is the lie?</h2>
        <div class="opts" role="radiogroup" aria-labelledby="question">
          ${challenge.statements.map((_, index) => radioView(index, now))}
        </div>
        <div data-problem>${problem}</div>
        <div class="sticky-foot">
          <button class="btn primary big" aria-disabled=${isLocked ? "true" : nothing}>${label}</button>
          <p class="text-small faint">You have only one guess</p>
        </div>
      </form>`;
  };
}

/**
 * Return the template of the read-only list of statements, for moderators of an unpublished challenge.
 * @param {Challenge} challenge
 * @param {Playing} now
 */
export function readOnlyView(challenge, now) {
  const isWithheld = challenge.status === "withheld";
  return html`
    <div class="ask">
      <h2 tabindex="-1">The statements</h2>
      <div class="note">
        ${iconView("lock")}
        <div class="spacer">
          <b>This challenge cannot be played now.</b>
          <p class="text-small">
            ${isWithheld ? "A moderator has taken this challenge down." : "This challenge is not published."}
            Only its owner and moderators can see it.
          </p>
        </div>
      </div>
      <ul class="opts">${challenge.statements.map((_, index) => optionView(challenge, index, now))}</ul>
    </div>`;
}
