// The page of the user's analyses: list, running uploads, and form for a new analysis.

import { h, icon, requireElement, readPageData, setText } from "../base/dom.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { acceptDrops } from "../uploads/drop-zone.js";
import { readSession, listSessions } from "./api.js";
import { performAct } from "./actions.js";
import { openDeleteDialog } from "./delete-dialog.js";
import { Follower } from "./status-updates.js";
import { NewAnalysis } from "./request-form.js";
import { Row } from "./analysis-row.js";
import { Uploads } from "./upload-rows.js";
import { isLive, KINDS, getStatus } from "./labels.js";

/** @typedef {import("./api.js").Session} Session */

const PAGE = 30;
const SHAPES_AFTER = 300;

/** @type {{params: import("./parameter-fields.js").Ranges, max_upload_bytes: number, factors: Record<string, number>}} */ const facts =
  readPageData("facts");
const list = requireElement("[data-list]");
const state = requireElement("[data-list-state]");
const more = requireElement("[data-more]");
const news = requireElement("[data-news]");
const said = requireElement("[data-said]");
const kinds = requireElement("[data-kinds]");
const newButton = requireElement("[data-new]");

/** Rows by analysis id, in the order of the list. @type {Map<string, Row>} */ const rows = new Map();
/** Ids of jobs whose new analyses are not listed yet. @type {Set<string>} */ const unseen = new Set();
/** Ids of the jobs of all analyses listed so far. @type {Set<string>} */ const known = new Set();
let total = 0;
let hasLoaded = false;
let request = new AbortController();

const follower = new Follower({
  sessions: () => [...rows.values()].map((row) => row.session),
  onChange: onChanged,
  onGone: onRemoved,
  onUnknown: (job) => {
    if (!hasLoaded || known.has(job.id) || !["queued", "processing"].includes(job.status)) return;
    unseen.add(job.id);
    showNews();
  },
  onState: (now) => {
    requireElement("[data-live-state]").hidden = now !== "polling";
  },
});
requireElement("[data-live-retry]").addEventListener("click", () => follower.live.retry());

const uploads = new Uploads(requireElement("[data-uploads]"), facts.max_upload_bytes, onArrived);

const readKind = () => new URL(location.href).searchParams.get("kind") ?? "";

/** Reload the list; the current rows stay until the new ones arrive. */
async function loadList() {
  request.abort();
  request = new AbortController();
  const { signal } = request;
  const shapes = setTimeout(() => !rows.size && state.replaceChildren(createPlaceholderRows()), SHAPES_AFTER);
  requireElement("[data-panel]").setAttribute("aria-busy", "true");
  try {
    const { sessions, pagination } = await listSessions({ limit: PAGE, offset: 0, analysis_type: readKind() }, signal);
    follower.had(sessions);
    for (const row of rows.values()) row.element.remove();
    rows.clear();
    unseen.clear();
    ({ total } = pagination);
    addRows(sessions);
    hasLoaded = true;
    drawList();
  } catch (error) {
    if (signal.aborted) return;
    state.replaceChildren(createErrorNote("Your analyses could not be loaded.", error, loadList));
  } finally {
    clearTimeout(shapes);
    if (!signal.aborted) requireElement("[data-panel]").setAttribute("aria-busy", "false");
  }
}

async function loadMore() {
  const button = requireElement("button", more);
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    const { sessions, pagination } = await listSessions({ limit: PAGE, offset: rows.size, analysis_type: readKind() });
    const fresh = sessions.filter((session) => !rows.has(session.sessionId));
    follower.had(fresh);
    ({ total } = pagination);
    addRows(fresh);
    drawList();
    rows.get(fresh[0]?.sessionId)?.element.focus();
  } catch (error) {
    state.replaceChildren(createErrorNote("More analyses could not be loaded.", error, loadMore));
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** @param {Session[]} sessions */
function addRows(sessions) {
  for (const session of sessions) {
    const row = makeRow(session);
    rows.set(session.sessionId, row);
    list.append(row.element);
  }
}

/** @param {Session} session */
function makeRow(session) {
  if (session.job_id) known.add(session.job_id);
  return new Row(session, {
    left: (one) => follower.left(one),
    onAct: async (one, act) => {
      await performAct(one, act);
      await follower.ask(one.sessionId);
    },
    onDelete: (one) => {
      const next = findNeighbour(one.sessionId);
      openDeleteDialog(one, follower, () => {
        onRemoved(one.sessionId);
        showToast("Analysis deleted.");
        (next?.isConnected ? next : newButton).focus();
      });
    },
  });
}

function drawList() {
  requireElement("[data-panel]").hidden = rows.size === 0;
  setText(requireElement("[data-total]"), total ? String(total) : "");
  more.hidden = rows.size >= total || rows.size === 0;
  setText(requireElement("[data-rest]"), `${rows.size} of ${total}`);
  showNews();
  for (const link of kinds.querySelectorAll("a")) {
    if ((new URL(link.href).searchParams.get("kind") ?? "") === readKind()) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const is = rows.size ? "" : readKind() ? "nothing" : "empty";
  newButton.classList.toggle("primary", is !== "empty");
  if (is === "") state.replaceChildren();
  else state.replaceChildren(is === "empty" ? createEmptyState() : createNothingState());
}

function createEmptyState() {
  return h(
    "div",
    { class: "panel empty" },
    icon("analysis"),
    h("h2", {}, "No analyses yet"),
    h(
      "p",
      {},
      "Analyse a video to get its best moments as a short reel, or to count and time the repetitions of a workout. Drop a file anywhere on this page.",
    ),
    h(
      "div",
      { class: "row wrap" },
      h(
        "button",
        { class: "btn primary", type: "button", onclick: () => openRequestForm() },
        icon("plus"),
        "New analysis",
      ),
    ),
  );
}

function createNothingState() {
  return h(
    "div",
    { class: "panel empty" },
    icon("search"),
    h("h2", {}, "No matching analyses"),
    h("p", {}, "You have no analyses of this kind."),
    h("div", { class: "row wrap" }, h("a", { class: "btn", href: "/analysis" }, "Show all")),
  );
}

function createPlaceholderRows() {
  return h(
    "div",
    { class: "panel pad col", role: "status", "aria-label": "Loading analyses" },
    ...Array.from({ length: 4 }, () =>
      h("div", { class: "col" }, h("i", { class: "skeleton" }), h("i", { class: "skeleton short" })),
    ),
  );
}

function showNews() {
  news.hidden = unseen.size === 0;
  if (news.hidden) return;
  setText(requireElement("span", news), `${unseen.size} new`);
  if (rows.size === 0) loadList();
}

/** @param {Session} session */
function onChanged(session) {
  const row = rows.get(session.sessionId);
  if (!row) return;
  const ended = isLive(row.session) && !isLive(session);
  row.draw(session);
  if (ended) setText(said, `${session.name}: ${getStatus(session).word.toLowerCase()}.`);
}

/** @param {string} id @returns {HTMLElement|null} */
function findNeighbour(id) {
  const element = rows.get(id)?.element;
  return /** @type {HTMLElement|null} */ (element?.nextElementSibling ?? element?.previousElementSibling ?? null);
}

/** @param {string} id */
function onRemoved(id) {
  const row = rows.get(id);
  if (!row) return;
  const next = findNeighbour(id);
  const hadFocus = row.element.contains(document.activeElement) || document.activeElement === document.body;
  row.element.remove();
  rows.delete(id);
  total = Math.max(0, total - 1);
  drawList();
  if (hadFocus) (next ?? newButton).focus();
}

/** Put the analysis of a finished upload on top of the list. @param {string} id */
async function onArrived(id) {
  if (!id) return loadList();
  try {
    const session = await readSession(id);
    if (rows.has(id)) return;
    if (readKind() && readKind() !== session.analysis_type)
      return showToast(
        `“${session.name}” has been uploaded. To see its analysis, select the filter “${KINDS[session.analysis_type].label}”.`,
      );
    follower.had([session]);
    const row = makeRow(session);
    // A Map keeps insertion order, so insert the new row first.
    const others = [...rows];
    rows.clear();
    for (const [one, its] of /** @type {[string, Row][]} */ ([[id, row], ...others])) rows.set(one, its);
    if (session.job_id) unseen.delete(session.job_id);
    list.prepend(row.element);
    total += 1;
    drawList();
    setText(said, `${session.name} has been uploaded and queued for analysis.`);
  } catch {
    loadList();
  }
}

/** @type {NewAnalysis|null} */ let asking = null;

/** @param {Partial<import("./request-form.js").NewOptions>} [given] */
function openRequestForm(given = {}) {
  asking = new NewAnalysis({
    ...given,
    ranges: facts.params,
    factors: facts.factors,
    onFiles: (files, kind, params) => uploads.add(files, kind, params),
    onMade: ({ sessionId }) => location.assign(`/analysis/${encodeURIComponent(sessionId)}`),
  });
}

newButton.addEventListener("click", () => openRequestForm());
requireElement("button", more).addEventListener("click", loadMore);
news.addEventListener("click", async () => {
  await loadList();
  rows.values().next().value?.element.focus();
});
kinds.addEventListener("click", (/** @type {MouseEvent} */ event) => {
  const link = /** @type {HTMLAnchorElement|null} */ (/** @type {Element} */ (event.target).closest("a"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  loadList();
});
window.addEventListener("popstate", loadList);
for (const event of ["online", "signedin"]) window.addEventListener(event, () => !hasLoaded && loadList());
acceptDrops(requireElement("main"), (files) => {
  if (asking?.dialog.open) asking.take(files);
  else if (!document.querySelector("dialog[open]")) openRequestForm({ files });
});
setInterval(() => {
  for (const row of rows.values()) row.tick();
}, 1000);

loadList();
// Links of other pages with `?new&video=…` or `?new=workout&video=…` open the form.
const asked = new URL(location.href).searchParams;
if (asked.has("new")) {
  const wanted = asked.get("new") ?? "";
  openRequestForm({
    video: asked.get("video") ?? undefined,
    kind: wanted in KINDS ? /** @type {import("./api.js").Kind} */ (wanted) : undefined,
  });
}
