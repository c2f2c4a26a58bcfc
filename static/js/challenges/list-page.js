// The page that lists published challenges, the user's drafts, and merges in progress.

import { requireElement, setText } from "../base/dom.js";
import { formatCount } from "../base/format.js";
import { EndlessList, nothingFoundView } from "../base/infinite-list.js";
import { html, iconView } from "../base/view.js";
import { listChallenges } from "./api.js";
import { createCard } from "./challenge-card.js";
import { Merges } from "./merges.js";

/** @typedef {import("./api.js").Challenge} Challenge */
/** @typedef {{search: string, show: string}} Query */

const MAX_DRAFTS = 100;
/** API parameters for each value of the URL parameter `show`. @type {Record<string, Record<string, string|number>>} */
const SHOWS = { "": { status: "published" }, unplayed: { unplayed: 1 }, mine: { mine: 1, status: "published" } };
/** @type {Record<string, string>} */
const NAMES = { "": "Challenges", unplayed: "Challenges that you have not played", mine: "Your challenges" };

const drafts = requireElement("[data-drafts]");
const shows = requireElement("[data-shows]");
let hasDrafts = false;

const list = new EndlessList({
  path: "/challenges",
  noun: "challenge",
  queryOf: (part) => ({ search: part("search"), show: part("show") in SHOWS ? part("show") : "" }),
  ask: async (query, { page, limit }, signal) => {
    const asked = { search: query.search, ...SHOWS[query.show], limit, offset: (page - 1) * limit };
    const [answer] = await Promise.all([listChallenges(asked, signal), page === 1 ? showDrafts(query, signal) : null]);
    const { total } = answer.pagination;
    showScore(answer.score);
    return { items: answer.challenges, pagination: { page, limit, total, totalPages: Math.ceil(total / limit) } };
  },
  card: createCard,
  drawn: onDrawn,
  isNarrowed: ({ search, show }) => Boolean(search || show),
  empty: () =>
    hasDrafts
      ? null
      : emptyView(
          "challenge",
          "No challenges yet",
          "Record two or more true statements and one lie, each in a short clip. They are merged into one video, and each viewer has one guess.",
        ),
  nothing: ({ search, show }) => {
    if ((search || show === "mine") && hasDrafts) return null;
    if (search)
      return nothingFoundView(search, "Only titles are searched. Check the spelling.", "", () =>
        list.clear({ search: "", show: "" }),
      );
    if (show === "mine")
      return emptyView(
        "challenge",
        "You have no challenges yet",
        "A challenge has 2 to 10 clips, each with a statement. All statements are true except one.",
      );
    const words = "You have played all challenges. Create one for other people to play.";
    const showAll = html`<a class="btn" href="/challenges">Show all</a>`;
    return emptyView("trophy", "Nothing left to play", words, showAll);
  },
  drawFilters: ({ show }) => {
    for (const link of shows.querySelectorAll("a"))
      link.ariaCurrent = list.queryOf(link.href).show === show ? "true" : null;
  },
});
list.find.value = list.query.search;

function onDrawn() {
  const { total, cards, query } = list;
  setText(requireElement("[data-total]"), total ? String(total) : "");
  setText(
    list.said,
    cards.size ? `${cards.size} of ${formatCount(total, "challenge")} shown` : "No challenges to show",
  );
  list.grid.setAttribute("aria-label", `${NAMES[query.show]}, newest first`);
  requireElement("[data-published-title]").hidden = !hasDrafts || cards.size === 0;
  const isEmpty = !cards.size && !hasDrafts && !query.search && query.show !== "unplayed";
  requireElement("[data-make]").classList.toggle("primary", !isEmpty);
}

/** @param {Query} query @param {AbortSignal} signal */
async function showDrafts({ search, show }, signal) {
  const of = (/** @type {string} */ status) =>
    listChallenges({ mine: 1, status, search, limit: MAX_DRAFTS, offset: 0 }, signal);
  const [made, withheld] = show === "unplayed" ? [null, null] : await Promise.all([of("draft"), of("withheld")]);
  const found = [...(made?.challenges ?? []), ...(withheld?.challenges ?? [])];
  hasDrafts = found.length > 0;
  drafts.hidden = !hasDrafts;
  requireElement("[data-drafts-list]").replaceChildren(...found.map((challenge) => createCard(challenge).element));
}

/** @param {import("./api.js").Score} score */
function showScore({ guesses, correct }) {
  const place = requireElement("[data-score]");
  place.hidden = guesses === 0;
  setText(requireElement("span", place), `You found ${correct} of ${guesses} lies`);
}

/**
 * @param {string} icon
 * @param {string} heading
 * @param {string} words
 * @param {import("../base/view.js").View} [otherLink]
 */
const emptyView = (icon, heading, words, otherLink = null) => html`
  <div class="panel empty">
    ${iconView(icon)}
    <h2>${heading}</h2>
    <p>${words}</p>
    <div class="row wrap">
      <a class="btn ${otherLink ? "" : "primary"}" href="/challenges/new">${iconView("plus")}Create a challenge</a>
      ${otherLink}
    </div>
  </div>`;

// Events

shows.addEventListener("click", (/** @type {MouseEvent} */ event) => {
  const link = /** @type {HTMLAnchorElement|null} */ (/** @type {Element} */ (event.target).closest("a"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  list.narrow({ show: list.queryOf(link.href).show });
});
for (const event of ["online", "signedin"]) window.addEventListener(event, () => list.mend());

new Merges(requireElement("[data-merges]"), () => list.reload());
list.begin();
