// The page of one challenge: the player, and a panel to guess, see the result or manage the challenge.

import { ApiError, makeIdempotencyKey } from "../base/api.js";
import { readPageData, requireElement, setIcon, setText } from "../base/dom.js";
import { openFormDialog } from "../base/form-dialog.js";
import { errorView, showToast } from "../base/notice.js";
import { html, iconView, mount } from "../base/view.js";
import { readChallenge, reportChallenge } from "./api.js";
import { createGuessForm, readOnlyView } from "./guess.js";
import { createOwnerPanel } from "./owner-panel.js";
import { createResult } from "./reveal.js";
import { SegmentPlayer } from "./segment-player.js";
import { bindKeys } from "./shortcuts.js";
import { Stage } from "./stage.js";
import { describeKinds } from "./status-text.js";

/**
 * @typedef {import("./api.js").Challenge} Challenge
 * @typedef {(challenge: Challenge, now: import("./options.js").Playing) => import("../base/view.js").View} Panel
 * @typedef {typeof on} PanelActions
 */

const facts = readPageData("facts");
const side = requireElement("[data-side]");
const drawSide = mount(side);
const state = requireElement("[data-state]");
const drawState = mount(state);
const said = requireElement("[data-said]");

/** @type {Challenge} */ let challenge = readPageData("challenge");
/** Indexes of the statements watched to the end. @type {Set<number>} */ const seen = new Set();
/** The panel's content. @type {Panel} */ let panel;
/** True if the panel shows the result of a guess. */ let isResult = false;
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
const on = {
  draw: drawPanel,
  focus: focusPanel,
  playAgain: () => playStatement(0, true),
  answer: showAnswer,
  change: adoptChallenge,
  changedElsewhere: onChallengeChanged,
  gone: showGone,
};

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
  const heading = requireElement("h1");
  setText(heading, title);
  heading.title = title;
  setText(requireElement("[data-kind]"), describeKinds(statements.length));
  const isGuessed = !is_own && Boolean(my_guess) && lie_statement_index !== null;
  // Keep the result and the focus: the user may be about to open the next challenge.
  if (isGuessed && isResult) return drawPanel();
  isResult = isGuessed;
  if (is_own) panel = createOwnerPanel(on, challenge, facts);
  else if (isGuessed) panel = createResult(on, challenge.id);
  else panel = can_guess ? createGuessForm(on) : readOnlyView;
  document.body.dataset.step = my_guess ? "reveal" : is_own ? "own" : "ask";
  drawPanel();
  if (focus) focusPanel();
}

function drawPanel() {
  drawSide(panel(challenge, { index: player.index, playing: player.playing, seen, play: playStatement }));
}

/** Focus the chosen statement, the first one that can be chosen, or the heading. */
function focusPanel() {
  const radio = side.querySelector("[name=guess]:checked") ?? side.querySelector("[name=guess]");
  (radio ?? requireElement("h2", side)).focus();
}

/**
 * Play a statement from its start. Without `fromStart`, toggle the current statement.
 * @param {number} index
 * @param {boolean} [fromStart]
 */
function playStatement(index, fromStart = false) {
  const isStarted = player.playing || (player.time > 0 && !player.isOver);
  if (index === player.index && isStarted && !fromStart) player.toggle();
  else player.play(index);
  // Scroll to the video, which may be above the visible area on phones.
  stage.root.scrollIntoView({ block: "nearest" });
}

/** @param {{statement_index: number, correct: boolean, lie_statement_index: number}} given */
async function showAnswer({ statement_index, correct, lie_statement_index }) {
  const my_guess = { statement_index, correct, created_at: "" };
  challenge = { ...challenge, can_guess: false, lie_statement_index, my_guess };
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
  drawState(null);
  try {
    const fresh = await reloadChallenge();
    if (fresh.my_guess) showToast("You already guessed in another window. Here is the result.", "warn");
    adoptChallenge(fresh, true);
  } catch (error) {
    if (!isGone) drawState(errorView("The challenge could not be loaded.", error, onChallengeChanged));
  }
}

/** @param {Challenge} fresh @param {boolean} [focus] */
function adoptChallenge(fresh, focus = false) {
  challenge = fresh;
  stage.adopt(fresh);
  drawPage(focus || side.contains(document.activeElement));
}

function showGone() {
  if (isGone) return;
  isGone = true;
  player.pause();
  for (const part of document.querySelectorAll("[data-playing]")) part.toggleAttribute("hidden", true);
  document.body.dataset.step = "gone";
  drawState(html`
    <div class="panel empty">
      ${iconView("search")}
      <h2 tabindex="-1">This challenge is no longer available</h2>
      <p>The challenge was deleted, or its owner has unpublished it.</p>
      <div class="row wrap"><a class="btn" href="/challenges">All challenges</a></div>
    </div>`);
  requireElement("h2", state).focus();
  setText(said, "This challenge is no longer available.");
}

// Events

player.addEventListener("change", drawPanel);
player.addEventListener("end", () => {
  seen.add(player.index);
  setText(said, `Statement ${player.index + 1} has ended.`);
  drawPanel();
});

const report = document.querySelector("[data-report]");
function showReported() {
  if (!report) return;
  setIcon(report, "check");
  setText(requireElement("[data-report-word]"), "Reported");
  report.ariaLabel = "Reported";
}
report?.addEventListener("click", () => {
  const key = makeIdempotencyKey();
  const reason = {
    name: "reason",
    label: "What is wrong with this challenge?",
    rows: 4,
    maxlength: 1000,
    missing: "Describe in a few words what is wrong.",
    hint: "Only moderators can read this. The challenge's owner cannot.",
  };
  openFormDialog({
    id: "report",
    heading: "Report this challenge",
    words: challenge.title,
    draft: `report/${challenge.id}`,
    fields: [reason],
    label: "Send report",
    send: ({ reason }) =>
      reportChallenge(challenge.id, reason, key).catch((error) => {
        if (error instanceof ApiError && error.type === "already_reported") showReported();
        throw error;
      }),
    onDone: () => {
      showToast("Report sent. A moderator will review the challenge.");
      showReported();
    },
    failed: "The report was not sent.",
  });
});

// When the page is shown again, reload the challenge for newer results.
document.addEventListener("visibilitychange", async () => {
  if (document.visibilityState !== "visible" || isGone || !challenge.results) return;
  try {
    const fresh = await reloadChallenge();
    const [old, now] = [challenge, fresh].map(({ results, status, title }) => JSON.stringify([results, status, title]));
    if (old !== now) adoptChallenge(fresh);
  } catch {
    // If the reload fails, keep the results already shown.
  }
});

drawPage();
bindKeys(stage, challenge.statements.length, () => {
  focusPanel();
  side.scrollIntoView({ block: "nearest" });
});
if (challenge.stream_url) player.begin();
