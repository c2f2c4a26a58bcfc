// The result of a guess: which statement is the lie, other players' results, and the next challenge.

import { html, iconView } from "../base/view.js";
import { isGuest, listChallenges } from "./api.js";
import { solutionView } from "./options.js";
import { describeFound } from "./status-text.js";

const FEW = 2; // number of unplayed challenges requested; one of them may be the current challenge

/** @param {import("./page.js").PanelActions} on @param {string} current @returns {import("./page.js").Panel} */
export function createResult(on, current) {
  let next = { href: "/challenges?show=unplayed", words: "Next challenge" };
  if (isGuest()) next = { href: "/", words: "Create your own challenge" };
  else
    listChallenges({ unplayed: 1, limit: FEW }).then(
      ({ challenges }) => {
        const other = challenges.find(({ id }) => id !== current);
        if (other) next.href = `/challenges/${other.id}`;
        else next = { href: "/challenges", words: "All challenges" };
        on.draw();
      },
      () => {}, // ignore the error: the link still opens the list of unplayed challenges, which shows its own errors
    );

  return (challenge, now) => {
    const lie = Number(challenge.lie_statement_index);
    const mine = Number(challenge.my_guess?.statement_index);
    const isFound = mine === lie;
    const words = isFound
      ? `It was number ${lie + 1}.`
      : `You chose number ${mine + 1}, but number ${lie + 1} was the lie.`;
    return html`
      <div class="ask" data-reveal>
        <div class="verdict ${isFound ? "" : "is-wrong"}">
          ${iconView(isFound ? "trophy" : "x")}
          <div>
            <h2 tabindex="-1">${isFound ? "You found the lie." : "Not this time."}</h2>
            <p>${words}</p>
            <p class="text-small muted" data-found>${challenge.results ? describeFound(challenge) : ""}</p>
          </div>
        </div>
        ${solutionView(challenge, now)}
        <div class="sticky-foot row">
          <button class="btn big" type="button" @click=${on.playAgain}>${iconView("retry")}Watch again</button>
          <a class="btn primary big" href=${next.href}><span>${next.words}</span>${iconView("right")}</a>
        </div>
      </div>`;
  };
}
