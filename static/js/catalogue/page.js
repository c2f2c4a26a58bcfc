// The catalogue page.

import { ApiError } from "../base/api.js";
import { requireElement, readPageData, setText } from "../base/dom.js";
import { EndlessList, LIMIT, nothingFoundView, readFirstAnswer, toAnswer } from "../base/infinite-list.js";
import { LiveChannel } from "../base/live-channel.js";
import { toggleMenu } from "../base/menu.js";
import { explainError, showToast } from "../base/notice.js";
import { html, iconView } from "../base/view.js";
import { listCatalogue, readCatalogueVideo } from "./api.js";
import { Card } from "./video-card.js";
import { openDeleteDialog, openHideDialog, openReportDialog, restoreVideo } from "./reason-dialogs.js";
import { openNewVideoDialog } from "./new-video-dialog.js";
import { toQueryParameters, matchesQuery, classifyChange, isPlayable } from "./list-matching.js";

/** @typedef {import("./api.js").CatalogueVideo} CatalogueVideo */

const MOST = 100; // maximum number of videos per API request

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
  first: readFirstAnswer(),
  card: (video) => new Card(video, viewer, openMenu),
  added: (card) => {
    fresh.delete(card.video.id);
    offerCategory(card.video.category);
    drawNews();
  },
  begun: () => {
    fresh.clear();
    drawNews();
  },
  isNarrowed: (query) => Object.values(query).some(Boolean),
  empty: emptyView,
  nothing: ({ search }) =>
    nothingFoundView(
      search,
      "No title, category, tag or description contains these words. Check the spelling.",
      "No video in the catalogue matches these filters.",
      () => list.clear({ search: "", category: "", status: "", featured: false }),
    ),
  drawFilters: (query) => {
    offerCategory(query.category);
    featured.setAttribute("aria-pressed", String(query.featured));
  },
});

const drawNews = () => list.offer(fresh.size);

function emptyView() {
  const instructions = html`
    <p>Add the first video. Once it is processed, everyone with access to the catalogue can see it here.</p>
    <div class="row wrap">
      <button class="btn" type="button" @click=${openNewVideo}>${iconView("plus")}New video</button>
    </div>`;
  const explanation = html`<p>Videos that moderators add appear here automatically.</p>`;
  const words = viewer.is_moderator ? instructions : explanation;
  return html`<div class="panel empty">${iconView("film")}<h2>No videos yet</h2>${words}</div>`;
}

/** @param {string|null} category */
function offerCategory(category) {
  const select = /** @type {HTMLSelectElement} */ (list.filters.elements.namedItem("category"));
  const options = [...select.options];
  if (!category || options.some((option) => option.value === category)) return;
  select.add(new Option(category, category), options.slice(1).find((option) => option.value > category) ?? null);
  select.closest("span")?.removeAttribute("hidden");
  document.querySelector("#categories")?.append(new Option("", category));
}

/** @param {CatalogueVideo} video @param {HTMLElement} button */
function openMenu(video, button) {
  const gone = video.deleted_at !== null;
  /** @type {boolean} */ const isAdmin = viewer.is_admin;
  /** @type {boolean} */ const edits = viewer.is_moderator && !gone;
  const hide = video.is_hidden ? { label: "Show to everyone…", icon: "check" } : { label: "Hide…", icon: "ban" };
  const run = () => deleteOrRestore(video);
  const items = [
    isPlayable(video) && { label: "Watch", icon: "play", href: `/watch/${video.id}` },
    edits && { label: "Edit", icon: "pencil", href: `/catalogue/${video.id}/edit` },
    edits && { ...hide, run: () => openHideDialog(video, onChanged) },
    !gone && { label: "Report…", icon: "alert", run: () => openReportDialog(video, viewer.reasons) },
    isAdmin && gone && { label: "Restore", icon: "retry", run },
    isAdmin && !gone && { label: "Delete…", icon: "trash", danger: true, apart: true, run },
  ];
  const shown = items.filter((item) => item !== false);
  toggleMenu(button, `More actions for ${video.title}`, shown);
}

/** @param {CatalogueVideo} video */
function deleteOrRestore(video) {
  // Find the card's neighbour now, because a socket message may remove the card before the user confirms.
  const next = list.neighbour(video.id);
  if (video.deleted_at) restoreVideo(video.id, () => onRemoved(video.id, "Video restored.", next));
  else openDeleteDialog(video, () => onRemoved(video.id, "Video deleted.", next));
}

/** @param {CatalogueVideo} video */
function onChanged(video) {
  list.cards.get(video.id)?.draw(video);
  offerCategory(video.category);
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
  const onMade = (/** @type {CatalogueVideo} */ video) => {
    if (!list.cards.has(video.id) && matchesQuery(video, /** @type {any} */ (list.query))) list.prepend(video);
  };
  openNewVideoDialog(viewer, onMade, (video) => {
    onChanged(video);
    showToast("File uploaded. Everyone can see the video once it is processed.");
  });
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
  const limit = Math.min(MOST, Math.max(LIMIT, list.cards.size));
  const answer = await listCatalogue({ ...toQueryParameters(/** @type {any} */ (narrowed)), page: 1, limit });
  return { narrowed, shown, answer };
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
  onMessage,
  snapshot: fetchShown,
  onSnapshot: adoptShown,
  onState: (now) => {
    requireElement("[data-live-state]").hidden = now !== "polling";
    list.grid.toggleAttribute("data-live", now === "live");
    if (now === "live") reconcile();
  },
  isSilent: true,
  final: new Set([4401, 4404]),
});
requireElement("[data-live-retry]").addEventListener("click", () => live.retry());

featured.type = "button"; // otherwise Enter in the search field would click it
featured.addEventListener("click", () => {
  list.narrow({ featured: !list.query.featured });
});
document.querySelector("[data-new]")?.addEventListener("click", openNewVideo);
for (const event of ["online", "signedin"]) window.addEventListener(event, () => list.mend() || reconcile());

/** Open the report dialog if the URL names a video to report, as links of watch pages do. */
async function openReportFromAddress() {
  const id = new URL(location.href).searchParams.get("report");
  if (!id || !viewer.user) return;
  try {
    openReportDialog(await readCatalogueVideo(id), viewer.reasons);
  } catch (error) {
    const isMissing = error instanceof ApiError && error.status === 404;
    showToast(isMissing ? "The video is no longer in the catalogue." : explainError(error), "bad");
  }
}

list.begin();
openReportFromAddress();
