// The jobs page.

import { ApiError, changeJob, deleteJob, fetchFragment, listJobs } from "../base/api.js";
import { copyWithFeedback } from "../base/clipboard.js";
import { h, requireElement, readPageData, setText } from "../base/dom.js";
import { LiveChannel } from "../base/live-channel.js";
import { createErrorNote, explainError, createThrottledNote, showToast } from "../base/notice.js";
import { Rows } from "./rows.js";

const SIGNED_OUT = 4401;
const NEWEST = 100;
const DONE = { cancel: "cancelled", pause: "paused", resume: "resumed", retry: "retried" };

const list = requireElement("[data-list]");
const news = requireElement("[data-news]");
const said = requireElement("[data-said]");
const dialog = /** @type {HTMLDialogElement} */ (requireElement("[data-delete]"));
let watch = readPageData("watch");
/** Ids of new jobs that the list does not show yet. @type {Set<string>} */
const unseen = new Set();
const rows = new Rows(list, {
  load: (ids) => fetchFragment(`/jobs?part=rows&${watch.query}&${ids.map((id) => `id=${id}`).join("&")}`),
  onParts: showParts,
  onEnd: (title, word) => setText(said, `${title}: ${word}.`),
  onEmpty: reloadList,
});

const live = new LiveChannel("/ws/jobs/", {
  onMessage: onMessage,
  snapshot: () => listJobs(NEWEST),
  onSnapshot: compareJobs,
  onState: showState,
  subject: (message) => message.job?.id ?? message.id ?? "",
  // Reconnect even after the close code 4404 (the server has no such socket): meanwhile, the page can poll the API.
  final: new Set([SIGNED_OUT]),
});

/** @param {any} message */
function onMessage(message) {
  if (message.type === "jobs") compareJobs(message);
  else if (message.type === "gone") removeRow(message.id);
  else if (message.type === "job") applyChange(message.job, message.revision);
}

/**
 * Update the page from a list of the newest jobs. The page may also show older jobs, which may have changed: request
 * their rows.
 * @param {{jobs: any[], total: number}} snapshot
 */
function compareJobs(snapshot) {
  for (const job of snapshot.jobs) applyChange(job);
  const known = new Set(snapshot.jobs.map((job) => job.id));
  for (const id of unseen) if (!known.has(id)) unseen.delete(id);
  showNews();
  rows.askMissing(known);
}

/** @param {any} job @param {number} [revision] */
function applyChange(job, revision) {
  if (rows.change(job, revision)) return;
  const fits = watch.first_page && watch.statuses.includes(job.status) && (!watch.kind || watch.kind === job.kind);
  if (!fits || unseen.has(job.id) || Date.parse(job.created_at) < rows.newest) return;
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
  const problem = requireElement("[data-list-error]");
  try {
    const fresh = await fetchFragment(`/jobs?part=list&${watch.query}`);
    problem.replaceChildren();
    list.replaceChildren(fresh);
    watch = readPageData("watch");
    unseen.clear();
    showNews();
    rows.adoptAll();
    if (activeElement === news) rows.focusFirst();
  } catch (error) {
    problem.replaceChildren(createErrorNote("The list could not be loaded.", error, reloadList));
  } finally {
    list.removeAttribute("aria-busy");
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

/** @param {import("../base/live-channel.js").LiveState} state */
function showState(state) {
  const polling = state === "polling";
  const word = requireElement("[data-live-word]");
  word.hidden = state !== "live";
  word.classList.toggle("ok", state === "live");
  requireElement("[data-live-state]").hidden = !polling;
  requireElement("[data-live-retry]").hidden = !polling;
  if (polling)
    setText(requireElement("[data-live-text]"), "Live updates stopped. The page checks for changes every 5 s instead.");
}

/**
 * @param {HTMLElement} row
 * @param {"cancel"|"pause"|"resume"|"retry"|"delete"} act
 */
async function performAct(row, act) {
  const id = /** @type {string} */ (row.dataset.job);
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
    showError(row, act, error);
  } finally {
    rows.setBusy(row, false);
  }
}

/**
 * @param {HTMLElement} row
 * @param {"cancel"|"pause"|"resume"|"retry"|"delete"} name
 * @param {unknown} error
 */
function showError(row, name, error) {
  const id = /** @type {string} */ (row.dataset.job);
  const trouble = requireElement("[data-trouble]", row);
  if (!(error instanceof ApiError)) return void trouble.replaceChildren(h("p", {}, explainError(error)));
  if (error.status === 429)
    return void trouble.replaceChildren(createThrottledNote(error, () => performAct(row, name)));
  if (error.status === 404) {
    showToast("This job no longer exists.", "warn");
    return removeRow(id);
  }
  trouble.replaceChildren(
    createErrorNote(`The job could not be ${name === "delete" ? "deleted" : DONE[name]}.`, error),
  );
  if (error.status === 409) rows.ask(id);
}

/** @param {HTMLElement} row */
function askToDelete(row) {
  setText(requireElement("#delete-title"), `Delete “${row.dataset.title}”?`);
  dialog.returnValue = "";
  dialog.onclose = () => dialog.returnValue === "delete" && performAct(row, "delete");
  dialog.showModal();
}

list.addEventListener("click", (/** @type {Event} */ event) => {
  const button = /** @type {HTMLElement|null} */ (/** @type {Element} */ (event.target).closest("[data-act]"));
  const row = /** @type {HTMLElement|null} */ (button?.closest("[data-job]"));
  if (!button || !row || button.getAttribute("aria-disabled") === "true") return;
  const name = /** @type {any} */ (button.dataset.act);
  if (name === "copy")
    copyWithFeedback(button, button.dataset.copy ?? "", /** @type {Element} */ (button.previousElementSibling));
  else if (name === "delete") askToDelete(row);
  else performAct(row, name);
});
for (const button of dialog.querySelectorAll("button"))
  button.addEventListener("click", () => dialog.close(button.value));
news.addEventListener("click", reloadList);
requireElement("[data-live-retry]").addEventListener("click", () => live.retry());
requireElement("[data-kinds] select").addEventListener("change", (/** @type {Event} */ event) =>
  /** @type {HTMLSelectElement} */ (event.target).form?.requestSubmit(),
);
