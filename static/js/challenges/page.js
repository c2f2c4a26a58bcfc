// The page of one challenge: the player, and a panel to guess, see the result or manage the challenge.

import { ApiError } from "../base/api.js";
import { h, icon, need, pageData, setIcon, setText } from "../base/dom.js";
import { placeOf } from "../base/focus.js";
import { errorNote, toast } from "../base/notice.js";
import { readChallenge } from "./api.js";
import { Ask, lookOnly } from "./guess.js";
import { bindKeys } from "./shortcuts.js";
import { Own } from "./owner-panel.js";
import { reportDialog } from "./report-dialog.js";
import { Reveal } from "./reveal.js";
import { SegmentPlayer } from "./segment-player.js";
import { Stage } from "./stage.js";
import { kindWords } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */

const facts = pageData("facts");
const side = need("[data-side]");
const state = need("[data-state]");
const said = need("[data-said]");

/** @type {Challenge} */ let challenge = pageData("challenge");
/** Indexes of the statements watched to the end. @type {Set<number>} */ const seen = new Set();
/** @type {{element: HTMLElement, mark: (playing: import("./options.js").Playing) => void, focus: () => void}} */ let panel;
let isGone = false;

const player = new SegmentPlayer(need("[data-stage] video"), need("[data-still]"), {
  url: challenge.stream_url ?? "",
  segments: challenge.segments,
  duration: challenge.total_duration ?? 0,
  renew: async () => {
    const fresh = await read();
    if (!fresh.stream_url)
      throw new ApiError("The video of this challenge no longer exists.", { status: 404, type: "not_found" });
    return fresh.stream_url;
  },
});
const stage = new Stage(need("[data-stage]"), challenge, player);

/** Reload and return the challenge. If it no longer exists, show a message. @throws {ApiError} The request failed. */
async function read() {
  try {
    return await readChallenge(challenge.id);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) gone();
    throw error;
  }
}

// Side panel

/** @param {boolean} [focus] */
function draw(focus = false) {
  const { title, statements, my_guess, is_own, can_guess, lie_statement_index } = challenge;
  document.title = `${title} · VOD Sync`;
  setText(need("h1"), title);
  need("h1").title = title;
  setText(need("[data-kind]"), kindWords(statements.length));
  const isGuessed = my_guess && lie_statement_index !== null;
  // Update the panel in place: replacing it could remove the Next link during a click.
  if (isGuessed && panel instanceof Reveal) return panel.adopt(challenge);
  const was = panel && side.contains(document.activeElement) ? placeOf(document.activeElement) : null;
  panel = is_own
    ? new Own(challenge, facts, { play, changed, deleted, gone })
    : isGuessed
      ? new Reveal(challenge, { play, again })
      : can_guess
        ? new Ask(challenge, { play, answer, other })
        : lookOnly(challenge, { play });
  document.body.dataset.step = my_guess ? "reveal" : is_own ? "own" : "ask";
  side.replaceChildren(panel.element);
  mark();
  if (focus) panel.focus();
  else if (was) (was() ?? panel).focus();
}

function mark() {
  panel.mark({ index: player.index, playing: player.playing, seen });
}

/** Play another statement from its start, or toggle the current one. @param {number} index */
function play(index) {
  if (index === player.index && (player.playing || (player.time > 0 && !player.isOver))) player.toggle();
  else player.play(index);
  // Scroll to the video, which may be above the visible area on phones.
  need("[data-stage]").scrollIntoView({ block: "nearest" });
}

function again() {
  player.play(0);
  need("[data-stage]").scrollIntoView({ block: "nearest" });
}

/**
 * @param {{statement_index: number, correct: boolean, lie_statement_index: number}} given
 */
async function answer({ statement_index, correct, lie_statement_index }) {
  challenge = {
    ...challenge,
    can_guess: false,
    lie_statement_index,
    my_guess: { statement_index, correct, created_at: "" },
  };
  draw(true);
  setText(
    said,
    correct
      ? `You found it. Number ${lie_statement_index + 1} was the lie.`
      : `Not this time. Number ${lie_statement_index + 1} was the lie.`,
  );
  try {
    // The answer to a guess lacks the other players' results, so reload the challenge.
    changed(await read());
  } catch {
    // Ignore the error: the solution is shown already, and the next visit shows the other players' results.
  }
}

/** Reload the challenge after the server refused a guess because the challenge had changed. */
async function other() {
  try {
    const fresh = await read();
    if (fresh.my_guess) toast("You already guessed in another window. Here is the result.", "warn");
    changed(fresh, true);
  } catch (error) {
    if (!isGone)
      state.replaceChildren(
        errorNote("The challenge could not be loaded.", error, () => {
          state.replaceChildren();
          other();
        }),
      );
  }
}

/** @param {Challenge} fresh @param {boolean} [focus] */
function changed(fresh, focus = false) {
  challenge = fresh;
  stage.adopt(fresh);
  draw(focus || side.contains(document.activeElement));
}

function deleted() {
  location.assign("/challenges");
}

function gone() {
  if (isGone) return;
  isGone = true;
  player.pause();
  for (const part of document.querySelectorAll("[data-playing]")) part.setAttribute("hidden", "");
  document.body.dataset.step = "gone";
  state.replaceChildren(
    h(
      "div",
      { class: "panel empty" },
      icon("search"),
      h("h2", { tabindex: "-1" }, "This challenge is no longer available"),
      h("p", {}, "It was deleted, or its author has unpublished it."),
      h("div", { class: "row wrap" }, h("a", { class: "btn", href: "/challenges" }, "All challenges")),
    ),
  );
  need("h2", state).focus();
  setText(said, "This challenge is no longer available.");
}

// Events

player.addEventListener("change", mark);
player.addEventListener("end", () => {
  seen.add(player.index);
  setText(said, `Statement ${player.index + 1} has ended.`);
  mark();
});

const report = document.querySelector("[data-report]");
report?.addEventListener("click", () =>
  reportDialog(challenge, () => {
    setIcon(report, "check");
    setText(need("[data-report-word]"), "Reported");
    report.setAttribute("aria-label", "Reported");
  }),
);

// Results may have changed while the page was hidden.
document.addEventListener("visibilitychange", async () => {
  if (document.visibilityState !== "visible" || isGone || !challenge.results) return;
  try {
    const fresh = await read();
    if (
      JSON.stringify([fresh.results, fresh.status, fresh.title]) !==
      JSON.stringify([challenge.results, challenge.status, challenge.title])
    )
      changed(fresh);
  } catch {
    // If the reload fails, keep the results already shown.
  }
});

draw();
bindKeys(stage, challenge.statements.length, () => {
  panel.focus();
  side.scrollIntoView({ block: "nearest" });
});
if (challenge.stream_url) player.begin();
else {
  const place = need("[data-trouble]");
  place.hidden = false;
  place.replaceChildren(
    icon("alert"),
    h("b", { role: "alert" }, "There is no video"),
    h("p", { class: "text-small" }, "The video of this challenge no longer exists."),
  );
}
