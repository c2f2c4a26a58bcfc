// The library page: list, filters, selection, uploads, and live updates.

import { ApiError, fetchFragment, readAccount } from "../base/api.js";
import { debounce, requireElement, setText } from "../base/dom.js";
import { formatCount } from "../base/format.js";
import { EndlessList, LIMIT, nothingFoundView, readFirstAnswer, toAnswer } from "../base/infinite-list.js";
import { watchJobs } from "../base/job-updates.js";
import { toggleMenu } from "../base/menu.js";
import { showToast } from "../base/notice.js";
import { html, iconView } from "../base/view.js";
import {
  formatPartOfBytes,
  getDownloadUrl,
  findVideo,
  INGEST,
  listVideos,
  readVideo,
  formatRoundBytes,
} from "../videos/api.js";
import { acceptDrops } from "../uploads/drop-zone.js";
import { Sending } from "../uploads/background-uploads.js";
import { BinCard, Card, isSelectable } from "./video-card.js";
import { openDeleteDialog, restoreVideos, toastDeleted } from "./delete-dialog.js";
import { openEditDialog } from "./edit-dialog.js";
import { Selection } from "./selection.js";
import { openTagDialog } from "./bulk-actions.js";
import { UploadsPanel } from "./running-uploads.js";

/** @typedef {import("../videos/api.js").Video} Video */

const RUNNING = new Set(["queued", "processing", "waiting", "paused"]);
const VIEW = "vod-library-view";
const BIN = "bin"; // value of the status filter that lists the bin
/** Description of each sort order, by its value in the address. @type {Record<string, string>} */
const ORDERS = { "": "newest first", title: "by name", longest: "longest first", largest: "largest first" };

/**
 * Creation time of the list's first video. A list sorted by creation does not insert newer videos; a button loads them.
 */
let newest = "";
/** Latest message of each job. @type {Map<string, any>} */ const heard = new Map();

// Phones hide the filters unless a filter is set.

const fold = requireElement("[data-fold]");
const tools = requireElement("[data-tools]");
/** @param {boolean} isFolded */
function foldTools(isFolded) {
  tools.toggleAttribute("data-folded", isFolded);
  fold.setAttribute("aria-expanded", String(!isFolded));
}
fold.addEventListener("click", () => foldTools(fold.getAttribute("aria-expanded") === "true"));
foldTools(!["status", "tag", "order"].some((name) => new URLSearchParams(location.search).get(name)));

// List

/** @type {EndlessList} */ const list = new EndlessList({
  path: "/library",
  queryOf: (part) => ({ search: part("search"), status: part("status"), tag: part("tag"), order: part("order") }),
  noun: "video",
  ask: async (query, page, signal) => toAnswer(await listVideos(toQueryParameters(query, page), signal)),
  first: readFirstAnswer(),
  card: (video) =>
    video.deleted_at
      ? new BinCard(video, {
          onRestore: (one) => restoreVideos([one], () => removeCard(one, true)),
          onPurge: (one) => removeVideos([one]),
        })
      : new Card(video, { onPick: (one, on) => selection.set(one, on), onMore: openMenu }),
  added: (card) => {
    selection.renew(card.video);
    showWork(card);
  },
  // In a list sorted by creation, do not insert videos newer than the first; show a button that loads them.
  ofThisList: (videos) => {
    const old = videos.filter(
      (video) => video.deleted_at || list.query.order !== "" || Date.parse(video.created_at) <= Date.parse(newest),
    );
    if (old.length < videos.length) lookForNew();
    return old;
  },
  begun: (answer) => {
    newest = answer.items[0]?.created_at ?? "";
    list.offer(0);
  },
  drawn: () => {
    list.grid.setAttribute("aria-label", `Videos, ${ORDERS[list.query.order] ?? ORDERS[""]}`);
    markAll();
  },
  isNarrowed: ({ search, status, tag }) => Boolean(search || status || tag),
  empty: () => {
    const upload = html`<a class="btn primary" href="/upload">${iconView("upload")}Upload videos</a>`;
    const text = "Upload two recordings of the same match to watch them side by side.";
    return emptyView("film", "No videos yet", text, upload);
  },
  nothing: ({ search, status, tag }) => {
    if (status === BIN && !search && !tag) return emptyBinView();
    const catalogue = `/catalogue?search=${encodeURIComponent(search)}`;
    return nothingFoundView(
      search,
      "You can search by name, tag or description. Check the spelling, or search the catalogue.",
      "None of your videos has this status and tag.",
      () => list.clear({ search: "", status: "", tag: "" }),
      search ? html`<a class="btn" href=${catalogue}>Search the catalogue</a>` : null,
    );
  },
  drawFilters: drawRail,
});

/** @param {any} query @param {{page: number, limit: number}} page @returns {Record<string, string|number>} */
function toQueryParameters({ status, ...query }, page) {
  return { ...query, ...page, ...(status === BIN ? { bin: "true" } : { status }) };
}

/** @param {string} picture @param {string} title @param {string} text @param {import("../base/view.js").View} act */
const emptyView = (picture, title, text, act) => html`
  <div class="panel empty">
    ${iconView(picture)}
    <h2>${title}</h2>
    <p>${text}</p>
    <div class="row wrap">${act}</div>
  </div>`;

function emptyBinView() {
  const showAll = () => list.clear({ status: "" });
  const text = "Videos that you delete stay here until they are deleted for good.";
  const all = html`<button class="btn" type="button" @click=${showAll}>Show all videos</button>`;
  return emptyView("trash", "The bin is empty", text, all);
}

const selection = new Selection(requireElement("[data-selection]"), markAll);
const sending = new Sending({ state: (files) => uploads.told(files), arrived: () => lookForNew() });
const uploads = new UploadsPanel(
  requireElement("[data-uploads]"),
  () => lookForNew(),
  (id, act) => sending.act(id, act),
);

/** Mark the filters in use. @param {any} query */
function drawRail(query) {
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("[data-rail] a"))) {
    const to = list.queryOf(link.href);
    const current = link.dataset.kind === "tag" ? to.tag === query.tag : to.status === query.status;
    if (current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** HTML of counts and filter choices as last received from the server. @type {Record<string, string>} */
const served = { rail: requireElement("[data-rail]").innerHTML, choices: requireElement("[data-choices]").innerHTML };

/** Reload counts and filter choices. Replace only changed parts, and focus the same link or field again. */
const renewRail = debounce(async () => {
  try {
    const fresh = await fetchFragment(`/library?part=rail&${new URLSearchParams(list.query)}`);
    for (const name of ["rail", "choices"]) {
      const [from, to] = [fresh.querySelector(`[data-${name}]`), document.querySelector(`[data-${name}]`)];
      if (!from || !to || served[name] === from.innerHTML) continue;
      served[name] = from.innerHTML;
      const focused = to.contains(document.activeElement) ? document.activeElement : null;
      to.replaceChildren(...from.childNodes);
      for (const attribute of ["href", "name"]) {
        const value = focused?.getAttribute(attribute);
        if (value) /** @type {HTMLElement|null} */ (to.querySelector(`[${attribute}="${CSS.escape(value)}"]`))?.focus();
      }
    }
    list.drawFilters();
  } catch {
    // Ignore the error: the old counts stay until the next change.
  }
}, 400);

async function showStorage() {
  const meter = requireElement("[data-storage]");
  try {
    const { limits, usage, tier } = await readAccount();
    const [used, all] = [usage.storage_bytes, limits.max_storage_bytes];
    const words = formatPartOfBytes(used, all);
    const bar = requireElement("progress", meter);
    Object.assign(bar, { max: all, value: Math.min(used, all) });
    bar.setAttribute("aria-label", `Storage used: ${words}`);
    bar.classList.toggle("bad", used >= all);
    bar.classList.toggle("warn", used < all && used > 0.9 * all);
    setText(requireElement("[data-storage-words]", meter), words);
    const plan = `${tier[0].toUpperCase()}${tier.slice(1)} plan`;
    const most = formatRoundBytes(limits.max_upload_bytes);
    setText(requireElement("[data-plan]", meter), `${plan}, up to ${most} per file`);
    meter.classList.remove("unknown");
  } catch {
    // Without data the storage meter stays empty; a banner shows the reason.
  }
}

// Actions

function markAll() {
  for (const card of list.cards.values()) card.mark(selection.letterOf(card.video.id), selection.full);
  // Make Upload the primary button if the list has videos and none is selected.
  const isPrimary = list.cards.size > 0 && selection.chosen.length === 0;
  requireElement("[data-upload-link]").classList.toggle("primary", isPrimary);
}

/** @param {Video} video @param {HTMLElement} button */
function openMenu(video, button) {
  const letter = selection.letterOf(video.id);
  const pick = letter ? "Deselect" : "Select";
  const mayDownload = video.video_url && video.error?.type !== "malware_found";
  const items = [
    { label: "Watch", icon: "play", href: `/watch/${video.id}` },
    (letter || !selection.full) && { label: pick, icon: "check", run: () => selection.set(video, !letter) },
    { label: "Rename and tag", icon: "pencil", run: () => openEditDialog(video, onChanged) },
    video.status === "ready" && { label: "Analyse…", icon: "analysis", href: `/analysis?new&video=${video.id}` },
    mayDownload && { label: "Download", icon: "download", href: getDownloadUrl(video) },
    { label: "Delete", icon: "trash", danger: true, apart: true, run: () => removeVideos([video]) },
  ];
  toggleMenu(
    button,
    `More actions for ${video.title}`,
    items.filter((item) => !!item),
  );
}

requireElement("[data-tag-selected]").addEventListener("click", () => {
  const onDone = (/** @type {number} */ count) => count && showToast(`Tags of ${formatCount(count, "video")} changed.`);
  openTagDialog(selection.chosen, onChanged, onDone);
});
requireElement("[data-delete-selected]").addEventListener("click", () => removeVideos([...selection.chosen]));

/** @param {Video[]} videos */
function removeVideos(videos) {
  openDeleteDialog(videos, (gone, isFinal) => {
    for (const video of gone) removeCard(video, videos.length === 1);
    if (videos.length > 1) list.find.focus();
    toastDeleted(gone, isFinal, () => list.reload().then(reloadCounts));
  });
}

/** @param {Video} video */
function onChanged(video) {
  list.cards.get(video.id)?.draw(video);
  selection.renew(video);
  markAll();
  renewRail();
}

/**
 * Remove a deleted or restored video from the list. If the user removed only this video (`byHand`), focus the next
 * card.
 * @param {Video} video
 * @param {boolean} [byHand]
 */
function removeCard(video, byHand = false) {
  if (selection.letterOf(video.id)) selection.set(video, false);
  list.remove(video.id, byHand);
  reloadCounts();
}

function reloadCounts() {
  renewRail();
  showStorage();
}

// Live updates

watchJobs({ onJob: onJobChanged });

/** @param {any} job */
function onJobChanged(job) {
  const before = heard.get(job.id);
  heard.set(job.id, job);
  const card = [...list.cards.values()].find((one) => one.video.job_id === job.id);
  if (!card) {
    if (!before && job.kind === INGEST && RUNNING.has(job.status)) lookForNew();
    return;
  }
  const isNews = !RUNNING.has(job.status)
    ? before && RUNNING.has(before.status)
    : before?.message !== job.message || !card.video.poster_url;
  showWork(card);
  if (isNews || card.video.status === "processing") reloadVideo(card.video.id);
}

/** @param {Card} card */
function showWork(card) {
  const job = heard.get(card.video.job_id ?? "");
  card.work(job && RUNNING.has(job.status) ? job : null);
  card.mark(selection.letterOf(card.video.id), selection.full);
}

/** Ids of videos that are being reloaded; true if another reload must follow. @type {Map<string, boolean>} */
const renewing = new Map();
/** Ids of videos to reload once the network is back or the user signs in. @type {Set<string>} */
const unread = new Set();

/** @param {string} id */
async function reloadVideo(id) {
  if (renewing.has(id)) return void renewing.set(id, true);
  renewing.set(id, false);
  unread.delete(id);
  try {
    onReloaded(await readVideo(id));
  } catch (error) {
    const card = list.cards.get(id);
    if (card && error instanceof ApiError && error.status === 404) removeCard(card.video);
    else unread.add(id);
  }
  const again = renewing.get(id);
  renewing.delete(id);
  if (again) reloadVideo(id);
}

/** @param {Video} video */
function onReloaded(video) {
  const card = list.cards.get(video.id);
  if (!card) return;
  const was = card.video.status;
  if (JSON.stringify(getShownValues(card.video)) !== JSON.stringify(getShownValues(video))) {
    card.draw(video);
    showWork(card);
    selection.renew(video);
    markAll();
  }
  if (was === video.status) return;
  setText(list.said, `${video.title}: ${video.status === "ready" ? "ready" : "failed"}.`);
  reloadCounts();
}

/** Return the values that a card displays, without signed addresses, which differ each time. @param {Video} video */
function getShownValues({ status, title, tags, error, duration_exact, width, fps, ...video }) {
  const files = [video.video_url, video.poster_url, video.sprite_vtt_url].map(Boolean);
  return [status, title, tags, error, duration_exact, width, fps, files];
}

/** Look for new videos. Fill an empty list; otherwise show a button, because inserted cards would move the list. */
const lookForNew = debounce(async () => {
  if (list.query.status === BIN) return reloadCounts();
  try {
    const answer = await listVideos(toQueryParameters(list.query, { page: 1, limit: LIMIT }));
    const { videos, pagination } = answer;
    reloadCounts();
    if (!list.cards.size && videos.length) {
      list.show(toAnswer(answer));
      return list.drawMore();
    }
    // In a list that is not sorted by creation, new videos may be on any page, so compare the total numbers.
    list.offer(
      list.query.order
        ? Math.max(0, pagination.total - list.total)
        : videos.filter((video) => !list.cards.has(video.id)).length,
    );
  } catch {
    // Ignore the error: the page looks for new videos again when the next upload arrives.
  }
}, 500);

// Events

document.addEventListener("click", (event) => {
  const link = /** @type {HTMLAnchorElement|null} */ (/** @type {Element} */ (event.target).closest("[data-rail] a"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const to = list.queryOf(link.href);
  list.narrow(link.dataset.kind === "tag" ? { tag: list.query.tag === to.tag ? "" : to.tag } : { status: to.status });
});
for (const event of ["online", "signedin"]) {
  window.addEventListener(event, () => {
    list.mend();
    for (const id of [...unread]) reloadVideo(id);
    uploads.refresh();
    showStorage();
  });
}

const views = requireElement("[data-view]");

/** @param {string} name */
function showView(name) {
  requireElement(".library-layout").dataset.view = name;
  for (const button of views.querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button.value === name));
}
views.addEventListener("click", (/** @type {Event} */ event) => {
  const button = /** @type {Element} */ (event.target).closest("button");
  if (!button) return;
  showView(button.value);
  try {
    localStorage.setItem(VIEW, button.value);
  } catch {
    // Without local storage, the next visit starts with the grid.
  }
});
try {
  showView(localStorage.getItem(VIEW) === "list" ? "list" : "grid");
} catch {
  showView("grid");
}

// Select the videos whose ids are in the address, for example after a click on a link to compare a video.
for (const id of new URL(location.href).searchParams.getAll("select")) {
  findVideo(id).then(
    (video) => isSelectable(video) && selection.set(video, true),
    () => {},
  );
}

acceptDrops(requireElement("[data-drop]"), (files) => {
  sending.add(files);
  uploads.refresh();
});
list.begin();
showStorage();
