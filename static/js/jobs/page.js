// The jobs page.

import { ApiError, changeJob, clearJobs, deleteJob, fetchFragment } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { openView, questionView } from "../base/dialog.js";
import { readPageData, requireElement, setText } from "../base/dom.js";
import { watchJobs } from "../base/job-updates.js";
import { createErrorNote, createThrottledNote, errorView, explainError, showToast } from "../base/notice.js";
import { createRoot, html, iconView, mount } from "../base/view.js";
import { Rows } from "./rows.js";

const DONE = { cancel: "cancelled", pause: "paused", resume: "resumed", retry: "retried", delete: "deleted" };

const list = requireElement("[data-list]");
const news = requireElement("[data-news]");
const said = requireElement("[data-said]");
const drawProblem = mount(requireElement("[data-list-error]"));
let watch = readPageData("watch");
/** Ids of new jobs that the list does not show yet. @type {Set<string>} */
const unseen = new Set();
const rows = new Rows(list, {
  load: (ids) => fetchFragment(`/jobs?part=rows&${watch.query}&${ids.map((id) => `id=${id}`).join("&")}`),
  onParts: showParts,
  onEnd: (title, word) => setText(said, `${title}: ${word}.`),
  onEmpty: reloadList,
});

watchJobs({
  onJob: applyChange,
  onList: compareJobs,
  onGone: removeRow,
  onState: (state) => {
    requireElement("[data-live-word]").hidden = state !== "live";
  },
});

/**
 * Compare the page with a list of the newest jobs. The page may also show older jobs, which may have changed: request
 * their rows.
 * @param {{jobs: any[]}} list
 */
function compareJobs({ jobs }) {
  const known = new Set(jobs.map((job) => job.id));
  for (const id of unseen) if (!known.has(id)) unseen.delete(id);
  showNews();
  rows.askMissing(known);
}

/** @param {any} job @param {number} [revision] */
function applyChange(job, revision) {
  if (rows.change(job, revision)) return;
  const fits = watch.first_page && watch.statuses.includes(job.status) && (!watch.kind || watch.kind === job.kind);
  const isCleared = job.finished_at && Date.parse(job.finished_at) <= Date.parse(watch.cleared_until);
  if (!fits || isCleared || unseen.has(job.id) || Date.parse(job.created_at) < rows.newest) return;
  unseen.add(job.id);
  showNews();
}

/** @param {string} id */
function removeRow(id) {
  unseen.delete(id);
  showNews();
  rows.remove(id);
}

function showNews() {
  news.hidden = unseen.size === 0;
  if (news.hidden) return;
  setText(requireElement("span", news), `${unseen.size} new`);
  if (rows.count === 0) reloadList();
}

async function reloadList() {
  const { activeElement } = document;
  list.setAttribute("aria-busy", "true");
  try {
    const fresh = await fetchFragment(`/jobs?part=list&${watch.query}`);
    drawProblem(null);
    list.replaceChildren(fresh);
    watch = readPageData("watch");
    unseen.clear();
    showNews();
    rows.adoptAll();
    if (activeElement === news) rows.focusFirst();
  } catch (error) {
    drawProblem(errorView("The list could not be loaded.", error, reloadList));
  } finally {
    list.removeAttribute("aria-busy");
  }
}

/** Clear the finished jobs, or undo that. @param {string|null} [until] */
async function clearFinished(until) {
  try {
    const { previous } = await clearJobs(until);
    await reloadList();
    showParts(await rows.options.load([]));
    if (document.activeElement === document.body) rows.focusFirst(); // the button “Clear finished” is gone
    if (until === undefined)
      showToast("Finished jobs cleared.", "ok", { label: "Undo", run: () => clearFinished(previous) });
  } catch (error) {
    showToast(explainError(error), "bad");
  }
}

/** Update the counts and queue positions on the page from the server's response. @param {DocumentFragment} fresh */
function showParts(fresh) {
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (fresh.querySelectorAll("[data-part]"))) {
    const shown = /** @type {HTMLElement|null} */ (
      document.querySelector(`body > header [data-part=${part.dataset.part}], main [data-part=${part.dataset.part}]`)
    );
    if (!shown) continue;
    shown.hidden = part.hidden;
    const [from, to] = [part, shown].map((element) => [...element.querySelectorAll("span")]);
    if (to.length === 0) setText(shown, part.textContent ?? "");
    else to.forEach((span, i) => from[i] && setText(span, from[i].textContent ?? ""));
  }
}

/** @param {HTMLElement} row @param {keyof typeof DONE} act */
async function performAct(row, act) {
  const id = row.dataset.job ?? "";
  const trouble = requireElement("[data-trouble]", row);
  trouble.replaceChildren();
  rows.setBusy(row, true);
  try {
    if (act === "delete") {
      await deleteJob(id);
      removeRow(id);
      showToast("Job deleted.");
    } else {
      await changeJob(id, act);
    }
    rows.ask(id);
  } catch (error) {
    if (!(error instanceof ApiError)) trouble.replaceChildren(createRoot()(html`<p>${explainError(error)}</p>`));
    else if (error.status === 429) trouble.replaceChildren(createThrottledNote(error, () => performAct(row, act)));
    else if (error.status === 404) {
      showToast("This job no longer exists.", "warn");
      removeRow(id);
    } else {
      trouble.replaceChildren(createErrorNote(`The job could not be ${DONE[act]}.`, error));
      if (error.status === 409) rows.ask(id);
    }
  } finally {
    rows.setBusy(row, false);
  }
}

/** @param {HTMLElement} row */
function askToDelete(row) {
  const words = "The job's results are deleted too. This cannot be undone.";
  const remove = () => {
    dialog.close();
    performAct(row, "delete");
  };
  const button = html`
    <button class="btn danger" type="button" @click=${remove}>${iconView("trash")}Delete</button>`;
  const about = { id: "delete", heading: `Delete “${row.dataset.title}”?`, words, isAlert: true };
  const dialog = openView(() => questionView(about, null, button));
}

list.addEventListener("click", (/** @type {MouseEvent} */ event) => {
  const button = /** @type {HTMLElement|null} */ (/** @type {Element} */ (event.target).closest("[data-act]"));
  const row = /** @type {HTMLElement|null} */ (button?.closest("[data-job]"));
  if (!button || !row || button.ariaDisabled === "true") return;
  const { act, copy = "" } = /** @type {any} */ (button.dataset);
  if (act === "copy") copyWithFeedback(button, copy, /** @type {Element} */ (button.previousElementSibling));
  else if (act === "delete") askToDelete(row);
  else performAct(row, act);
});
news.addEventListener("click", reloadList);
requireElement("[data-clear]").addEventListener("click", () => clearFinished());
const kinds = requireElement("[data-kinds]");
kinds.addEventListener("change", () => kinds.requestSubmit());
