// The catalogue page.

import { ApiError } from "../base/api.js";
import { h, icon, requireElement, readPageData, setText } from "../base/dom.js";
import { EndlessList, LIMIT, toAnswer, nothingFoundView } from "../base/infinite-list.js";
import { LiveChannel } from "../base/live-channel.js";
import { toggleMenu } from "../base/menu.js";
import { explainError, showToast } from "../base/notice.js";
import { listCatalogue, readCatalogueVideo, restoreCatalogueVideo } from "./api.js";
import { Card } from "./video-card.js";
import { openDeleteDialog, openHideDialog, openReportDialog } from "./reason-dialogs.js";
import { openNewVideoDialog } from "./new-video-dialog.js";
import { toQueryParameters, matchesQuery, classifyChange } from "./list-matching.js";

/** @typedef {import("./api.js").CatalogueVideo} CatalogueVideo */

const MOST = 100; // maximum number of videos per API request
const NOWHERE = new Set([4401, 4404]);

const viewer = readPageData("facts");
const featured = /** @type {HTMLButtonElement} */ (requireElement("[data-featured]"));
/** Ids of new videos that the list does not show yet. @type {Set<string>} */ const fresh = new Set();

const list = new EndlessList({
  path: "/catalogue",
  queryOf: (part) => ({
    search: part("search").slice(0, 200),
    category: part("category"),
    status: viewer.statuses.includes(part("status")) ? part("status") : "",
    featured: part("featured") === "true",
  }),
  noun: "video",
  ask: async (query, page, signal) => toAnswer(await listCatalogue({ ...toQueryParameters(query), ...page }, signal)),
  card: (video) => new Card(video, viewer, openMenu),
  added: (card) => {
    fresh.delete(card.video.id);
    noteCategory(card.video);
    drawNews();
  },
  begun: () => {
    fresh.clear();
    drawNews();
  },
  isNarrowed: (query) => Object.values(query).some(Boolean),
  empty: createEmptyState,
  nothing: ({ search }) =>
    nothingFoundView(
      search,
      "No title, category, tag or description contains these words. Check the spelling.",
      "No video in the catalogue matches these filters.",
      () => list.clear({ search: "", category: "", status: "", featured: false }),
    ),
  drawFilters: (query) => {
    if (query.category) offerCategory(query.category);
    featured.setAttribute("aria-pressed", String(query.featured));
  },
});

function drawNews() {
  list.offer(fresh.size);
}

function createEmptyState() {
  const words = viewer.is_moderator
    ? "Add the first video. Once it is processed, everyone with access to the catalogue can see it here."
    : "Videos that moderators add appear here automatically.";
  return h(
    "div",
    { class: "panel empty" },
    icon("film"),
    h("h2", {}, "No videos yet"),
    h("p", {}, words),
    viewer.is_moderator &&
      h(
        "div",
        { class: "row wrap" },
        h("button", { class: "btn", type: "button", onclick: openNewVideo }, icon("plus"), "New video"),
      ),
  );
}

/** @param {CatalogueVideo} video */
function noteCategory(video) {
  if (video.category) offerCategory(video.category);
}

/** @param {string} category */
function offerCategory(category) {
  const select = /** @type {HTMLSelectElement} */ (list.filters.elements.namedItem("category"));
  const options = [...select.options];
  if (options.some((option) => option.value === category)) return;
  const after = options.slice(1).find((option) => option.value > category) ?? null;
  select.insertBefore(h("option", { value: category }, category), after);
  select.closest("span")?.removeAttribute("hidden");
  const known = document.querySelector("#categories");
  known?.append(h("option", { value: category }));
}

/** @param {CatalogueVideo} video @param {HTMLElement} button */
function openMenu(video, button) {
  const { is_moderator: moderates, is_admin: administers } = viewer;
  const gone = video.deleted_at !== null;
  toggleMenu(button, `More actions for ${video.title}`, [
    ...(video.video_url && video.status === "ready"
      ? [{ label: "Watch", icon: "play", href: `/watch/${video.id}` }]
      : []),
    ...(moderates && !gone
      ? [
          { label: "Edit", icon: "pencil", href: `/catalogue/${video.id}/edit` },
          {
            label: video.is_hidden ? "Show to everyone…" : "Hide…",
            icon: video.is_hidden ? "check" : "ban",
            run: () => hideVideo(video),
          },
        ]
      : []),
    ...(gone
      ? []
      : [
          {
            label: "Report…",
            icon: "alert",
            run: () => openReportDialog(video, viewer.reasons, (sentence) => showToast(sentence)),
          },
        ]),
    ...(administers
      ? [
          gone
            ? { label: "Restore", icon: "retry", run: () => restoreVideo(video) }
            : { label: "Delete…", icon: "trash", danger: true, apart: true, run: () => removeVideo(video) },
        ]
      : []),
  ]);
}

/** @param {CatalogueVideo} video */
function hideVideo(video) {
  openHideDialog(video, (now) => {
    onChanged(now);
    showToast(
      now.is_hidden
        ? "The video is hidden. Only moderators can see it."
        : "The video is no longer hidden. Everyone can see it once its file is ready.",
    );
  });
}

/** @param {CatalogueVideo} video */
function removeVideo(video) {
  // Find the card's neighbour now, because a socket message may remove the card before the user confirms.
  const next = list.neighbour(video.id);
  openDeleteDialog(video, () => onRemoved(video.id, "Video deleted.", next));
}

/** @param {CatalogueVideo} video */
async function restoreVideo(video) {
  const next = list.neighbour(video.id);
  try {
    await restoreCatalogueVideo(video.id);
    onRemoved(video.id, "Video restored.", next);
  } catch (error) {
    showToast(explainError(error), "bad");
  }
}

/** @param {CatalogueVideo} video */
function onChanged(video) {
  list.cards.get(video.id)?.draw(video);
  noteCategory(video);
}

/**
 * Remove a video's card. If the user caused the removal, `words` is the confirmation to show.
 * @param {string} id
 * @param {string} [words]
 * @param {string} [next]
 */
function onRemoved(id, words = "", next = undefined) {
  const title = list.cards.get(id)?.video.title;
  list.remove(id, words !== "", next);
  if (title !== undefined) setText(list.said, `${title} is no longer listed.`);
  if (words) showToast(words);
}

function openNewVideo() {
  openNewVideoDialog(
    viewer,
    (video) => onCame(video),
    (video) => {
      onChanged(video);
      showToast("File uploaded. Everyone can see the video once it is processed.");
    },
  );
}

/** @param {CatalogueVideo} video */
function onCame(video) {
  if (!list.cards.has(video.id) && matchesQuery(video, /** @type {any} */ (list.query))) list.prepend(video);
}

/** @param {import("./list-matching.js").Change} change */
function onMessage(change) {
  const id = (change.new ?? change.old)?.id;
  if (!id) return;
  list.outdate();
  const then = classifyChange(change, /** @type {any} */ (list.query), list.cards.get(id)?.video ?? null);
  if (then === "draw") onChanged(/** @type {CatalogueVideo} */ (change.new));
  if (then === "remove") {
    fresh.delete(id);
    onRemoved(id);
  }
  if (then === "offer" && !list.isLoading) {
    fresh.add(id);
    // If the list is empty, show the new video at once: there are no cards that it would push aside.
    if (!list.cards.size && !list.hasFailed) return void list.reload();
  }
  drawNews();
}

/** Fetch the shown videos again, in case messages were missed. */
async function reconcile() {
  if (list.isLoading || list.hasFailed) return;
  try {
    adoptShown(await fetchShown());
  } catch {
    // Ignore the error: a banner reports it.
  }
}

/**
 * Fetch the shown part of the list again. Return the response, and what the page showed before the request: its
 * filters (`narrowed`) and the ids of its cards (`shown`).
 */
async function fetchShown() {
  const [narrowed, shown] = [list.query, new Set(list.cards.keys())];
  return {
    narrowed,
    shown,
    answer: await listCatalogue({
      ...toQueryParameters(/** @type {any} */ (narrowed)),
      page: 1,
      limit: Math.min(MOST, Math.max(LIMIT, list.cards.size)),
    }),
  };
}

/** @param {Awaited<ReturnType<typeof fetchShown>>} told */
function adoptShown({ narrowed, shown, answer }) {
  if (narrowed !== list.query || list.isLoading) return;
  const { videos, pagination } = answer;
  if (!list.cards.size && videos.length) {
    list.show(toAnswer(answer));
    return list.drawMore();
  }
  const at = (/** @type {CatalogueVideo|undefined} */ video) => Date.parse(video?.created_at ?? "") || 0;
  const last = at([...list.cards.values()].at(-1)?.video);
  for (const video of videos) {
    // Skip the video if a message has brought a newer version meanwhile.
    const now = list.cards.get(video.id)?.video;
    if (now && Date.parse(video.updated_at) < Date.parse(now.updated_at)) continue;
    if (now) onChanged(video);
    // A video newer than the last card is new to the list; an older video is on a later page.
    else if (list.isWhole || (!narrowed.search && at(video) > last)) fresh.add(video.id);
  }
  // Search results are not sorted by time: a missing card may be on a later page.
  const oldest = videos.length === pagination.total ? -1 : narrowed.search ? Infinity : at(videos.at(-1));
  const there = new Set(videos.map((video) => video.id));
  for (const [id, card] of [...list.cards])
    if (shown.has(id) && !there.has(id) && at(card.video) > oldest) onRemoved(id);
  drawNews();
}

const live = new LiveChannel("/ws/videos/", {
  onMessage: onMessage,
  snapshot: fetchShown,
  onSnapshot: adoptShown,
  onState: (now) => {
    requireElement("[data-live-state]").hidden = now !== "polling";
    list.grid.toggleAttribute("data-live", now === "live");
    if (now === "live") reconcile();
  },
  isSilent: true,
  final: NOWHERE,
});
requireElement("[data-live-retry]").addEventListener("click", () => live.retry());

featured.addEventListener("click", (event) => {
  event.preventDefault();
  list.narrow({ featured: !list.query.featured });
});
document.querySelector("[data-new]")?.addEventListener("click", openNewVideo);
for (const event of ["online", "signedin"]) window.addEventListener(event, () => list.mend() || reconcile());

/** Open the report dialog if the URL names a video to report, as links of watch pages do. */
async function openReportFromAddress() {
  const id = new URL(location.href).searchParams.get("report");
  if (!id || !viewer.user) return;
  try {
    openReportDialog(await readCatalogueVideo(id), viewer.reasons, (sentence) => showToast(sentence));
  } catch (error) {
    showToast(
      error instanceof ApiError && error.status === 404
        ? "The video is no longer in the catalogue."
        : explainError(error),
      "bad",
    );
  }
}

list.begin();
openReportFromAddress();
