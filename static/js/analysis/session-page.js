// The page of one analysis: progress, then the result or the reason why there is none.

import { ApiError } from "../base/api.js";
import { h, icon, need, pageData, setText } from "../base/dom.js";
import { hundredths, percent } from "../base/format.js";
import { toggleMenu } from "../base/menu.js";
import { errorNote, explain, toast } from "../base/notice.js";
import { tellWhatHappened } from "./first-paint.js";
import { analyseVideo, csvOf, jsonOf, keepSession, newKey, readResults, readSession } from "./api.js";
import { deleteDialog } from "./delete-dialog.js";
import { Follower } from "./status-updates.js";
import { HighlightsView } from "./highlights.js";
import { NewAnalysis } from "./request-form.js";
import { Progress } from "./progress.js";
import { whyShort } from "./short-reel.js";
import { askedWords, fileName, isLive, keptWords, KINDS, nextStep, stateOf, statusOf } from "./labels.js";
import { WorkoutView } from "./workout.js";

/** @typedef {import("./api.js").Session} Session */

const SHAPES_AFTER = 300;
const TITLE = document.title;

const facts = pageData("facts");
const state = need("[data-state]");
const said = need("[data-said]");
const acts = need("[data-acts]");

/** @type {Session} */ let session = pageData("analysis-session");
/** @type {any} */ let data = null;
let isGone = false;
let shown = "";
let isReading = false;

tellWhatHappened();

const follower = new Follower({
  sessions: () => (isGone ? [] : [session]),
  onChange: changed,
  onGone: gone,
  onState: (now) => {
    need("[data-live-state]").hidden = now !== "polling";
  },
});
const progress = new Progress(
  (one) => follower.left(one),
  (one) => follower.ask(one.sessionId),
);
need("[data-live-retry]").addEventListener("click", () => follower.live.retry());

/** @param {Session} next */
function changed(next) {
  const before = session;
  session = next;
  if (stateOf(before) !== stateOf(next)) setText(said, `${statusOf(next).word}.`);
  draw();
}

function draw() {
  drawHead();
  if (isLive(session)) progress.draw(session);
  // Redraw the result only when the status changes, because redrawing would lose the focus.
  const now = isLive(session) ? "live" : session.status;
  if (now === shown) return;
  shown = now;
  need("[data-result]").hidden = now !== "completed" || data === null;
  if (now === "live") {
    state.replaceChildren(progress.element);
    progress.draw(session);
  } else if (now === "completed") showResult();
  else ended();
}

function drawHead() {
  const { icon: picture, word, tone } = statusOf(session);
  const status = need("[data-status]");
  if (status.dataset.word !== word) {
    status.dataset.word = word;
    status.className = `status ${tone}`.trim();
    status.replaceChildren(icon(picture, stateOf(session) === "processing" ? "spin" : ""), word);
  }
  tick();
  const asked = askedWords(session.analysis_type, session.params);
  const summary = need("[data-summary]");
  const [words, wish] = summary.querySelectorAll("span");
  setText(words, data?.summary ?? "");
  setText(wish, asked);
  summary.hidden = !data && !asked;
  const warnings = [...session.warnings, ...(data?.warnings ?? [])];
  const place = need("[data-warnings]");
  place.hidden = warnings.length === 0;
  if (place.childElementCount !== warnings.length)
    place.replaceChildren(
      ...warnings.map((words) =>
        h("div", { class: "note warn" }, icon("alert"), h("p", { class: "anywhere", dir: "auto" }, words)),
      ),
    );
  drawActs();
}

function tick() {
  const kept = need("[data-kept]");
  const words = isGone ? "" : keptWords(session);
  kept.hidden = !words;
  setText(need("span", kept), words);
  if (isLive(session)) progress.tick();
  document.title = isLive(session) && session.progress > 0 ? `${percent(session.progress)} · ${TITLE}` : TITLE;
}

function drawActs() {
  const made = data && (data.highlight_video_url ?? data.preview_url);
  const again = mayRunAgain();
  // Only results of library videos can be kept: other files are deleted with their analysis.
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
          onclick: remove,
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
            onclick: () => keep(!isKept),
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
            onclick: openData,
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
            download: fileName(session.name, isReel ? "reel.mp4" : "preview.mp4"),
            data: { made: "" },
            onclick: freshAddress,
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
async function keep(isKept) {
  try {
    changed(await keepSession(session.sessionId, isKept));
    tick();
    toast(
      isKept
        ? "The result is kept until the video is deleted."
        : "The result will be deleted when its retention time ends.",
    );
  } catch (error) {
    toast(explain(error), "bad");
  }
}

async function showResult() {
  if (isReading) return;
  isReading = true;
  const shapes = setTimeout(() => state.replaceChildren(shapesOfResult()), SHAPES_AFTER);
  try {
    if (!session.source) session = await readSession(session.sessionId);
    ({ data } = await readResults(session.sessionId));
    clearTimeout(shapes);
    state.replaceChildren();
    drawHead();
    const result = need("[data-result]");
    result.hidden = false;
    const View = session.analysis_type === "workout" ? WorkoutView : HighlightsView;
    const view = new View(result, session, data, {
      result: renewResult,
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
      errorNote("The result could not be loaded.", error, () => {
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
  const why = data.found ? null : whyShort(data, session.params);
  const place = need("[data-short]");
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
      problem.replaceChildren(errorNote("The analysis could not be started.", error));
    }
  });
  place.replaceChildren(
    h(
      "div",
      { class: "note" },
      icon("info"),
      h("p", { class: "spacer" }, why.text),
      params && isNone && lowerButton(view, params.min_score),
      params && mayRunAgain() ? longer : null,
    ),
    problem,
  );
}

/**
 * Return a button that previews a lower minimum score in the chart.
 * @param {HighlightsView} view
 * @param {number} least
 */
function lowerButton(view, least) {
  const button = h(
    "button",
    { class: "btn", type: "button", "aria-pressed": "false", title: "Show it in the chart" },
    `Lower the minimum to ${hundredths(least)}`,
  );
  button.addEventListener("click", () => {
    const isLowered = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isLowered));
    view.showMinimum(isLowered ? least : Number(session.params.min_score));
    view.showBands(isLowered ? data.below_minimum?.filter(reaches(least)).map(asMoment) : undefined);
  });
  return button;
}

const reaches = (/** @type {number} */ least) => (/** @type {{score: number}} */ one) => one.score >= least;
const asMoment = (/** @type {{start_time: number, end_time: number}} */ { start_time, end_time }) => ({
  start: start_time,
  end: end_time,
});

async function renewResult() {
  ({ data } = await readResults(session.sessionId));
  return data;
}

/** Fetch a new signed URL before a download, because the link's URL may have expired. @param {Event} event */
async function freshAddress(event) {
  const link = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  if (link.dataset.fresh) return void delete link.dataset.fresh;
  event.preventDefault();
  try {
    const fresh = await renewResult();
    link.href = fresh.highlight_video_url ?? fresh.preview_url ?? link.href;
  } catch {
    // Keep the link's old URL, which may still work.
  }
  link.dataset.fresh = "1";
  link.click();
}

function shapesOfResult() {
  return h(
    "div",
    { class: "two", role: "status", "aria-label": "Loading the result" },
    h("i", { class: "skeleton wide-pic" }),
    h("div", { class: "panel pad col" }, ...Array.from({ length: 6 }, () => h("i", { class: "skeleton" }))),
  );
}

/** @param {Event} event */
function openData(event) {
  const { sessionId, name } = session;
  const isReel = session.analysis_type === "highlights";
  const tables = /** @type {["segments"|"highlights"|"repetitions", string][]} */ (
    isReel
      ? [
          ["highlights", "Highlights as CSV"],
          ["segments", "Segments as CSV"],
        ]
      : [["repetitions", "Repetitions as CSV"]]
  );
  toggleMenu(/** @type {HTMLElement} */ (event.currentTarget), "Data", [
    ...tables.map(([part, label]) => ({
      label,
      icon: "list",
      href: csvOf(sessionId, part),
      download: fileName(name, `${part}.csv`),
    })),
    {
      label: "Everything as JSON",
      icon: "copy",
      href: jsonOf(sessionId),
      download: fileName(name, `${session.analysis_type}.json`),
      apart: true,
    },
  ]);
}

/**
 * Return whether the analysis can be repeated. This is possible only for library videos: other files are deleted with
 * their analysis.
 */
function mayRunAgain() {
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

function remove() {
  deleteDialog(session, follower, () => location.assign("/analysis"));
}

function ended() {
  const { status, error, name } = session;
  const had = state.contains(document.activeElement);
  const kind = KINDS[session.analysis_type];
  const fresh = h(
    "a",
    { class: `btn${mayRunAgain() ? "" : " primary"}`, href: `/analysis?new=${session.analysis_type}` },
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
          h("p", { class: "text-small" }, nextStep(error?.type ?? "")),
          session.job_id && h("p", { class: "text-small mono anywhere" }, `job ${session.job_id}`),
        ),
        h("div", { class: "row wrap" }, back, fresh),
      ),
    );
  } else if (status === "cancelled") {
    state.replaceChildren(
      empty(
        "ban",
        "Analysis cancelled",
        `No ${kind.label.toLowerCase() === "workout" ? "repetitions" : "highlights"} were saved.${session.source?.video_id ? " The video is still in your library." : " The uploaded file has been deleted."}`,
        fresh,
        back,
      ),
    );
  } else {
    data = null;
    need("[data-result]").hidden = true;
    for (const film of /** @type {NodeListOf<HTMLVideoElement>} */ (need("[data-result]").querySelectorAll("video")))
      film.pause();
    state.replaceChildren(
      empty(
        "hour",
        "This analysis has expired",
        `The results of “${name}” have been deleted after their retention time. Videos in your library are not affected.`,
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
function empty(picture, title, words, ...buttons) {
  return h(
    "div",
    { class: "panel empty" },
    icon(picture),
    h("h2", {}, title),
    h("p", { class: "anywhere" }, words),
    h("div", { class: "row wrap" }, ...buttons),
  );
}

function gone() {
  if (isGone) return;
  isGone = true;
  data = null;
  for (const part of ["[data-result]", "[data-status]", "[data-summary]", "[data-warnings]", "[data-acts]"])
    need(part).hidden = true;
  for (const film of /** @type {NodeListOf<HTMLVideoElement>} */ (need("[data-result]").querySelectorAll("video")))
    film.pause();
  state.replaceChildren(
    empty(
      "search",
      "This analysis no longer exists",
      "It was deleted, in another window or by an administrator.",
      h("a", { class: "btn", href: "/analysis" }, "All analyses"),
    ),
  );
  setText(said, "This analysis was deleted.");
  tick();
}

follower.had([session]);
setInterval(tick, 1000);
for (const event of ["online", "signedin"]) {
  window.addEventListener(event, () => {
    if (session.status !== "completed" || data || isGone) return;
    state.replaceChildren();
    showResult();
  });
}
draw();
