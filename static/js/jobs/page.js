// The jobs page.

import { ApiError, changeJob, deleteJob, fragment, jobs } from "../base/api.js";
import { copyFrom } from "../base/clipboard.js";
import { h, need, pageData, setText } from "../base/dom.js";
import { LiveChannel } from "../base/live-channel.js";
import { errorNote, explain, throttledNote, toast } from "../base/notice.js";
import { Rows } from "./rows.js";

const SIGNED_OUT = 4401;
const NEWEST = 100;
const DONE = { cancel: "cancelled", pause: "paused", resume: "resumed", retry: "retried" };

const list = need("[data-list]");
const news = need("[data-news]");
const said = need("[data-said]");
const dialog = /** @type {HTMLDialogElement} */ (need("[data-delete]"));
let watch = pageData("watch");
/** Ids of new jobs that the list does not show yet. @type {Set<string>} */
const unseen = new Set();
const rows = new Rows(list, {
  load: (ids) => fragment(`/jobs?part=rows&${watch.query}&${ids.map((id) => `id=${id}`).join("&")}`),
  onParts: showParts,
  onEnd: (title, word) => setText(said, `${title}: ${word}.`),
  onEmpty: reload,
});

const live = new LiveChannel("/ws/jobs/", {
  onMessage: receive,
  snapshot: () => jobs(NEWEST),
  onSnapshot: compare,
  onState: showState,
  subject: (message) => message.job?.id ?? message.id ?? "",
  // Stop only if the user is signed out. Code 4404 may come from a server without this socket, which answers polls.
  final: new Set([SIGNED_OUT]),
});

/** @param {any} message */
function receive(message) {
  if (message.type === "jobs") compare(message);
  else if (message.type === "gone") gone(message.id);
  else if (message.type === "job") change(message.job, message.revision);
}

/**
 * Compare the list with the newest jobs, and refresh listed jobs that are not among them.
 * @param {{jobs: any[], total: number}} snapshot
 */
function compare(snapshot) {
  for (const job of snapshot.jobs) change(job);
  const known = new Set(snapshot.jobs.map((job) => job.id));
  for (const id of unseen) if (!known.has(id)) unseen.delete(id);
  showNews();
  rows.askMissing(known);
}

/** @param {any} job @param {number} [revision] */
function change(job, revision) {
  if (rows.change(job, revision)) return;
  const fits = watch.first_page && watch.statuses.includes(job.status) && (!watch.kind || watch.kind === job.kind);
  if (!fits || unseen.has(job.id) || Date.parse(job.created_at) < rows.newest) return;
  unseen.add(job.id);
  showNews();
}

/** @param {string} id */
function gone(id) {
  unseen.delete(id);
  showNews();
  rows.remove(id);
}

function showNews() {
  news.hidden = unseen.size === 0;
  if (news.hidden) return;
  setText(need("span", news), `${unseen.size} new`);
  if (rows.count === 0) reload();
}

async function reload() {
  const { activeElement } = document;
  list.setAttribute("aria-busy", "true");
  const problem = need("[data-list-error]");
  try {
    const fresh = await fragment(`/jobs?part=list&${watch.query}`);
    problem.replaceChildren();
    list.replaceChildren(fresh);
    watch = pageData("watch");
    unseen.clear();
    showNews();
    rows.adoptAll();
    if (activeElement === news) rows.focusFirst();
  } catch (error) {
    problem.replaceChildren(errorNote("The list could not be loaded.", error, reload));
  } finally {
    list.removeAttribute("aria-busy");
  }
}

/** Update counts and queue positions from the response that also contained the rows. @param {DocumentFragment} fresh */
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
  const word = need("[data-live-word]");
  word.hidden = state !== "live";
  word.classList.toggle("ok", state === "live");
  need("[data-live-state]").hidden = !polling;
  need("[data-live-retry]").hidden = !polling;
  if (polling) setText(need("[data-live-text]"), "Live updates stopped. The page checks every 5 s instead.");
}

/**
 * @param {HTMLElement} row
 * @param {"cancel"|"pause"|"resume"|"retry"|"delete"} act
 */
async function act(row, act) {
  const id = /** @type {string} */ (row.dataset.job);
  const trouble = need("[data-trouble]", row);
  trouble.replaceChildren();
  rows.setBusy(row, true);
  try {
    if (act === "delete") {
      await deleteJob(id);
      gone(id);
      toast("The job is deleted.");
    } else {
      await changeJob(id, act);
    }
    rows.ask(id);
  } catch (error) {
    report(row, act, error);
  } finally {
    rows.setBusy(row, false);
  }
}

/**
 * @param {HTMLElement} row
 * @param {"cancel"|"pause"|"resume"|"retry"|"delete"} name
 * @param {unknown} error
 */
function report(row, name, error) {
  const id = /** @type {string} */ (row.dataset.job);
  const trouble = need("[data-trouble]", row);
  if (!(error instanceof ApiError)) return void trouble.replaceChildren(h("p", {}, explain(error)));
  if (error.status === 429) return void trouble.replaceChildren(throttledNote(error, () => act(row, name)));
  if (error.status === 404) {
    toast("That job was deleted elsewhere.", "warn");
    return gone(id);
  }
  trouble.replaceChildren(errorNote(`It was not ${name === "delete" ? "deleted" : DONE[name]}.`, error));
  if (error.status === 409) rows.ask(id);
}

/** @param {HTMLElement} row */
function askToDelete(row) {
  setText(need("#delete-title"), `Delete “${row.dataset.title}”?`);
  dialog.returnValue = "";
  dialog.onclose = () => dialog.returnValue === "delete" && act(row, "delete");
  dialog.showModal();
}

list.addEventListener("click", (/** @type {Event} */ event) => {
  const button = /** @type {HTMLElement|null} */ (/** @type {Element} */ (event.target).closest("[data-act]"));
  const row = /** @type {HTMLElement|null} */ (button?.closest("[data-job]"));
  if (!button || !row || button.getAttribute("aria-disabled") === "true") return;
  const name = /** @type {any} */ (button.dataset.act);
  if (name === "copy")
    copyFrom(button, button.dataset.copy ?? "", /** @type {Element} */ (button.previousElementSibling));
  else if (name === "delete") askToDelete(row);
  else act(row, name);
});
for (const button of dialog.querySelectorAll("button"))
  button.addEventListener("click", () => dialog.close(button.value));
news.addEventListener("click", reload);
need("[data-live-retry]").addEventListener("click", () => live.retry());
need("[data-kinds] select").addEventListener("change", (/** @type {Event} */ event) =>
  /** @type {HTMLSelectElement} */ (event.target).form?.requestSubmit(),
);
