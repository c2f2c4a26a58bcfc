// The page of one analysis: progress, then the result or the reason why there is none.

import { ApiError } from "../base/api.js";
import { h, icon, requireElement, readPageData, setText } from "../base/dom.js";
import { formatHundredths, formatPercent } from "../base/format.js";
import { toggleMenu } from "../base/menu.js";
import { createErrorNote, explainError, showToast } from "../base/notice.js";
import { showStoredToast } from "./first-paint.js";
import { analyseVideo, getCsvUrl, getJsonUrl, keepSession, newKey, readResults, readSession } from "./api.js";
import { openDeleteDialog } from "./delete-dialog.js";
import { Follower } from "./status-updates.js";
import { HighlightsView } from "./highlights.js";
import { NewAnalysis } from "./request-form.js";
import { Progress } from "./progress.js";
import { explainShortReel } from "./short-reel.js";
import {
  describeRequest,
  makeFileName,
  isLive,
  describeExpiry,
  KINDS,
  adviseOnError,
  getState,
  getStatus,
} from "./labels.js";
import { WorkoutView } from "./workout.js";

/** @typedef {import("./api.js").Session} Session */

const SHAPES_AFTER = 300;
const TITLE = document.title;

const facts = readPageData("facts");
const state = requireElement("[data-state]");
const said = requireElement("[data-said]");
const acts = requireElement("[data-acts]");

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
  onState: (now) => {
    requireElement("[data-live-state]").hidden = now !== "polling";
  },
});
const progress = new Progress(
  (one) => follower.left(one),
  (one) => follower.ask(one.sessionId),
);
requireElement("[data-live-retry]").addEventListener("click", () => follower.live.retry());

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
  // Redraw the result only when the status changes, because redrawing would lose the focus.
  const now = isLive(session) ? "live" : session.status;
  if (now === shown) return;
  shown = now;
  requireElement("[data-result]").hidden = now !== "completed" || data === null;
  if (now === "live") {
    state.replaceChildren(progress.element);
    progress.draw(session);
  } else if (now === "completed") showResult();
  else onEnded();
}

function drawHead() {
  const { icon: picture, word, tone } = getStatus(session);
  const status = requireElement("[data-status]");
  if (status.dataset.word !== word) {
    status.dataset.word = word;
    status.className = `status ${tone}`.trim();
    status.replaceChildren(icon(picture, getState(session) === "processing" ? "spin" : ""), word);
  }
  drawTime();
  const asked = describeRequest(session.analysis_type, session.params);
  const summary = requireElement("[data-summary]");
  const [words, wish] = summary.querySelectorAll("span");
  setText(words, data?.summary ?? "");
  setText(wish, asked);
  summary.hidden = !data && !asked;
  const warnings = [...session.warnings, ...(data?.warnings ?? [])];
  const place = requireElement("[data-warnings]");
  place.hidden = warnings.length === 0;
  if (place.childElementCount !== warnings.length)
    place.replaceChildren(
      ...warnings.map((words) =>
        h("div", { class: "note warn" }, icon("alert"), h("p", { class: "anywhere", dir: "auto" }, words)),
      ),
    );
  drawActions();
}

function drawTime() {
  const kept = requireElement("[data-kept]");
  const words = isGone ? "" : describeExpiry(session);
  kept.hidden = !words;
  setText(requireElement("span", kept), words);
  if (isLive(session)) progress.tick();
  document.title = isLive(session) && session.progress > 0 ? `${formatPercent(session.progress)} · ${TITLE}` : TITLE;
}

function drawActions() {
  const made = data && (data.highlight_video_url ?? data.preview_url);
  const again = canRunAgain();
  // Results can be kept only if the video is in the library. Any other video is deleted with its analysis.
  const mayKeep = Boolean(data && session.source?.video_id);
  const isKept = session.expires_at === null;
  const parts = [isLive(session), again, Boolean(data), Boolean(made), mayKeep, isKept].join();
  if (acts.dataset.shown === parts) return;
  acts.dataset.shown = parts;
  const isReel = session.analysis_type === "highlights";
  const focused = acts.contains(document.activeElement);
  const act = focused ? /** @type {HTMLElement} */ (document.activeElement).dataset.act : "";
  acts.replaceChildren(
    ...[
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          "aria-label": "Delete this analysis",
          title: "Delete this analysis",
          data: { act: "delete" },
          onclick: removeSession,
        },
        icon("trash"),
      ),
      mayKeep &&
        h(
          "button",
          {
            class: "btn",
            type: "button",
            "aria-pressed": String(isKept),
            title: "Keep this result until the video is deleted",
            data: { act: "keep" },
            onclick: () => setKept(!isKept),
          },
          icon("lock"),
          isKept ? "Kept" : "Keep",
        ),
      data &&
        h(
          "button",
          {
            class: "btn",
            type: "button",
            "aria-haspopup": "menu",
            "aria-expanded": "false",
            data: { act: "data" },
            onclick: openDataFile,
          },
          icon("list"),
          "Data",
        ),
      again &&
        h(
          "button",
          { class: `btn${made ? "" : " primary"}`, type: "button", data: { act: "again" }, onclick: runAgain },
          icon("gear"),
          "Run again…",
        ),
      made &&
        h(
          "a",
          {
            class: "btn primary",
            href: made,
            download: makeFileName(session.name, isReel ? "reel.mp4" : "preview.mp4"),
            data: { made: "" },
            onclick: openFreshAddress,
          },
          icon("download"),
          isReel ? "Download reel" : "Download preview",
        ),
    ].filter((part) => part !== null && part !== false && part !== undefined && part !== ""),
  );
  if (focused)
    /** @type {HTMLElement|null} */ (
      (act && acts.querySelector(`[data-act=${act}]`)) || acts.querySelector("button")
    )?.focus();
}

/** @param {boolean} isKept */
async function setKept(isKept) {
  try {
    onChanged(await keepSession(session.sessionId, isKept));
    drawTime();
    showToast(
      isKept
        ? "The result is kept until the video is deleted."
        : "The result will be deleted automatically. This page shows how long it is kept.",
    );
  } catch (error) {
    showToast(explainError(error), "bad");
  }
}

async function showResult() {
  if (isReading) return;
  isReading = true;
  const shapes = setTimeout(() => state.replaceChildren(createPlaceholders()), SHAPES_AFTER);
  try {
    if (!session.source) session = await readSession(session.sessionId);
    ({ data } = await readResults(session.sessionId));
    clearTimeout(shapes);
    state.replaceChildren();
    drawHead();
    const result = requireElement("[data-result]");
    result.hidden = false;
    const View = session.analysis_type === "workout" ? WorkoutView : HighlightsView;
    const view = new View(result, session, data, {
      result: reloadResult,
      session: () => readSession(session.sessionId),
    });
    if (view instanceof HighlightsView) drawShort(view);
  } catch (error) {
    clearTimeout(shapes);
    if (error instanceof ApiError && [404, 410, 422].includes(error.status)) {
      // The result no longer exists. The status of the analysis explains why.
      state.replaceChildren();
      return void follower.ask(session.sessionId);
    }
    state.replaceChildren(
      createErrorNote("The result could not be loaded.", error, () => {
        state.replaceChildren();
        showResult();
      }),
    );
  } finally {
    isReading = false;
  }
}

/** Explain why a reel is short or missing, and offer another analysis. @param {HighlightsView} view */
function drawShort(view) {
  const why = data.found ? null : explainShortReel(data, session.params);
  const place = requireElement("[data-short]");
  place.hidden = why === null;
  if (!why) return;
  const { params } = why;
  const isNone = data.highlights.length === 0;
  const longer = h(
    "button",
    { class: "btn", type: "button" },
    icon("analysis"),
    isNone ? "Run again" : "Make a longer reel",
  );
  const problem = h("div", {});
  let key = newKey();
  longer.addEventListener("click", async () => {
    if (longer.getAttribute("aria-disabled") === "true") return;
    longer.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    try {
      const { sessionId } = await analyseVideo(session.source?.video_id ?? "", "highlights", params ?? {}, key);
      location.assign(`/analysis/${encodeURIComponent(sessionId)}`);
    } catch (error) {
      longer.removeAttribute("aria-disabled");
      // The server repeats a rejection for the same idempotency key, so the next attempt needs a new key.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) key = newKey();
      problem.replaceChildren(createErrorNote("The analysis could not be started.", error));
    }
  });
  place.replaceChildren(
    h(
      "div",
      { class: "note" },
      icon("info"),
      h("p", { class: "spacer" }, why.text),
      params && isNone && createLowerButton(view, params.min_score),
      params && canRunAgain() ? longer : null,
    ),
    problem,
  );
}

/**
 * Return a button that previews a lower minimum score in the chart.
 * @param {HighlightsView} view
 * @param {number} least
 */
function createLowerButton(view, least) {
  const button = h(
    "button",
    {
      class: "btn",
      type: "button",
      "aria-pressed": "false",
      title: "Show in the chart which moments reach this score",
    },
    `Preview moments with a score of at least ${formatHundredths(least)}`,
  );
  button.addEventListener("click", () => {
    const isLowered = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isLowered));
    view.showMinimum(isLowered ? least : Number(session.params.min_score));
    view.showBands(isLowered ? data.below_minimum?.filter(isAtLeast(least)).map(toMoment) : undefined);
  });
  return button;
}

const isAtLeast = (/** @type {number} */ least) => (/** @type {{score: number}} */ one) => one.score >= least;
const toMoment = (/** @type {{start_time: number, end_time: number}} */ { start_time, end_time }) => ({
  start: start_time,
  end: end_time,
});

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

function createPlaceholders() {
  return h(
    "div",
    { class: "two", role: "status", "aria-label": "Loading the result" },
    h("i", { class: "skeleton wide-pic" }),
    h("div", { class: "panel pad col" }, ...Array.from({ length: 6 }, () => h("i", { class: "skeleton" }))),
  );
}

/** @param {Event} event */
function openDataFile(event) {
  const { sessionId, name } = session;
  const isReel = session.analysis_type === "highlights";
  const tables = /** @type {["segments"|"highlights"|"repetitions", string][]} */ (
    isReel
      ? [
          ["highlights", "Download highlights as CSV"],
          ["segments", "Download segments as CSV"],
        ]
      : [["repetitions", "Download repetitions as CSV"]]
  );
  toggleMenu(/** @type {HTMLElement} */ (event.currentTarget), "Data", [
    ...tables.map(([part, label]) => ({
      label,
      icon: "list",
      href: getCsvUrl(sessionId, part),
      download: makeFileName(name, `${part}.csv`),
    })),
    {
      label: "Download all data as JSON",
      icon: "copy",
      href: getJsonUrl(sessionId),
      download: makeFileName(name, `${session.analysis_type}.json`),
      apart: true,
    },
  ]);
}

/** Return whether the page can repeat the analysis. This is possible only for videos in the library. */
function canRunAgain() {
  return Boolean(session.source?.video_id) && !isLive(session) && !isGone;
}

function runAgain() {
  new NewAnalysis({
    ranges: facts.params,
    factors: facts.factors,
    video: session.source?.video_id ?? "",
    kind: session.analysis_type,
    params: session.params,
    onMade: ({ sessionId }) => location.assign(`/analysis/${encodeURIComponent(sessionId)}`),
  });
}

function removeSession() {
  openDeleteDialog(session, follower, () => location.assign("/analysis"));
}

function onEnded() {
  const { status, error, name } = session;
  const had = state.contains(document.activeElement);
  const kind = KINDS[session.analysis_type];
  const fresh = h(
    "a",
    { class: `btn${canRunAgain() ? "" : " primary"}`, href: `/analysis?new=${session.analysis_type}` },
    icon("plus"),
    "New analysis",
  );
  const back = h("a", { class: "btn", href: "/analysis" }, "All analyses");
  if (status === "failed") {
    state.replaceChildren(
      h(
        "div",
        { class: "note bad", role: "alert" },
        icon("alert"),
        h(
          "div",
          { class: "spacer" },
          h("b", { class: "anywhere", dir: "auto" }, error?.message || "The analysis failed."),
          h("p", { class: "text-small" }, adviseOnError(error?.type ?? "")),
          session.job_id && h("p", { class: "text-small mono anywhere" }, `job ${session.job_id}`),
        ),
        h("div", { class: "row wrap" }, back, fresh),
      ),
    );
  } else if (status === "cancelled") {
    state.replaceChildren(
      createEmptyState(
        "ban",
        "Analysis cancelled",
        `No ${kind.label.toLowerCase() === "workout" ? "repetitions" : "highlights"} were saved.${session.source?.video_id ? " The video is still in your library." : " The uploaded file has been deleted."}`,
        fresh,
        back,
      ),
    );
  } else {
    data = null;
    requireElement("[data-result]").hidden = true;
    for (const film of /** @type {NodeListOf<HTMLVideoElement>} */ (
      requireElement("[data-result]").querySelectorAll("video")
    ))
      film.pause();
    state.replaceChildren(
      createEmptyState(
        "hour",
        "This analysis has expired",
        `Results are kept for a limited time. The results of “${name}” have been deleted. Videos in your library are not affected.`,
        fresh,
        back,
      ),
    );
  }
  if (had || document.activeElement === document.body)
    /** @type {HTMLElement|null} */ (had ? state.querySelector("a, button") : null)?.focus();
  drawHead();
}

/** @param {string} picture @param {string} title @param {string} words @param {...HTMLElement} buttons */
function createEmptyState(picture, title, words, ...buttons) {
  return h(
    "div",
    { class: "panel empty" },
    icon(picture),
    h("h2", {}, title),
    h("p", { class: "anywhere" }, words),
    h("div", { class: "row wrap" }, ...buttons),
  );
}

function showGone() {
  if (isGone) return;
  isGone = true;
  data = null;
  for (const part of ["[data-result]", "[data-status]", "[data-summary]", "[data-warnings]", "[data-acts]"])
    requireElement(part).hidden = true;
  for (const film of /** @type {NodeListOf<HTMLVideoElement>} */ (
    requireElement("[data-result]").querySelectorAll("video")
  ))
    film.pause();
  state.replaceChildren(
    createEmptyState(
      "search",
      "This analysis no longer exists",
      "The analysis was deleted in another window or by an administrator.",
      h("a", { class: "btn", href: "/analysis" }, "All analyses"),
    ),
  );
  setText(said, "This analysis was deleted.");
  drawTime();
}

follower.had([session]);
setInterval(drawTime, 1000);
for (const event of ["online", "signedin"]) {
  window.addEventListener(event, () => {
    if (session.status !== "completed" || data || isGone) return;
    state.replaceChildren();
    showResult();
  });
}
drawPage();
