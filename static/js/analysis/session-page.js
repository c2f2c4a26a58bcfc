// The page of one analysis: progress, then the result or the reason why there is none.

import { ApiError } from "../base/api.js";
import { requireElement, readPageData, setText } from "../base/dom.js";
import { formatHundredths, formatPercent } from "../base/format.js";
import { toggleMenu } from "../base/menu.js";
import { errorView, explainError, showToast } from "../base/notice.js";
import { html, iconView, mount, nothing } from "../base/view.js";
import { showStoredToast } from "./first-paint.js";
import { analyseVideo, getCsvUrl, getJsonUrl, keepSession, newKey, readResults, readSession } from "./api.js";
import { toMoment } from "./chosen-moments.js";
import { openDeleteDialog } from "./delete-dialog.js";
import { Follower } from "./status-updates.js";
import { HighlightsView } from "./highlights.js";
import { openRequestForm } from "./request-form.js";
import { Progress } from "./progress.js";
import { explainShortReel } from "./short-reel.js";
import { adviseOnError, describeExpiry, describeRequest, getState, getStatus, isLive, makeFileName } from "./labels.js";
import { drawAndKeepFocus, emptyView, statusView } from "./views.js";
import { WorkoutView } from "./workout.js";

/** @typedef {import("./api.js").Session} Session */

const SHAPES_AFTER = 300;
const TITLE = document.title;

const facts = readPageData("facts");
const state = requireElement("[data-state]");
const said = requireElement("[data-said]");
const acts = requireElement("[data-acts]");
const result = requireElement("[data-result]");
const status = requireElement("[data-status]");
const warnings = requireElement("[data-warnings]");
const short = requireElement("[data-short]");
const drawState = mount(state);
const drawActs = mount(acts);
const drawStatus = mount(status);
const drawWarnings = mount(warnings);
const drawShort = mount(short);

/** @type {Session} */ let session = readPageData("analysis-session");
/** @type {any} */ let data = null;
let isGone = false;
let shown = "";
let isReading = false;

showStoredToast();

const follower = new Follower({
  sessions: () => (isGone ? [] : [session]),
  onChange: onChanged,
  onGone: showGone,
});
const progress = new Progress(session, follower);

/** @param {Session} next */
function onChanged(next) {
  const before = session;
  session = next;
  if (getState(before) !== getState(next)) setText(said, `${getStatus(next).word}.`);
  drawPage();
}

function drawPage() {
  drawHead();
  if (isLive(session)) progress.draw(session);
  // Redraw the result only when the status changes.
  const now = isLive(session) ? "live" : session.status;
  if (now === shown) return;
  shown = now;
  result.hidden = now !== "completed" || data === null;
  if (now === "live") drawState(progress.element);
  else if (now === "completed") showResult();
  else showEnd();
}

function drawHead() {
  status.className = `status ${getStatus(session).tone}`.trim();
  drawStatus(statusView(getStatus(session)));
  drawTime();
  const asked = describeRequest(session.analysis_type, session.params);
  const summary = requireElement("[data-summary]");
  const [words, wish] = summary.querySelectorAll("span");
  setText(words, data?.summary ?? "");
  setText(wish, asked);
  summary.hidden = !data && !asked;
  const sentences = [...session.warnings, ...(data?.warnings ?? [])];
  warnings.hidden = sentences.length === 0;
  drawWarnings(sentences.map(warningView));
  drawAndKeepFocus(acts, "button", () => drawActs(actsView()));
}

const warningView = (/** @type {string} */ words) =>
  html`<div class="note warn">${iconView("alert")}<p class="anywhere" dir="auto">${words}</p></div>`;

function drawTime() {
  const kept = requireElement("[data-kept]");
  const words = isGone ? "" : describeExpiry(session);
  kept.hidden = !words;
  setText(requireElement("span", kept), words);
  if (isLive(session)) progress.draw();
  document.title = isLive(session) && session.progress > 0 ? `${formatPercent(session.progress)} · ${TITLE}` : TITLE;
}

function actsView() {
  const { source, analysis_type: kind, params } = session;
  const made = data && (data.highlight_video_url ?? data.preview_url);
  const isReel = kind === "highlights";
  const isKept = session.expires_at === null;
  // Results can be kept only if the video is in the library. Any other video is deleted with its analysis.
  const mayKeep = data && source?.video_id;
  const keepView = () => html`
    <button class="btn" type="button" aria-pressed=${String(isKept)} title="Keep this result until the video is deleted"
      data-act="keep" @click=${() => setKept(!isKept)}>
      ${iconView("lock")}${isKept ? "Kept" : "Keep"}
    </button>`;
  const dataView = () => html`
    <button class="btn" type="button" aria-haspopup="menu" aria-expanded="false" data-act="data" @click=${openDataFile}>
      ${iconView("list")}Data
    </button>`;
  const runAgain = () => openRequestForm(facts, { video: source?.video_id ?? "", kind, params });
  const againView = () => html`
    <button class="btn${made ? "" : " primary"}" type="button" data-act="again" @click=${runAgain}>
      ${iconView("gear")}Run again…
    </button>`;
  const madeView = () => html`
    <a class="btn primary" href=${made} data-made @click=${openFreshAddress}
      download=${makeFileName(session.name, isReel ? "reel.mp4" : "preview.mp4")}>
      ${iconView("download")}${isReel ? "Download reel" : "Download preview"}
    </a>`;
  return html`
    <button class="btn icon-only quiet" type="button" aria-label="Delete this analysis" title="Delete this analysis"
      data-act="delete" @click=${removeSession}>
      ${iconView("trash")}
    </button>
    ${mayKeep ? keepView() : null} ${data ? dataView() : null} ${canRunAgain() ? againView() : null}
    ${made ? madeView() : null}`;
}

/** @param {boolean} isKept */
async function setKept(isKept) {
  try {
    onChanged(await keepSession(session.sessionId, isKept));
    const later = "The result will be deleted automatically. This page shows how long it is kept.";
    showToast(isKept ? "The result is kept until the video is deleted." : later);
  } catch (error) {
    showToast(explainError(error), "bad");
  }
}

async function showResult() {
  if (isReading) return;
  isReading = true;
  const shapes = setTimeout(() => drawState(placeholdersView()), SHAPES_AFTER);
  try {
    if (!session.source) session = await readSession(session.sessionId);
    ({ data } = await readResults(session.sessionId));
    clearTimeout(shapes);
    drawState(null);
    drawHead();
    result.hidden = false;
    const View = session.analysis_type === "workout" ? WorkoutView : HighlightsView;
    const renew = { result: reloadResult, session: () => readSession(session.sessionId) };
    const view = new View(result, session, data, renew);
    if (view instanceof HighlightsView) explainShort(view);
  } catch (error) {
    clearTimeout(shapes);
    if (error instanceof ApiError && [404, 410, 422].includes(error.status)) {
      // The result no longer exists. The status of the analysis explains why.
      drawState(null);
      return void follower.ask(session.sessionId);
    }
    drawState(errorView("The result could not be loaded.", error, retryResult));
  } finally {
    isReading = false;
  }
}

function retryResult() {
  drawState(null);
  showResult();
}

/** Explain why a reel is short or missing, and offer another analysis. @param {HighlightsView} view */
function explainShort(view) {
  const why = data.found ? null : explainShortReel(data, session.params);
  short.hidden = why === null;
  if (!why) return;
  const { text, params } = why;
  const isNone = data.highlights.length === 0;
  let isLowered = false;
  let isSending = false;
  /** @type {import("../base/view.js").View} */ let problem = null;
  let key = newKey();
  draw();

  function draw() {
    const lowerView = (/** @type {number} */ least) => html`
      <button class="btn" type="button" aria-pressed=${String(isLowered)} @click=${toggleLower}
        title="Show in the chart which moments reach this score">
        Preview moments with a score of at least ${formatHundredths(least)}
      </button>`;
    const longerView = () => html`
      <button class="btn" type="button" aria-disabled=${isSending ? "true" : nothing} @click=${runLonger}>
        ${iconView("analysis")}${isNone ? "Run again" : "Make a longer reel"}
      </button>`;
    drawShort(html`
      <div class="note">
        ${iconView("info")}<p class="spacer">${text}</p>
        ${params && isNone ? lowerView(params.min_score) : null} ${params && canRunAgain() ? longerView() : null}
      </div>
      <div>${problem}</div>`);
  }

  /** Preview a lower minimum score in the chart. */
  function toggleLower() {
    isLowered = !isLowered;
    const least = isLowered ? params?.min_score : Number(session.params.min_score);
    view.showMinimum(least);
    const best = data.below_minimum?.filter((/** @type {any} */ { score }) => score >= least);
    view.showBands(isLowered ? best?.map(toMoment) : undefined);
    draw();
  }

  async function runLonger() {
    if (isSending) return;
    isSending = true;
    problem = null;
    draw();
    try {
      const { sessionId } = await analyseVideo(session.source?.video_id ?? "", "highlights", params ?? {}, key);
      location.assign(`/analysis/${encodeURIComponent(sessionId)}`);
    } catch (error) {
      isSending = false;
      // The server repeats a rejection for the same idempotency key, so the next attempt needs a new key.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) key = newKey();
      problem = errorView("The analysis could not be started.", error);
      draw();
    }
  }
}

async function reloadResult() {
  ({ data } = await readResults(session.sessionId));
  return data;
}

/** Fetch a new signed URL before a download, because the link's URL may have expired. @param {Event} event */
async function openFreshAddress(event) {
  const link = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  if (link.dataset.fresh) return void delete link.dataset.fresh;
  event.preventDefault();
  try {
    const fresh = await reloadResult();
    link.href = fresh.highlight_video_url ?? fresh.preview_url ?? link.href;
  } catch {
    // If the request fails, keep the link's old URL, which may still work.
  }
  link.dataset.fresh = "1";
  link.click();
}

const placeholdersView = () => html`
  <div class="two" role="status" aria-label="Loading the result">
    <i class="skeleton wide-pic"></i>
    <div class="panel pad col">${Array(6).fill(html`<i class="skeleton"></i>`)}</div>
  </div>`;

/** @param {Event} event */
function openDataFile(event) {
  const { sessionId, name, analysis_type } = session;
  /** @type {("highlights"|"segments"|"repetitions")[]} */
  const parts = analysis_type === "highlights" ? ["highlights", "segments"] : ["repetitions"];
  toggleMenu(/** @type {HTMLElement} */ (event.currentTarget), "Data", [
    ...parts.map((part) => ({
      label: `Download ${part} as CSV`,
      icon: "list",
      href: getCsvUrl(sessionId, part),
      download: makeFileName(name, `${part}.csv`),
    })),
    {
      label: "Download all data as JSON",
      icon: "copy",
      href: getJsonUrl(sessionId),
      download: makeFileName(name, `${analysis_type}.json`),
      apart: true,
    },
  ]);
}

/** Return whether the page can repeat the analysis. This is possible only for videos in the library. */
const canRunAgain = () => Boolean(session.source?.video_id) && !isLive(session) && !isGone;

const removeSession = () => openDeleteDialog(session, follower, () => location.assign("/analysis"));
const backView = () => html`<a class="btn" href="/analysis">All analyses</a>`;

/** Show why the analysis has no result. */
function showEnd() {
  const { status, name, analysis_type, error, job_id } = session;
  const hadFocus = state.contains(document.activeElement);
  const fresh = html`
    <a class="btn${canRunAgain() ? "" : " primary"}" href="/analysis?new=${analysis_type}">
      ${iconView("plus")}New analysis
    </a>`;
  if (status === "failed")
    drawState(html`
      <div class="note bad" role="alert">
        ${iconView("alert")}
        <div class="spacer">
          <b class="anywhere" dir="auto">${error?.message || "The analysis failed."}</b>
          <p class="text-small">${adviseOnError(error?.type ?? "")}</p>
          ${job_id ? html`<p class="text-small mono anywhere">job ${job_id}</p>` : null}
        </div>
        <div class="row wrap">${backView()} ${fresh}</div>
      </div>`);
  else if (status === "cancelled") {
    const lost = analysis_type === "workout" ? "repetitions" : "highlights";
    const isSafe = Boolean(session.source?.video_id);
    const rest = isSafe ? "The video is still in your library." : "The uploaded file has been deleted.";
    drawState(emptyView("ban", "Analysis cancelled", `No ${lost} were saved. ${rest}`, [fresh, backView()]));
  } else {
    hideResult();
    const words = `Results are kept for a limited time. The results of “${name}” have been deleted. Videos in your library are not affected.`;
    drawState(emptyView("hour", "This analysis has expired", words, [fresh, backView()]));
  }
  if (hadFocus) /** @type {HTMLElement|null} */ (state.querySelector("a, button"))?.focus();
  drawHead();
}

function hideResult() {
  data = null;
  result.hidden = true;
  for (const film of result.querySelectorAll("video")) film.pause();
}

function showGone() {
  if (isGone) return;
  isGone = true;
  hideResult();
  for (const part of [status, requireElement("[data-summary]"), warnings, acts]) part.hidden = true;
  const words = "The analysis was deleted in another window or by an administrator.";
  drawState(emptyView("search", "This analysis no longer exists", words, backView()));
  setText(said, "This analysis was deleted.");
  drawTime();
}

follower.had([session]);
setInterval(drawTime, 1000);
for (const event of ["online", "signedin"]) {
  window.addEventListener(event, () => {
    if (session.status === "completed" && !data && !isGone) retryResult();
  });
}
drawPage();
