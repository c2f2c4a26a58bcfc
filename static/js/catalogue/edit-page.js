// The edit page of a catalogue video. The sync client merges text edits; other changes are sent at once.

import { ApiError, makeWriteHeaders, fetchFragment, readAccount } from "../base/api.js";
import { copyText } from "../base/clipboard.js";
import { debounce, requireElement, readPageData, setText } from "../base/dom.js";
import { formatDuration, formatWhen } from "../base/format.js";
import { LiveChannel } from "../base/live-channel.js";
import { errorView, showToast } from "../base/notice.js";
import { posterView } from "../base/poster.js";
import { html, iconView, mount, repeat } from "../base/view.js";
import { SyncClient, SyncError } from "./sync-client.js";
import { formatBytes, formatPicture } from "../videos/api.js";
import { readCatalogueVideo } from "./api.js";
import { findOpenConflicts, TagConflicts } from "./conflicts.js";
import { openDeleteDialog, openHideDialog, restoreVideo } from "./reason-dialogs.js";
import { FilesForm } from "./file-fields.js";
import { formatViews, isPlayable } from "./list-matching.js";
import { TagField } from "./tag-field.js";
import { choiceView, TypedField } from "./text-field.js";
import { describeAudience, describeSaved } from "./labels.js";

/** @typedef {import("./api.js").CatalogueVideo} CatalogueVideo */

const facts = readPageData("facts");
const form = /** @type {HTMLFormElement} */ (requireElement("[data-words]"));
const said = requireElement("[data-said]");
const history = requireElement("[data-history]");
const drawLineStatus = mountStatus("[data-line]", "status line");
const drawAudience = mountStatus("[data-audience]", "status");
const drawTrouble = mount(requireElement("[data-trouble]"));
const drawPicture = mount(requireElement("[data-picture]"));
const drawFacts = mount(requireElement("[data-file-facts]"));
const drawActions = mount(requireElement("[data-actions]"));
const drawFeaturedNote = mount(requireElement('[data-conflict="is_featured"]'));
const drawTagNotes = mount(requireElement('[data-conflict="tags"]'));
const ASK = 10_000; // ms between checks whether a deleted video was restored
const toOneLine = (/** @type {string} */ text) => text.normalize("NFC").replace(/\s+/g, " ").trim();

/** Return a function that shows a state in an element. @param {string} selector @param {string} classes */
function mountStatus(selector, classes) {
  const element = requireElement(selector);
  /** @type {ReturnType<typeof mount>|undefined} */ let draw;
  return (/** @type {import("./labels.js").Line} */ { words, icon, tone }) => {
    draw ??= mount(element);
    element.className = `${classes} ${tone}`;
    draw(html`${iconView(icon, tone === "run" ? "spin" : "")}<span>${words}</span>`);
  };
}

const client = new SyncClient({ videoId: facts.id, actor: facts.user, headers: makeWriteHeaders });
/** @type {CatalogueVideo|null} */ let video = null;
/** True while the video is deleted. */ let gone = facts.is_deleted;
/** True while another person's change of the setting “Featured” conflicts. */ let asksFeatured = false;

/** @param {string} field @param {any} value @param {{seen?: any[], state?: string}} [about] */
const keepEdit = (field, value, about) => client.edit(field, value, about).catch(onNotKept);

/** @param {unknown} error */
function onNotKept(error) {
  if (error instanceof SyncError) return showToast(error.sentence, "bad");
  console.error(error);
  showToast("This browser could not store the change. Keep the page open until it is saved.", "bad");
}

/**
 * @param {string} name
 * @param {(text: string) => string} clean
 * @param {Partial<import("./text-field.js").FieldOptions>} [options]
 */
function createField(name, clean, options) {
  const input = requireElement(`#${name}`);
  return new TypedField(input, input.value, {
    label: `the ${name}`,
    clean,
    trouble: () => "",
    keep: (value, about) => keepEdit(name, value, about),
    typed: drawSaved,
    writes: () => client.writes(name),
    actor: () => client.actor,
    ...options,
  });
}

const fields = {
  title: createField("title", toOneLine, {
    trouble: (value) => (value ? "" : "Enter a title. Until then, the previous title is kept."),
  }),
  description: createField("description", (text) => text.normalize("NFC").replace(/\r\n?/g, "\n"), { isShared: true }),
  category: createField("category", toOneLine),
};
const addTag = (/** @type {string} */ tag) => client.addTag(tag).catch(onNotKept);
const removeTag = (/** @type {string} */ tag) => client.removeTag(tag).catch(onNotKept);
const tagField = requireElement("[data-tag-field]");
const tags = new TagField(tagField, { place: facts.id, limits: facts, add: addTag, remove: removeTag });
const featured = /** @type {HTMLInputElement} */ (requireElement("#featured"));
const tagConflicts = new TagConflicts(`${facts.user}/${facts.id}`);
featured.addEventListener("change", () => {
  showFeaturedConflict(null);
  keepEdit("is_featured", featured.checked);
});
form.addEventListener("submit", (event) => event.preventDefault());

/** @param {string[]} [names] @param {boolean} [isLocal] */
function showWords(names = Object.keys(client.values), isLocal = false) {
  const values = client.values;
  for (const name of /** @type {const} */ (["title", "description", "category"]))
    if (names.includes(name)) fields[name].show(values[name] ?? "", isLocal);
  if (names.includes("tags")) tags.show(values.tags);
  if (names.includes("is_featured")) featured.checked = values.is_featured;
  if (names.includes("title")) {
    for (const place of document.querySelectorAll("[data-title]")) setText(place, values.title);
    document.title = `Edit ${values.title} · VOD Sync`;
  }
}

// The form is inert until the video is loaded, because edits before that would conflict with the loaded values.
let isLoaded = false;

function loadVideo() {
  if (isLoaded || !client.video) return;
  isLoaded = true;
  showWords();
  form.inert = gone;
  document.body.dataset.ready = "";
  showTagConflicts();
}

client.addEventListener("change", (/** @type {any} */ event) => {
  const { fields: names, origin } = event.detail;
  if (!isLoaded) return loadVideo();
  showWords(names, origin === "local");
  if (origin === "local") return;
  setText(said, `Another person changed the ${names.join(", ").replace("is_featured", "featured mark")}.`);
  renewHistory();
});

client.addEventListener("conflict", (/** @type {any} */ event) => {
  const { field, mine, theirs } = event.detail;
  if (field !== "tags") return showConflict(field, { mine, theirs });
  tagConflicts.add(mine);
  showTagConflicts();
});

/** @param {string} field @param {import("./conflicts.js").Conflict} both */
function showConflict(field, { mine, theirs }) {
  if (field !== "is_featured")
    fields[/** @type {keyof typeof fields} */ (field)]?.conflict({ mine: mine ?? "", theirs: theirs ?? "" });
  else if (!asksFeatured) showFeaturedConflict({ mine, theirs });
}

/** @param {import("./conflicts.js").Conflict|null} both */
function showFeaturedConflict(both) {
  asksFeatured = both !== null;
  if (!both) return drawFeaturedNote(null);
  const title = "Another person changed this setting at the same time. Choose which value to keep.";
  const choose = (/** @type {boolean} */ isMine) => {
    showFeaturedConflict(null);
    featured.checked = isMine ? both.mine : both.theirs;
    featured.focus();
    keepEdit("is_featured", featured.checked, { seen: [true, false] });
  };
  drawFeaturedNote(choiceView(title, describeFeatured(both.mine), describeFeatured(both.theirs), choose));
}

const describeFeatured = (/** @type {boolean} */ value) => (value ? "Featured" : "Not featured");

function showTagConflicts() {
  drawTagNotes(repeat(tagConflicts.all, (deed) => deed, tagChoiceView));
}

/** @param {import("./conflicts.js").TagDeed} mine */
function tagChoiceView({ tag, did }) {
  const theirs = did === "added" ? "removed" : "added";
  const title = `You and another person changed the tag “${tag}” at the same time. Choose which change to keep.`;
  return choiceView(title, did, theirs, (isMine) => {
    tagConflicts.drop(tag);
    showTagConflicts();
    requireElement("#tag-input").focus();
    if ((isMine ? did : theirs) === "added") addTag(tag);
    else removeTag(tag);
  });
}

function showOpenConflicts() {
  const open = findOpenConflicts(client.document, facts.user, client.actor);
  for (const [field, both] of open) showConflict(field, both);
  for (const [name, field] of Object.entries(fields)) if (!open.has(name)) field.settled();
  if (!open.has("is_featured")) showFeaturedConflict(null);
}

client.addEventListener("refused", (/** @type {any} */ event) => {
  showWords();
  showToast(`A change was rejected and undone: ${event.detail.error.sentence}`, "bad");
});

client.addEventListener("state", drawLine);

let announced = "";

function drawSaved() {
  const unsaved = Object.values(fields).filter((field) => field.isUnsaved).length;
  const line = describeSaved(client.state, client.pending + unsaved, client.kept);
  requireElement("[data-line]").dataset.state = client.state;
  drawLineStatus(line);
  return line;
}

function drawLine() {
  const line = drawSaved();
  const { state, error } = client;
  const isRefused = state === "refused" && error;
  if (gone || (isRefused && error.type === "video_deleted")) drawDeleted();
  else if (isRefused) {
    const title = "Your changes are stored in this browser, but could not be sent.";
    const told = new ApiError(error.sentence, { status: error.status, type: error.type });
    drawTrouble(errorView(title, told, () => client.retry()));
    if (error.status === 404) checkDeleted();
  } else drawTrouble(null);
  if (error?.status === 401) window.dispatchEvent(new Event("signedout"));
  if (line.tone !== "run" && line.tone !== announced) {
    // Announce lost and restored connections, but not every save.
    if (announced || line.tone !== "ok") setText(said, line.words);
    announced = line.tone;
  }
  loadVideo();
  if (state !== "synced" || client.pending > 0) return;
  renewHistory();
  showOpenConflicts();
}

window.addEventListener("signedin", () => client.retry());
window.addEventListener("online", reloadVideo);

/** Save the text that the user is still typing when the page closes. */
function flushTyping() {
  for (const field of Object.values(fields)) field.flush();
}
window.addEventListener("pagehide", flushTyping);
window.addEventListener("beforeunload", (event) => {
  flushTyping();
  if (client.pending && client.kept !== "yes") event.preventDefault();
});
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && flushTyping());

/** @param {CatalogueVideo} now */
function drawVideo(now) {
  const before = video;
  video = now;
  if (gone && !now.deleted_at) {
    gone = false;
    form.inert = !isLoaded;
    drawTrouble(null);
    client.retry();
  }
  const told = describeAudience(now);
  drawAudience(told);
  setText(requireElement("[data-why]"), told.why);
  drawButtons();
  drawFile(now);
  if (now.deleted_at) drawDeleted();
  if (before && before.status !== now.status) setText(said, `${told.words}. ${told.why}`);
}

function drawButtons() {
  const isOffline = !navigator.onLine;
  const isDeleted = Boolean(video?.deleted_at);
  const isHidden = Boolean(video?.is_hidden);
  const deleteButton = html`
    <button class="btn ${isDeleted ? "" : "danger"}" type="button" aria-describedby="needs-network" data-delete
      aria-disabled=${isOffline} @click=${deleteOrRestore}>
      ${iconView(isDeleted ? "retry" : "trash")}<span>${isDeleted ? "Restore" : "Delete…"}</span>
    </button>`;
  drawActions(html`
    <button class="btn" type="button" aria-describedby="needs-network" data-hide ?hidden=${isDeleted}
      aria-disabled=${isOffline} @click=${hideVideo}>
      ${iconView(isHidden ? "check" : "ban")}<span>${isHidden ? "Show to everyone…" : "Hide…"}</span>
    </button>
    ${facts.is_admin ? deleteButton : null}`);
  requireElement("[data-needs-network]").hidden = !isOffline;
  requireElement("[data-watch]").hidden = !(video && isPlayable(video));
  drawSendButton();
}
for (const event of ["online", "offline"]) window.addEventListener(event, drawButtons);

/** @param {CatalogueVideo} now */
function drawFile(now) {
  drawPicture(posterView(now.thumbnail_url ?? now.poster_url));
  const rows = [
    ["Length", now.duration_exact ? formatDuration(now.duration_exact) : ""],
    ["Picture", formatPicture(now)],
    ["Size", now.file_size ? formatBytes(now.file_size) : ""],
    ["Kind", now.mime_type],
    ["Watched", formatViews(now.view_count)],
  ].filter(([, value]) => value);
  drawFacts(rows.map(([name, value]) => html`<dt>${name}</dt><dd class="mono">${value}</dd>`));
}

function drawDeleted() {
  gone = true;
  form.inert = true;
  const unsent = listUnsentTexts();
  const words = facts.is_admin
    ? "To continue editing, restore the video in the catalogue."
    : "An administrator can restore the video.";
  const kept = unsent.length
    ? "Your unsent edits are kept in this browser and will be sent when the video is restored. "
    : "";
  drawTrouble(html`
    <div class="note bad" role="alert">
      ${iconView("trash")}
      <div class="spacer"><b>This video has been deleted.</b><p class="text-small">${kept}${words}</p></div>
      <a class="btn" href="/catalogue">Go to the catalogue</a>
    </div>
    ${unsent.length ? unsentView(unsent) : null}`);
}

/** Show after a 404 that the video is deleted, unless the session has ended: then hidden videos are not found, either. */
async function checkDeleted() {
  try {
    await readAccount();
  } catch {
    return; // a banner reports the error
  }
  drawDeleted();
}

/** @returns {[string, string][]} */
function listUnsentTexts() {
  /** @type {Map<string, string>} */ const last = new Map();
  for (const { type, value } of client.unsent) {
    if (type === "update_featured") last.set("Featured", describeFeatured(value));
    else if (type === "set_tags") last.set("Tags", value.join(", "));
    else if (type === "add_tag" || type === "remove_tag") {
      const label = type === "add_tag" ? "Added tags" : "Removed tags";
      const before = last.get(label);
      last.set(label, before ? `${before}, ${value}` : value);
    } else last.set({ update_title: "Title", update_description: "Description" }[type] ?? "Category", value);
  }
  return [...last];
}

/** @param {[string, string][]} unsent */
const unsentView = (unsent) => html`
  <section class="panel" aria-labelledby="unsent-title">
    <header><h2 class="h-small" id="unsent-title">Your unsent edits</h2></header>
    <div class="pad col">
      ${unsent.map(
        ([label, text], at) => html`
          <div class="field">
            <label for="unsent-${at}">${label}</label>
            <div class="row">
              <textarea class="input spacer" id="unsent-${at}" rows=${label === "Description" ? 6 : 1} readonly
                dir="auto" .value=${text}></textarea>
              <button class="btn" type="button" aria-label="Copy ${label.toLowerCase()}"
                @click=${() => copyUnsent(text)}>${iconView("copy")}Copy</button>
            </div>
          </div>`,
      )}
    </div>
  </section>`;

/** @param {string} text */
async function copyUnsent(text) {
  if (await copyText(text)) showToast("Copied.");
  else showToast("This browser does not allow pages to copy text. Select the text and copy it yourself.", "warn");
}

function hideVideo() {
  if (video && navigator.onLine) openHideDialog(video, drawVideo);
}

function deleteOrRestore() {
  if (!video || !navigator.onLine) return;
  if (!video.deleted_at) return openDeleteDialog(video, reloadVideo);
  restoreVideo(facts.id, (now) => {
    drawVideo(now);
    showToast("Video restored.");
  });
}

const send = requireElement("[data-send]");
const stop = requireElement("[data-stop]");
const files = new FilesForm(facts, { replaces: facts.has_file, onChange: drawSendButton });
requireElement("[data-files]").prepend(files.element);

function drawSendButton() {
  send.hidden = files.isEmpty;
  send.setAttribute("aria-disabled", String(files.isSending || !navigator.onLine));
  stop.hidden = !files.isSending;
}
requireElement("[data-files]").addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  if (files.isEmpty || files.isSending || !navigator.onLine) return;
  const isPictureAlone = !files.chosen.video;
  const sent = await files.send(facts.id);
  if (!sent) return;
  drawVideo(sent);
  showToast(isPictureAlone ? "Thumbnail saved." : "File uploaded. It is being processed.");
});
stop.addEventListener("click", () => files.stop());

let shown = 0;
let drawnHistory = "";

async function reloadHistory() {
  try {
    const fresh = await fetchFragment(`/catalogue/${facts.id}/edit?part=history&shown=${shown || ""}`);
    // Redraw the history only if it changed, because redrawing would interrupt scrolling.
    const text = [...fresh.children].map((part) => part.outerHTML).join("");
    if (text === drawnHistory) return;
    drawnHistory = text;
    const hadFocus = history.contains(document.activeElement);
    const wasOnButton = document.activeElement?.matches("[data-older]");
    const at = history.querySelector("[data-shown]")?.scrollTop ?? 0;
    history.replaceChildren(fresh);
    const list = requireElement("[data-shown]", history);
    shown = Number(list.dataset.shown);
    // Make the list focusable, so that keys can scroll it.
    if (list.scrollHeight > list.clientHeight) list.tabIndex = 0;
    for (const time of history.querySelectorAll("time")) {
      const then = new Date(time.dateTime);
      setText(time, formatWhen(then));
      time.title = then.toLocaleString();
    }
    if (hadFocus) ((wasOnButton && history.querySelector("[data-older]")) || list).focus();
    list.scrollTop = at;
  } catch {
    // Ignore the error: the next change loads the history again.
  }
}
const renewHistory = debounce(reloadHistory, 250);
history.addEventListener("click", (/** @type {Event} */ event) => {
  if (!(/** @type {Element} */ (event.target).closest("[data-older]"))) return;
  shown += 50;
  reloadHistory();
});

/** @param {{name: string}[]} people People who have this page open. */
function drawEditors(people) {
  const others = people.map((person) => person.name).filter((name) => name !== document.body.dataset.user);
  const place = requireElement("[data-editors]");
  place.hidden = others.length === 0;
  const names = new Intl.ListFormat("en").format(others);
  const text = `${names} ${others.length === 1 ? "is" : "are"} also editing this video`;
  setText(requireElement("span", place), others.length ? text : "");
}

async function reloadVideo() {
  try {
    drawVideo(await readCatalogueVideo(facts.id));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) checkDeleted();
    else if (error instanceof ApiError && error.status === 403)
      drawTrouble(errorView("You can no longer edit this video.", error));
    // Ignore the error: a banner reports it.
  }
}

new LiveChannel(`/ws/videos/${facts.id}/?editing=1`, {
  onMessage: (message) => {
    if (message.event === "EDITORS") drawEditors(message.people);
    else if (message.event === "DELETE") drawDeleted();
    else if (message.new) {
      drawVideo(message.new);
      // Ignore this page's own edits, which the socket also reports.
      if (client.state !== "synced" || client.video?.version !== message.new.version) client.retry();
    }
  },
  snapshot: () => readCatalogueVideo(facts.id),
  onSnapshot: (now) => {
    drawVideo(now);
    client.retry();
  },
  onState: (now) => {
    document.body.dataset.live = now;
    if (now !== "live") return drawEditors([]);
    reloadVideo();
    client.retry();
  },
  isSilent: true,
});

// While the video is deleted, poll for its restoration, which the socket does not report.
setInterval(() => gone && document.visibilityState === "visible" && reloadVideo(), ASK);
tags.show(facts.tags);
if (gone) drawDeleted();
reloadHistory();
reloadVideo();
drawPicture(posterView(null));
drawButtons();
await client.start();
drawLine();
