// The card of a challenge in the list: picture, title, owner, status.

import { requireElement } from "../base/dom.js";
import { formatCount, formatDuration } from "../base/format.js";
import { posterView } from "../base/poster.js";
import { createRoot, html, iconView } from "../base/view.js";
import { formatDay } from "../videos/api.js";
import { describeFound, formatOwner, getStatus } from "./status-text.js";

/** @typedef {import("./api.js").Challenge} Challenge */

/** @param {Challenge} challenge */
export function createCard(challenge) {
  const element = createRoot()(cardView(challenge));
  return { element, title: requireElement("[data-part=title]", element) };
}

/** @param {Challenge} challenge */
function cardView(challenge) {
  const { id, title, poster_url, statements, total_duration, is_own } = challenge;
  const came = new Date(challenge.published_at ?? challenge.created_at);
  const { icon, word, tone } = getCardStatus(challenge);
  return html`
    <li class="card" data-video=${id}>
      <span class="picture dark">
        ${posterView(poster_url, "challenge")}
        <span class="overlay bottom-start">${formatCount(statements.length, "statement")}</span>
        ${
          total_duration
            ? html`<span class="overlay bottom-end"
                ><span class="visually-hidden">Length </span>${formatDuration(total_duration)}</span>`
            : null
        }
      </span>
      <div class="card-foot">
        <div>
          <h3 dir="auto" title=${title}><a href="/challenges/${id}" data-part="title">${title}</a></h3>
          <p class="meta">
            by ${is_own ? "you" : html`<bdi>${formatOwner(challenge)}</bdi>`} ·
            <time datetime=${came.toISOString()} title=${came.toLocaleString()}>${formatDay(came)}</time>
          </p>
          <p class="meta"><span class="status ${tone}">${iconView(icon)}${word}</span></p>
        </div>
      </div>
    </li>`;
}

/** @param {Challenge} challenge */
function getCardStatus(challenge) {
  const { is_own, status, my_guess, guess_count } = challenge;
  if (is_own && status !== "published") return getStatus(challenge);
  if (is_own && !guess_count) return { icon: "user", word: "No guesses yet", tone: "" };
  if (is_own) return { icon: "user", word: describeFound(challenge).replace(/\.$/, ""), tone: "" };
  if (!my_guess) return { icon: "play", word: "Not played", tone: "run" };
  return my_guess.correct
    ? { icon: "trophy", word: "Found", tone: "ok" }
    : { icon: "x", word: "Not found", tone: "bad" };
}
