// The page for a new comparison. Users choose, upload and order recordings. The comparison opens once all recordings
// are ready.

import { ApiError, createSession, listLibraryFiles, makeIdempotencyKey } from "../../base/api.js";
import { requireElement, setText } from "../../base/dom.js";
import { keepTypedText } from "../../base/drafts.js";
import { formatCount } from "../../base/format.js";
import { EndlessList, toAnswer, nothingFoundView } from "../../base/infinite-list.js";
import { errorView, showToast } from "../../base/notice.js";
import { html, iconView, mount } from "../../base/view.js";
import { listCatalogue } from "../../catalogue/api.js";
import { ACCEPT, takeChosen } from "../../uploads/file-picker.js";
import { acceptDrops } from "../../uploads/drop-zone.js";
import { Transfer } from "../../uploads/transfer.js";
import { findVideo, LETTERS, listVideos } from "../../videos/api.js";
import { listenToButtons, markButton } from "../button-group.js";
import { ChoiceCard } from "./recording-card.js";
import { Choice, MOST, Recording } from "./selection.js";
import { Tray } from "./selection-tray.js";

/** @typedef {import("../../videos/api.js").Video} Video */

const RENEW_PAUSE = 2000; // ms between two refreshes of videos that are being prepared
const PICTURE_SECONDS = 300; // seconds after a video's creation in which its thumbnail may still be missing
const RENEWED = 6; // maximum number of unselected videos that one refresh reloads
const SPELLING = "Check the spelling, or search the library, the catalogue or the folders.";
const LIMIT_LINKS = html`<div class="row wrap">
  <a class="btn" href="/compare">Show your comparisons</a> <a class="btn" href="/account#plan">See plans</a>
</div>`;
const UNTAGGED = "None of your videos has this tag.";
const LIBRARY = "";
const CATALOGUE = "catalogue";
const FOLDERS = "folders";
/** What a search in each place finds, and heading and text of an empty list. @type {Record<string, string[]>} */
const WORDS = {
  [LIBRARY]: [
    "Name, tag or description",
    "No videos in your library yet",
    "Drop two or three recordings of the same match on this page, or choose them from this device.",
  ],
  [CATALOGUE]: [
    "Title, category, tag or description",
    "The catalogue is empty",
    "Videos that moderators publish appear here.",
  ],
  [FOLDERS]: [
    "File name",
    "No videos in the folders",
    "The folders that you can access contain no videos. Upload your own recordings instead.",
  ],
};

const places = requireElement("[data-places]");
const tags = document.querySelector("[data-tags]");
const nameField = requireElement("#name");
const createButton = requireElement("[data-create]");
const hint = requireElement("[data-hint]");
const said = requireElement("[data-said]");
const drawProblem = mount(requireElement("[data-create-error]"));
/** Step of the page; "waiting" lasts until all recordings are ready. */
let state = /** @type {"choosing"|"waiting"|"making"} */ ("choosing");

/** True once the page has loaded the videos named in its URL. */ let hasRead = false;
/** True if the comparison opens without a click; see `compareAddress`. */ const isStarting = takeStart();
const choice = new Choice();
const tray = new Tray(requireElement("[data-tray]"), choice, {
  remove: removeRecording,
  tryAgain: (recording) => recording.transfer?.resume(),
  say: (words) => setText(said, words),
});

// The list

/** @type {EndlessList} */ const list = new EndlessList({
  path: "/compare",
  queryOf: (part) => ({
    new: "yes",
    from: getPlace(part("from")),
    search: part("search").slice(0, 200),
    tag: part("tag"),
    order: part("order"),
  }),
  noun: "recording",
  ask: fetchVideos,
  card: (item) => new ChoiceCard(item, (chosen) => pickVideo(item.id, chosen)),
  drawn: markChosen,
  isNarrowed: ({ search, tag }) => Boolean(search || tag),
  empty: emptyView,
  nothing: ({ search }) => nothingFoundView(search, SPELLING, UNTAGGED, () => list.clear({ search: "", tag: "" })),
  drawFilters,
});

/** @param {string} name @returns {string} */
function getPlace(name) {
  return places.querySelector(`button[value="${CSS.escape(name)}"]`) ? name : LIBRARY;
}

/**
 * @param {any} query
 * @param {{page: number, limit: number}} part
 * @param {AbortSignal} signal
 * @returns {Promise<import("../../base/infinite-list.js").Answer>}
 */
async function fetchVideos({ from, search, tag, order }, { page, limit }, signal) {
  showUnusable([]);
  if (from === FOLDERS) {
    const { files, total, unusable } = await listLibraryFiles({ search, limit, offset: (page - 1) * limit }, signal);
    showUnusable(unusable);
    return {
      items: files.map((/** @type {any} */ file) => ({ id: file.path, file })),
      pagination: { page, limit, total, totalPages: Math.ceil(total / limit) },
    };
  }
  const { items, pagination } = toAnswer(
    from === CATALOGUE
      ? await listCatalogue({ search, page, limit }, signal)
      : await listVideos({ search, tag, order, page, limit }, signal),
  );
  return { items: items.map((video) => ({ id: video.id, video })), pagination };
}

/** @param {string[]} names */
function showUnusable(names) {
  const note = requireElement("[data-unusable]");
  const why = "because their names contain characters that cannot be read";
  note.hidden = !names.length;
  setText(note, `These files cannot be used, ${why}: ${names.join(", ")}. Rename the files.`);
}

/** Return whether the list shows the whole library, newest first. @param {any} query */
function isWhole({ from, search, tag, order }) {
  return from === LIBRARY && !search && !tag && !order;
}

function emptyView() {
  const { from } = list.query;
  const [, heading, text] = WORDS[from];
  const buttons = html`<div class="row wrap">
    ${placeButtonView(CATALOGUE, "Open the catalogue")} ${placeButtonView(FOLDERS, "Open the folders")}
  </div>`;
  return html`<div class="panel empty">
    ${iconView("film")}
    <h2>${heading}</h2>
    <p>${text}</p>
    ${from === LIBRARY ? buttons : null}
  </div>`;
}

/** @param {string} place @param {string} label */
function placeButtonView(place, label) {
  const go = () => {
    list.narrow({ from: place });
    list.find.focus();
  };
  return getPlace(place) ? html`<button class="btn" type="button" @click=${go}>${label}</button>` : null;
}

/** @param {any} query */
function drawFilters({ from, tag }) {
  markButton(places, from);
  if (tags) markButton(tags, tag);
  tags?.toggleAttribute("hidden", from !== LIBRARY);
  list.filters.hidden = from !== LIBRARY;
  list.grid.dataset.from = from;
  list.find.placeholder = WORDS[from][0];
  keepInAddress();
}

listenToButtons(places, (from) => list.narrow({ from, tag: "", order: "" }));
if (tags) listenToButtons(tags, (tag) => list.narrow({ tag: list.query.tag === tag ? "" : tag }));

// Selection

/** @param {string} id @param {boolean} chosen */
function pickVideo(id, chosen) {
  const recording = choice.recordings.find((one) => one.key === id);
  if (!chosen) return recording && removeRecording(recording);
  const { video, file } = /** @type {ChoiceCard} */ (list.cards.get(id));
  choice.add(new Recording(video ? { video } : { file: file ?? undefined }));
}

/** @param {Recording} recording */
function removeRecording(recording) {
  choice.remove(recording.key);
  const failed = `The upload of “${recording.name}” could not be cancelled. Cancel it on the Upload page.`;
  // Removing a recording cancels its unfinished upload; a finished video stays in the library.
  if (!recording.video) recording.transfer?.cancel().catch(() => showToast(failed, "warn"));
  if (!choice.recordings.length) list.find.focus();
}

function markChosen() {
  for (const card of list.cards.values()) card.mark(choice.letterOf(card.id), choice.isFull);
}

/** Store the chosen videos in the page's URL, for reloads and the Back button. */
function keepInAddress() {
  const address = new URL(location.href);
  const ids = choice.recordings.flatMap(({ video }) => video?.id ?? []);
  // Change the URL only after the page has loaded the videos that the URL names; otherwise the URL would lose them.
  if (!hasRead || ids.join() === address.searchParams.getAll("video").join()) return;
  address.searchParams.delete("video");
  for (const id of ids) address.searchParams.append("video", id);
  history.replaceState(history.state, "", address);
}

choice.addEventListener("change", () => {
  markChosen();
  keepInAddress();
  drawFoot();
});

/** Remove `start` from the page's URL, so that a reload creates no second comparison; return whether it was there. */
function takeStart() {
  const address = new URL(location.href);
  const isThere = address.searchParams.has("start");
  address.searchParams.delete("start");
  if (isThere) history.replaceState(history.state, "", address);
  return isThere;
}

async function addFromAddress() {
  const ids = new URL(location.href).searchParams.getAll("video").slice(0, MOST);
  const found = await Promise.all(ids.map((id) => findVideo(id).catch(() => null)));
  if (found.includes(null)) showToast("A video could not be loaded. It may have been deleted.", "warn");
  hasRead = true;
  for (const video of found) if (video) choice.add(new Recording({ video }));
  if (isStarting && !found.includes(null)) startWaiting();
}

// Files of this device

/** @param {import("../../uploads/file-picker.js").Chosen[]} files */
function uploadFiles(files) {
  const free = MOST - choice.recordings.length;
  const added = `${formatCount(free, "file")} ${free === 1 ? "was" : "were"} added`;
  const rest = free ? `, so only ${added}.` : ". Remove one first.";
  if (files.length > free) showToast(`A comparison can have at most ${MOST} recordings${rest}`, "warn");
  for (const { file, handle } of files.slice(0, free)) {
    const transfer = new Transfer({ file, name: file.name, size: file.size, handle });
    const recording = new Recording({ transfer });
    let shown = "";
    transfer.addEventListener("change", () => {
      if (transfer.state === "waiting") return void transfer.start();
      recording.video ??= transfer.video;
      const now = `${transfer.state} ${recording.key}`;
      if (now === shown) return tray.draw();
      shown = now;
      const { video } = recording;
      if (video && !list.cards.has(video.id) && isWhole(list.query)) list.prepend({ id: video.id, video });
      if (choice.recordings.includes(recording)) choice.touch();
    });
    choice.add(recording);
    if (file.size) transfer.start();
    else transfer.refuse("empty", "Empty file", "Choose another file.");
  }
}

acceptDrops(requireElement("[data-drop]"), uploadFiles);
const field = requireElement("#files");
field.accept = ACCEPT;
field.addEventListener("change", () => {
  uploadFiles(takeChosen(field));
  field.value = "";
});
const listTransfers = () => choice.recordings.flatMap(({ transfer }) => transfer ?? []);
window.addEventListener("offline", () => listTransfers().forEach((one) => one.networkLost()));
for (const back of ["online", "signedin"])
  window.addEventListener(back, () => {
    for (const one of listTransfers()) if (one.state === "offline") one.resume();
    list.mend();
  });
window.addEventListener(
  "beforeunload",
  (event) => listTransfers().some((one) => one.isGoing) && event.preventDefault(),
);

// Refresh of videos that are being prepared

/** Return whether a video has no thumbnail yet, but is recent enough to get one. @param {Video} video */
const isAwaitingPicture = (video) =>
  !video.poster_url && Date.now() - Date.parse(video.created_at) < PICTURE_SECONDS * 1000;
/** @param {Video} video */
const isPrepared = (video) => video.status === "ready" || video.status === "failed";

async function refreshRecordings() {
  if (document.visibilityState !== "visible") return;
  const chosen = choice.recordings.flatMap(({ video }) => video ?? []);
  const listed = [...list.cards.values()].flatMap(({ video }) => video ?? []);
  const wanted = [
    ...chosen.filter((video) => !isPrepared(video) || (video.status === "ready" && isAwaitingPicture(video))),
    ...listed.filter((video) => !isPrepared(video)).slice(0, RENEWED),
  ];
  for (const id of new Set(wanted.map((video) => video.id))) {
    const fresh = await findVideo(id).catch(() => null);
    if (!fresh) continue;
    list.cards.get(id)?.renew(fresh);
    choice.renew(fresh);
  }
}

/** Refresh repeatedly. Wait for each refresh to end, so that a slow network never has two at once. */
async function keepRenewing() {
  await refreshRecordings();
  setTimeout(keepRenewing, RENEW_PAUSE);
}
keepRenewing();

// Creation

function drawFoot() {
  const { recordings, awaited } = choice;
  const failed = recordings.find((one) => one.failure);
  if (state === "waiting" && (failed || !choice.isEnough)) state = "choosing";
  const letters = awaited.map((one) => choice.letterOf(one.key)).join(" and ");
  const are = awaited.length === 1 ? "is" : "are";
  const choosing = `Compare ${Math.max(2, recordings.length)} recordings`;
  createButton.setAttribute("aria-disabled", String(!choice.isEnough || Boolean(failed) || state === "making"));
  setText(requireElement("[data-create-words]"), { choosing, waiting: "Stop waiting", making: "Opening…" }[state]);
  let text = "The alignment starts automatically.";
  if (failed) text = `Recording ${choice.letterOf(failed.key)} cannot be used. Remove it to continue.`;
  else if (!choice.isEnough)
    text = `Choose ${recordings.length ? "one more recording" : "two or three recordings"} of the same match.`;
  else if (awaited.length && state === "waiting") text = `The comparison opens as soon as ${letters} ${are} ready.`;
  else if (awaited.length)
    text = `${letters} ${are} not ready yet. If you press Compare, the comparison opens as soon as ${letters} ${are} ready.`;
  setText(hint, text);
  const names = recordings.map((one) => (one.video ? one.name : one.name.replace(/\.[^.]+$/, "")));
  nameField.placeholder = names.join(" / ").slice(0, 200) || "Name of the comparison";
  if (state === "waiting" && !awaited.length) createComparison();
}

/** Create the comparison as soon as all recordings are ready. */
function startWaiting() {
  state = "waiting";
  drawFoot();
}

/** The latest request to create the comparison; a retry repeats it. */
let attempt = { body: "", key: "" };

async function createComparison() {
  state = "making";
  drawFoot();
  drawProblem(null);
  try {
    const vods = choice.recordings.map((one, at) => one.asVod(LETTERS[at]));
    const fields = { vods, name: nameField.value.trim() || nameField.placeholder };
    // A repeated request has the same key, so that it does not create a second comparison.
    if (JSON.stringify(fields) !== attempt.body) attempt = { body: JSON.stringify(fields), key: makeIdempotencyKey() };
    nameField.readOnly = true;
    const { session } = await createSession(fields, attempt.key);
    forgetName();
    const page = `/compare/${encodeURIComponent(session.session_id)}?setup`;
    if (isStarting) location.replace(page);
    else location.assign(page);
  } catch (error) {
    nameField.readOnly = false;
    const isFull = error instanceof ApiError && error.type === "session_limit";
    drawProblem(html`
      ${errorView("The comparison could not be created.", error)}
      ${isFull ? LIMIT_LINKS : null}`);
    state = "choosing";
    drawFoot();
  }
}

createButton.addEventListener("click", () => {
  if (createButton.getAttribute("aria-disabled") === "true") return;
  if (state === "choosing") return startWaiting();
  state = "choosing";
  drawFoot();
});
window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  nameField.readOnly = false;
  state = "choosing";
  drawFoot();
});

drawFoot();
const forgetName = keepTypedText("new-comparison", { name: nameField });
addFromAddress();
list.begin();
