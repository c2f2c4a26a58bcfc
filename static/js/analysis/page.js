// The page of the user's analyses: list, running uploads, and form for a new analysis.

import { requireElement, readPageData, setText } from "../base/dom.js";
import { errorView, showToast } from "../base/notice.js";
import { html, iconView, mount } from "../base/view.js";
import { acceptDrops } from "../uploads/drop-zone.js";
import { readSession, listSessions } from "./api.js";
import { openDeleteDialog } from "./delete-dialog.js";
import { Follower } from "./status-updates.js";
import { openRequestForm } from "./request-form.js";
import { Row } from "./analysis-row.js";
import { showUploads } from "./uploads.js";
import { isLive, KINDS, getStatus } from "./labels.js";
import { emptyView, itemViews } from "./views.js";

/** @typedef {import("./api.js").Session} Session */

const PAGE = 30;
const SHAPES_AFTER = 300;

/** @type {import("./request-form.js").Facts} */ const facts = readPageData("facts");
const drawRows = mount(requireElement("[data-list]"));
const drawState = mount(requireElement("[data-list-state]"));
const panel = requireElement("[data-panel]");
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
});

const uploads = showUploads(requireElement("[data-uploads]"), facts.max_upload_bytes, onArrived);

const readKind = () => new URL(location.href).searchParams.get("kind") ?? "";

/** Reload the list; the current rows stay until the new ones arrive. */
async function loadList() {
  request.abort();
  request = new AbortController();
  const { signal } = request;
  const shapes = setTimeout(() => !rows.size && drawState(placeholdersView()), SHAPES_AFTER);
  panel.setAttribute("aria-busy", "true");
  try {
    const { sessions, pagination } = await listSessions({ limit: PAGE, offset: 0, analysis_type: readKind() }, signal);
    follower.had(sessions);
    rows.clear();
    unseen.clear();
    ({ total } = pagination);
    sessions.forEach(addRow);
    hasLoaded = true;
    drawList();
  } catch (error) {
    if (signal.aborted) return;
    drawState(errorView("Your analyses could not be loaded.", error, loadList));
  } finally {
    clearTimeout(shapes);
    if (!signal.aborted) panel.setAttribute("aria-busy", "false");
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
    fresh.forEach(addRow);
    drawList();
    rows.get(fresh[0]?.sessionId)?.element.focus();
  } catch (error) {
    drawState(errorView("More analyses could not be loaded.", error, loadMore));
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** @param {Session} session */
function addRow(session) {
  if (session.job_id) known.add(session.job_id);
  rows.set(session.sessionId, new Row(session, follower, removeSession));
}

/** @param {Session} session */
function removeSession(session) {
  const next = findNeighbour(session.sessionId);
  openDeleteDialog(session, follower, () => {
    onRemoved(session.sessionId);
    showToast("Analysis deleted.");
    (next?.isConnected ? next : newButton).focus();
  });
}

function drawList() {
  drawRows(itemViews([...rows.values()], (row) => row.element));
  panel.hidden = rows.size === 0;
  setText(requireElement("[data-total]"), total ? String(total) : "");
  more.hidden = rows.size >= total || rows.size === 0;
  setText(requireElement("[data-rest]"), `${rows.size} of ${total}`);
  showNews();
  for (const link of kinds.querySelectorAll("a")) {
    if ((new URL(link.href).searchParams.get("kind") ?? "") === readKind()) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  newButton.classList.toggle("primary", rows.size > 0 || readKind() !== "");
  if (rows.size) drawState(null);
  else if (!readKind()) drawState(emptyView("analysis", "No analyses yet", NONE, newView()));
  else drawState(emptyView("search", "No matching analyses", "You have no analyses of this kind.", allView()));
}

const NONE =
  "Analyse a video to get its best moments as a short reel, or to count and time the repetitions of a workout. Drop a file anywhere on this page.";
const newView = () =>
  html`<button class="btn primary" type="button" @click=${() => openForm()}>${iconView("plus")}New analysis</button>`;
const allView = () => html`<a class="btn" href="/analysis">Show all</a>`;

const placeholdersView = () => html`
  <div class="panel pad col" role="status" aria-label="Loading analyses">
    ${Array(4).fill(html`<div class="col"><i class="skeleton"></i><i class="skeleton short"></i></div>`)}
  </div>`;

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
    const { label } = KINDS[session.analysis_type];
    if (readKind() && readKind() !== session.analysis_type)
      return showToast(`“${session.name}” has been uploaded. To see its analysis, select the filter “${label}”.`);
    follower.had([session]);
    // A Map keeps insertion order, so insert the new row first.
    const others = [...rows];
    rows.clear();
    addRow(session);
    for (const [one, row] of others) rows.set(one, row);
    if (session.job_id) unseen.delete(session.job_id);
    total += 1;
    drawList();
    setText(said, `${session.name} has been uploaded and queued for analysis.`);
  } catch {
    loadList();
  }
}

/** @type {ReturnType<typeof openRequestForm>|null} */ let form = null;

/** @param {Partial<import("./request-form.js").NewOptions>} [given] */
function openForm(given = {}) {
  form = openRequestForm(facts, { ...given, onFiles: (files, kind, params) => uploads.add(files, kind, params) });
}

newButton.addEventListener("click", () => openForm());
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
  if (form?.isOpen()) form.take(files);
  else if (!document.querySelector("dialog[open]")) openForm({ files });
});
setInterval(() => rows.forEach((row) => row.draw()), 1000);

loadList();
// Links of other pages with `?new&video=…` or `?new=workout&video=…` open the form.
const asked = new URL(location.href).searchParams;
if (asked.has("new")) {
  const kind = asked.get("new") ?? "";
  openForm({
    video: asked.get("video") ?? undefined,
    kind: kind in KINDS ? /** @type {import("./api.js").Kind} */ (kind) : undefined,
  });
}
