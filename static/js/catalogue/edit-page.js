// The edit page of a catalogue video. The sync client merges text edits; other changes are sent at once.

import { ApiError, readCookie, fetchFragment } from "../base/api.js";
import { copyText } from "../base/clipboard.js";
import { debounce, h, icon, requireElement, readPageData, setIcon, setText } from "../base/dom.js";
import { formatDuration, formatWhen } from "../base/format.js";
import { LiveChannel } from "../base/live-channel.js";
import { createErrorNote, explainError, showToast } from "../base/notice.js";
import { SyncClient, SyncError } from "./sync-client.js";
import { formatBytes, formatPicture } from "../videos/api.js";
import { readCatalogueVideo, restoreCatalogueVideo } from "./api.js";
import { findOpenConflicts, TagConflicts } from "./conflicts.js";
import { openDeleteDialog, openHideDialog } from "./reason-dialogs.js";
import { FilesForm } from "./file-fields.js";
import { formatViews } from "./list-matching.js";
import { TagField } from "./tag-field.js";
import { createChoice, TypedField } from "./text-field.js";
import { describeAudience, describeSaved } from "./labels.js";

/** @typedef {import("./api.js").CatalogueVideo} CatalogueVideo */

const facts = readPageData("facts");
const form = /** @type {HTMLFormElement} */ (requireElement("[data-words]"));
const line = requireElement("[data-line]");
const trouble = requireElement("[data-trouble]");
const said = requireElement("[data-said]");
const history = requireElement("[data-history]");
const ASK = 10_000; // ms between checks whether a deleted video was restored
const toOneLine = (/** @type {string} */ text) => text.normalize("NFC").replace(/\s+/g, " ").trim();

const client = new SyncClient({
  videoId: facts.id,
  actor: facts.user,
  headers: () => ({ "X-CSRFToken": readCookie("csrftoken") }),
});
/** @type {CatalogueVideo|null} */ let video = null;
/** True while the video is deleted. */ let gone = facts.is_deleted;
let drawnDeleted = "";

/**
 * @param {string} field
 * @param {any} value
 * @param {{seen?: any[], state?: string}} [about]
 */
async function keepEdit(field, value, about) {
  try {
    await client.edit(field, value, about);
  } catch (error) {
    onNotKept(error);
  }
}

/** @param {unknown} error */
function onNotKept(error) {
  if (!(error instanceof SyncError)) console.error(error);
  showToast(
    error instanceof SyncError
      ? error.sentence
      : "This browser could not store the change. Keep the page open until it is saved.",
    "bad",
  );
}

/** @param {string} name */
const bindField = (name) => ({
  keep: (/** @type {string} */ value, /** @type {any} */ about) => keepEdit(name, value, about),
  typed: () => drawSaved(client),
  writes: () => client.writes(name),
  actor: () => client.actor,
});

const fields = {
  title: new TypedField(requireElement("#title"), requireElement("#title").value, {
    label: "the title",
    clean: toOneLine,
    ...bindField("title"),
    trouble: (value) => (value ? "" : "Enter a title. Until then, the previous title is kept."),
  }),
  description: new TypedField(requireElement("#description"), requireElement("#description").value, {
    label: "the description",
    clean: (text) => text.normalize("NFC").replace(/\r\n?/g, "\n"),
    ...bindField("description"),
    isShared: true,
    trouble: () => "",
  }),
  category: new TypedField(requireElement("#category"), requireElement("#category").value, {
    label: "the category",
    clean: toOneLine,
    ...bindField("category"),
    trouble: () => "",
  }),
};
const tags = new TagField(requireElement("[data-tag-field]"), {
  place: facts.id,
  limits: facts,
  add: (tag) => client.addTag(tag).catch(onNotKept),
  remove: (tag) => client.removeTag(tag).catch(onNotKept),
});
const featured = /** @type {HTMLInputElement} */ (requireElement("#featured"));
const featuredNote = requireElement('[data-conflict="is_featured"]');
const tagNotes = requireElement('[data-conflict="tags"]');
const tagConflicts = new TagConflicts(`${facts.user}/${facts.id}`);
featured.addEventListener("change", () => {
  featuredNote.replaceChildren();
  keepEdit("is_featured", featured.checked);
});
form.addEventListener("submit", (event) => event.preventDefault());

/** @param {string[]} names @param {boolean} isLocal */
function showWords(names, isLocal) {
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

const LABELS = {
  title: "title",
  description: "description",
  category: "category",
  tags: "tags",
  is_featured: "featured mark",
};

// The form is inert until the video is loaded, because edits before that would conflict with the loaded values.
let isLoaded = false;

function loadVideo() {
  if (isLoaded || !client.video) return;
  isLoaded = true;
  showWords(Object.keys(LABELS), false);
  form.inert = gone;
  document.body.dataset.ready = "";
  for (const deed of tagConflicts.all) tagNotes.append(createTagChoice(deed));
}

client.addEventListener("change", (/** @type {any} */ event) => {
  const { fields: names, origin } = event.detail;
  if (!isLoaded) return loadVideo();
  showWords(names, origin === "local");
  if (origin !== "local") {
    setText(
      said,
      `Another person changed the ${names.map((/** @type {keyof typeof LABELS} */ name) => LABELS[name] ?? name).join(", ")}.`,
    );
    renewHistory();
  }
});

client.addEventListener("conflict", (/** @type {any} */ event) => {
  const { field, mine, theirs } = event.detail;
  if (field !== "tags") return createConflictNote(field, { mine, theirs });
  const shown = [...tagNotes.children].find((note) => /** @type {HTMLElement} */ (note).dataset.tag === mine.tag);
  tagConflicts.add(mine);
  shown?.remove();
  tagNotes.append(createTagChoice(mine));
});

/** @param {string} field @param {import("./conflicts.js").Conflict} both */
function createConflictNote(field, { mine, theirs }) {
  if (field !== "is_featured")
    return fields[/** @type {keyof typeof fields} */ (field)]?.conflict({ mine: mine ?? "", theirs: theirs ?? "" });
  if (featuredNote.firstChild) return;
  featuredNote.replaceChildren(
    createChoice(
      "Another person changed this setting at the same time. Choose which value to keep.",
      describeFeatured(mine),
      describeFeatured(theirs),
      (chosen) => {
        featuredNote.replaceChildren();
        featured.checked = chosen === describeFeatured(true);
        featured.focus();
        keepEdit("is_featured", featured.checked, { seen: [true, false] });
      },
    ),
  );
}

function drawConflicts() {
  const open = findOpenConflicts(client.document, facts.user, client.actor);
  for (const [field, both] of open) createConflictNote(field, both);
  for (const [name, field] of Object.entries(fields)) if (!open.has(name)) field.settled();
  if (!open.has("is_featured")) featuredNote.replaceChildren();
}

const describeFeatured = (/** @type {boolean} */ value) => (value ? "Featured" : "Not featured");

/** @param {import("./conflicts.js").TagDeed} mine */
function createTagChoice(mine) {
  const theirs = mine.did === "added" ? "removed" : "added";
  const note = createChoice(
    `You and another person changed the tag “${mine.tag}” at the same time. Choose which change to keep.`,
    mine.did,
    theirs,
    (did) => {
      note.remove();
      tagConflicts.drop(mine.tag);
      requireElement("#tag-input").focus();
      (did === "added" ? client.addTag(mine.tag) : client.removeTag(mine.tag)).catch(onNotKept);
    },
  );
  note.dataset.tag = mine.tag;
  return note;
}

client.addEventListener("refused", (/** @type {any} */ event) => {
  const { error } = event.detail;
  showWords(Object.keys(LABELS), false);
  showToast(`A change was rejected and undone: ${error.sentence}`, "bad");
});

client.addEventListener("state", (/** @type {any} */ event) => drawLine(event.detail));

let announced = "";

/** @param {{state: string, pending: number, kept: "yes"|"soon"|"no"}} now */
function drawSaved({ state, pending, kept }) {
  const unsaved = Object.values(fields).filter((field) => field.isUnsaved).length;
  const told = describeSaved(state, pending + unsaved, kept);
  line.className = `status line ${told.tone}`;
  line.dataset.state = state;
  setIcon(line, told.icon);
  requireElement(".icon", line).classList.toggle("spin", told.tone === "run");
  setText(requireElement("span", line), told.words);
  return told;
}

/** @param {{state: string, pending: number, kept: "yes"|"soon"|"no", error: any}} now */
function drawLine({ state, pending, kept, error }) {
  const told = drawSaved({ state, pending, kept });
  if (gone || (state === "refused" && (error?.type === "video_deleted" || error?.status === 404))) drawDeleted();
  else if (state === "refused" && error)
    trouble.replaceChildren(
      createErrorNote(
        "Your changes are stored in this browser, but could not be sent.",
        new ApiError(error.sentence, { status: error.status, type: error.type }),
        () => client.retry(),
      ),
    );
  else trouble.replaceChildren();
  if (error?.status === 401) window.dispatchEvent(new Event("signedout"));
  if (told.tone !== "run" && told.tone !== announced) {
    // Announce lost and restored connections, but not every save.
    if (announced || told.tone !== "ok") setText(said, told.words);
    announced = told.tone;
  }
  loadVideo();
  if (state !== "synced" || pending > 0) return;
  renewHistory();
  drawConflicts();
}

window.addEventListener("signedin", () => client.retry());
window.addEventListener("online", () => reloadVideo());

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
    drawnDeleted = "";
    form.inert = !isLoaded;
    trouble.replaceChildren();
    client.retry();
  }
  const told = describeAudience(now);
  const mark = requireElement("[data-audience]");
  mark.className = `status ${told.tone}`;
  setIcon(mark, told.icon);
  requireElement(".icon", mark).classList.toggle("spin", told.tone === "run");
  setText(requireElement("span", mark), told.words);
  setText(requireElement("[data-why]"), told.why);
  drawButtons();
  drawFile(now);
  if (now.deleted_at) drawDeleted();
  if (before && before.status !== now.status) setText(said, `${told.words}. ${told.why}`);
}

const hide = requireElement("[data-hide]");
const remove = /** @type {HTMLElement|null} */ (document.querySelector("[data-delete]"));

function drawButtons() {
  if (!video) return;
  const online = navigator.onLine;
  setText(requireElement("span", hide), video.is_hidden ? "Show to everyone…" : "Hide…");
  setIcon(hide, video.is_hidden ? "check" : "ban");
  hide.hidden = video.deleted_at !== null;
  hide.setAttribute("aria-disabled", String(!online));
  if (remove) {
    setText(requireElement("span", remove), video.deleted_at ? "Restore" : "Delete…");
    setIcon(remove, video.deleted_at ? "retry" : "trash");
    remove.classList.toggle("danger", !video.deleted_at);
    remove.setAttribute("aria-disabled", String(!online));
  }
  requireElement("[data-needs-network]").hidden = online;
  const watch = /** @type {HTMLAnchorElement} */ (requireElement("[data-watch]"));
  watch.hidden = !(video.video_url && video.status === "ready");
  drawSendButton();
}
for (const event of ["online", "offline"]) window.addEventListener(event, drawButtons);

/** @param {CatalogueVideo} now */
function drawFile(now) {
  const address = now.thumbnail_url ?? now.poster_url;
  const holder = requireElement("[data-picture]");
  const shown = holder.querySelector("img");
  const end = (/** @type {string} */ url) => new URL(url, location.href).pathname.split("/").slice(-2).join("/");
  if (!address) holder.replaceChildren(h("span", { class: "none" }, icon("film")));
  else if (!shown || end(shown.src) !== end(address))
    holder.replaceChildren(
      h("img", {
        src: address,
        alt: "",
        onerror: () => holder.replaceChildren(h("span", { class: "none" }, icon("film"))),
      }),
    );
  const rows = /** @type {[string, string][]} */ ([
    ["Length", now.duration_exact ? formatDuration(now.duration_exact) : ""],
    ["Picture", formatPicture(now)],
    ["Size", now.file_size ? formatBytes(now.file_size) : ""],
    ["Kind", now.mime_type],
    ["Watched", formatViews(now.view_count)],
  ]).filter(([, value]) => value);
  requireElement("[data-file-facts]").replaceChildren(
    ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "mono" }, value)]),
  );
}

function drawDeleted() {
  gone = true;
  form.inert = true;
  const unsent = listUnsentTexts();
  // Redraw the text only if it changed, so that selected text stays selected.
  const drawn = JSON.stringify(unsent);
  if (drawn === drawnDeleted) return;
  drawnDeleted = drawn;
  const words = facts.is_admin
    ? "To continue editing, restore the video in the catalogue."
    : "An administrator can restore the video.";
  const kept = unsent.length
    ? "Your unsent edits are kept in this browser and will be sent when the video is restored. "
    : "";
  trouble.replaceChildren(
    h(
      "div",
      { class: "note bad", role: "alert" },
      icon("trash"),
      h(
        "div",
        { class: "spacer" },
        h("b", {}, "This video has been deleted."),
        h("p", { class: "text-small" }, `${kept}${words}`),
      ),
      h("a", { class: "btn", href: "/catalogue" }, "Go to the catalogue"),
    ),
    ...(unsent.length ? [createUnsentPanel(unsent)] : []),
  );
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
function createUnsentPanel(unsent) {
  return h(
    "section",
    { class: "panel", "aria-labelledby": "unsent-title" },
    h("header", {}, h("h2", { class: "h-small", id: "unsent-title" }, "Your unsent edits")),
    h(
      "div",
      { class: "pad col" },
      ...unsent.map(([label, text], at) =>
        h(
          "div",
          { class: "field" },
          h("label", { for: `unsent-${at}` }, label),
          h(
            "div",
            { class: "row" },
            h(
              "textarea",
              {
                class: "input spacer",
                id: `unsent-${at}`,
                rows: label === "Description" ? "6" : "1",
                readonly: true,
                dir: "auto",
              },
              text,
            ),
            h(
              "button",
              {
                class: "btn",
                type: "button",
                "aria-label": `Copy ${label.toLowerCase()}`,
                onclick: () => copyUnsent(text),
              },
              icon("copy"),
              "Copy",
            ),
          ),
        ),
      ),
    ),
  );
}

/** @param {string} text */
async function copyUnsent(text) {
  if (await copyText(text)) showToast("Copied.");
  else showToast("This browser does not allow pages to copy text. Select the text and copy it yourself.", "warn");
}

hide.addEventListener("click", () => {
  if (!video || hide.getAttribute("aria-disabled") === "true") return;
  openHideDialog(video, (now) => {
    drawVideo(now);
    showToast(
      now.is_hidden
        ? "The video is hidden. Only moderators can see it."
        : "The video is no longer hidden. Everyone can see it once its file is ready.",
    );
  });
});

remove?.addEventListener("click", async () => {
  if (!video || remove.getAttribute("aria-disabled") === "true") return;
  if (!video.deleted_at) return openDeleteDialog(video, () => reloadVideo());
  try {
    drawVideo(await restoreCatalogueVideo(facts.id));
    showToast("Video restored.");
  } catch (error) {
    showToast(explainError(error), "bad");
  }
});

const send = requireElement("[data-send]");
const stop = requireElement("[data-stop]");
const files = new FilesForm(facts, { replaces: facts.has_file, onChange: drawSendButton });
requireElement("[data-files]").prepend(files.element);

function drawSendButton() {
  send.hidden = stop.hidden = files.isEmpty;
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
    const focused =
      history.contains(document.activeElement) &&
      (document.activeElement?.matches("[data-shown]") ? "[data-shown]" : "[data-older]");
    const at = history.querySelector("[data-shown]")?.scrollTop ?? 0;
    history.replaceChildren(fresh);
    const list = /** @type {HTMLElement} */ (requireElement("[data-shown]", history));
    shown = Number(list.dataset.shown);
    // Make the list focusable, so that keys can scroll it.
    if (list.scrollHeight > list.clientHeight) list.tabIndex = 0;
    for (const time of /** @type {NodeListOf<HTMLTimeElement>} */ (history.querySelectorAll("time"))) {
      const then = new Date(time.dateTime);
      setText(time, formatWhen(then));
      time.title = then.toLocaleString();
    }
    if (focused) {
      /** @type {HTMLElement|null} */
      const again = history.querySelector(focused);
      (again ?? list).focus();
    }
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
  setText(
    requireElement("span", place),
    others.length ? `${names} ${others.length === 1 ? "is" : "are"} also editing this video` : "",
  );
}

async function reloadVideo() {
  try {
    drawVideo(await readCatalogueVideo(facts.id));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) drawDeleted();
    else if (error instanceof ApiError && error.status === 403)
      trouble.replaceChildren(createErrorNote("You can no longer edit this video.", error));
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
await client.start();
drawLine({ state: client.state, pending: client.pending, kept: client.kept, error: null });
