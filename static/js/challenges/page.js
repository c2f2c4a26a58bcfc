// The page of one challenge: the player, and a panel to guess, see the result or manage the challenge.

import { ApiError } from "../base/api.js";
import { h, icon, requireElement, readPageData, setIcon, setText } from "../base/dom.js";
import { makeFinder } from "../base/focus.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { readChallenge } from "./api.js";
import { Ask, createReadOnlyStatements } from "./guess.js";
import { bindKeys } from "./shortcuts.js";
import { Own } from "./owner-panel.js";
import { openReportDialog } from "./report-dialog.js";
import { Reveal } from "./reveal.js";
import { SegmentPlayer } from "./segment-player.js";
import { Stage } from "./stage.js";
import { describeKinds } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */

const facts = readPageData("facts");
const side = requireElement("[data-side]");
const state = requireElement("[data-state]");
const said = requireElement("[data-said]");

/** @type {Challenge} */ let challenge = readPageData("challenge");
/** Indexes of the statements watched to the end. @type {Set<number>} */ const seen = new Set();
/** @type {{element: HTMLElement, mark: (playing: import("./options.js").Playing) => void, focus: () => void}} */ let panel;
let isGone = false;

const player = new SegmentPlayer(requireElement("[data-stage] video"), requireElement("[data-still]"), {
  url: challenge.stream_url ?? "",
  segments: challenge.segments,
  duration: challenge.total_duration ?? 0,
  renew: async () => {
    const fresh = await reloadChallenge();
    if (!fresh.stream_url)
      throw new ApiError("The video of this challenge no longer exists.", { status: 404, type: "not_found" });
    return fresh.stream_url;
  },
});
const stage = new Stage(requireElement("[data-stage]"), challenge, player);

/** Reload and return the challenge. If it no longer exists, show a message. @throws {ApiError} The request failed. */
async function reloadChallenge() {
  try {
    return await readChallenge(challenge.id);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) showGone();
    throw error;
  }
}

// Side panel

/** @param {boolean} [focus] */
function drawPage(focus = false) {
  const { title, statements, my_guess, is_own, can_guess, lie_statement_index } = challenge;
  document.title = `${title} · VOD Sync`;
  setText(requireElement("h1"), title);
  requireElement("h1").title = title;
  setText(requireElement("[data-kind]"), describeKinds(statements.length));
  const isGuessed = my_guess && lie_statement_index !== null;
  // Update the panel in place: replacing it could remove the Next link during a click.
  if (isGuessed && panel instanceof Reveal) return panel.adopt(challenge);
  const was = panel && side.contains(document.activeElement) ? makeFinder(document.activeElement) : null;
  panel = is_own
    ? new Own(challenge, facts, { play: playStatement, changed: adoptChallenge, deleted: onDeleted, gone: showGone })
    : isGuessed
      ? new Reveal(challenge, { play: playStatement, again: playAgain })
      : can_guess
        ? new Ask(challenge, { play: playStatement, answer: showAnswer, other: onChallengeChanged })
        : createReadOnlyStatements(challenge, { play: playStatement });
  document.body.dataset.step = my_guess ? "reveal" : is_own ? "own" : "ask";
  side.replaceChildren(panel.element);
  markParts();
  if (focus) panel.focus();
  else if (was) (was() ?? panel).focus();
}

function markParts() {
  panel.mark({ index: player.index, playing: player.playing, seen });
}

/** Play another statement from its start, or toggle the current one. @param {number} index */
function playStatement(index) {
  if (index === player.index && (player.playing || (player.time > 0 && !player.isOver))) player.toggle();
  else player.play(index);
  // Scroll to the video, which may be above the visible area on phones.
  requireElement("[data-stage]").scrollIntoView({ block: "nearest" });
}

function playAgain() {
  player.play(0);
  requireElement("[data-stage]").scrollIntoView({ block: "nearest" });
}

/**
 * @param {{statement_index: number, correct: boolean, lie_statement_index: number}} given
 */
async function showAnswer({ statement_index, correct, lie_statement_index }) {
  challenge = {
    ...challenge,
    can_guess: false,
    lie_statement_index,
    my_guess: { statement_index, correct, created_at: "" },
  };
  drawPage(true);
  setText(
    said,
    correct
      ? `You found the lie. It was number ${lie_statement_index + 1}.`
      : `Not this time. Number ${lie_statement_index + 1} was the lie.`,
  );
  try {
    // The answer to a guess lacks the other players' results, so reload the challenge.
    adoptChallenge(await reloadChallenge());
  } catch {
    // Ignore the error: the solution is shown already, and the next visit shows the other players' results.
  }
}

/** Reload the challenge after the server refused a guess because the challenge had changed. */
async function onChallengeChanged() {
  try {
    const fresh = await reloadChallenge();
    if (fresh.my_guess) showToast("You already guessed in another window. Here is the result.", "warn");
    adoptChallenge(fresh, true);
  } catch (error) {
    if (!isGone)
      state.replaceChildren(
        createErrorNote("The challenge could not be loaded.", error, () => {
          state.replaceChildren();
          onChallengeChanged();
        }),
      );
  }
}

/** @param {Challenge} fresh @param {boolean} [focus] */
function adoptChallenge(fresh, focus = false) {
  challenge = fresh;
  stage.adopt(fresh);
  drawPage(focus || side.contains(document.activeElement));
}

function onDeleted() {
  location.assign("/challenges");
}

function showGone() {
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
      h("p", {}, "The challenge was deleted, or its owner has unpublished it."),
      h("div", { class: "row wrap" }, h("a", { class: "btn", href: "/challenges" }, "All challenges")),
    ),
  );
  requireElement("h2", state).focus();
  setText(said, "This challenge is no longer available.");
}

// Events

player.addEventListener("change", markParts);
player.addEventListener("end", () => {
  seen.add(player.index);
  setText(said, `Statement ${player.index + 1} has ended.`);
  markParts();
});

const report = document.querySelector("[data-report]");
report?.addEventListener("click", () =>
  openReportDialog(challenge, () => {
    setIcon(report, "check");
    setText(requireElement("[data-report-word]"), "Reported");
    report.setAttribute("aria-label", "Reported");
  }),
);

// When the page is shown again, reload the challenge for newer results.
document.addEventListener("visibilitychange", async () => {
  if (document.visibilityState !== "visible" || isGone || !challenge.results) return;
  try {
    const fresh = await reloadChallenge();
    if (
      JSON.stringify([fresh.results, fresh.status, fresh.title]) !==
      JSON.stringify([challenge.results, challenge.status, challenge.title])
    )
      adoptChallenge(fresh);
  } catch {
    // If the reload fails, keep the results already shown.
  }
});

drawPage();
bindKeys(stage, challenge.statements.length, () => {
  panel.focus();
  side.scrollIntoView({ block: "nearest" });
});
if (challenge.stream_url) player.begin();
else {
  const place = requireElement("[data-trouble]");
  place.hidden = false;
  place.replaceChildren(
    icon("alert"),
    h("b", { role: "alert" }, "The video is not available"),
    h("p", { class: "text-small" }, "The video of this challenge no longer exists."),
  );
}
