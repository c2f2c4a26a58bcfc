// Choosing the recordings of a new comparison: search, slots A to C, a name, and creating it.

import { createSession, libraryFiles } from "../base/api.js";
import { debounce, h, icon, need, setText } from "../base/dom.js";
import { size } from "../base/format.js";
import { errorNote, toast } from "../base/notice.js";
import { findVideo } from "../videos/api.js";

/** @typedef {{path: string, name: string, size: number, video?: string}} File video: its id, of one of the library */

const LETTERS = ["A", "B", "C"];
const FEWEST = 2;
const SHOWN = 60;
const SHAPES_AFTER = 300;
const SEARCH_PAUSE = 250;

const list = need("[data-files]");
const total = need("[data-total]");
const find = /** @type {HTMLInputElement} */ (need("#find"));
const nameField = /** @type {HTMLInputElement} */ (need("#name"));
const createButton = need("[data-create]");
/** @type {File[]} */ let chosen = [];
/** @type {File[]} */ let files = [];
let request = new AbortController();
let creating = false;

async function load() {
  request.abort();
  request = new AbortController();
  const { signal } = request;
  const search = find.value.trim();
  const shapes = setTimeout(() => !files.length && list.replaceChildren(shapesOfRows()), SHAPES_AFTER);
  list.setAttribute("aria-busy", "true");
  try {
    const answer = await libraryFiles(search, SHOWN, signal);
    files = answer.files;
    drawFiles(search, answer.total);
  } catch (error) {
    if (signal.aborted) return;
    files = [];
    setText(total, "");
    list.replaceChildren(h("div", { class: "pad" }, errorNote("The recordings could not be listed.", error, load)));
  } finally {
    clearTimeout(shapes);
    if (!signal.aborted) list.setAttribute("aria-busy", "false");
  }
}

function shapesOfRows() {
  return h(
    "div",
    { class: "skel", role: "status", "aria-label": "Loading recordings" },
    ...Array.from({ length: 6 }, () =>
      h("div", { class: "col" }, h("i", { class: "skeleton" }), h("i", { class: "skeleton short" })),
    ),
  );
}

/** @param {string} search @param {number} count */
function drawFiles(search, count) {
  setText(total, count > files.length ? `${files.length} of ${count}; search to narrow` : `${count}`);
  if (files.length) return list.replaceChildren(h("ul", {}, ...files.map(row)));
  list.replaceChildren(
    search
      ? h(
          "div",
          { class: "empty" },
          icon("search"),
          h("h3", {}, `Nothing matches “${search}”`),
          h("p", {}, "Names and folders of the recordings open to you were searched. Check the spelling."),
          h(
            "div",
            { class: "row" },
            h("button", { class: "btn", type: "button", onclick: clearSearch }, "Clear the search"),
          ),
        )
      : h(
          "div",
          { class: "empty" },
          icon("film"),
          h("h3", {}, "No recordings to choose from"),
          h(
            "p",
            {},
            "No library folder with videos is open to your account. Whoever runs this server sets the folders with VOD_LIBRARY_ROOTS, and who may use them. Videos that you uploaded are chosen in your library.",
          ),
          h("div", { class: "row" }, h("a", { class: "btn", href: "/library" }, "To the library")),
        ),
  );
}

function clearSearch() {
  find.value = "";
  find.focus();
  load();
}

/** @param {File} file */
function row(file) {
  const index = chosen.findIndex((c) => !c.video && c.path === file.path);
  const taken = index >= 0;
  const full = chosen.length === LETTERS.length;
  const name = file.path.split("/").pop() ?? file.name;
  return h(
    "li",
    { data: taken ? { letter: LETTERS[index] } : {} },
    taken ? h("span", { class: "letter-badge" }, LETTERS[index]) : icon("film"),
    h("span", { class: "truncate", title: file.path, dir: "auto" }, name),
    h("span", { class: "folder truncate text-tiny faint" }, file.path.slice(0, -name.length - 1) || "/"),
    h("span", { class: "size mono text-small faint" }, size(file.size)),
    h(
      "button",
      {
        class: "btn quiet",
        type: "button",
        "aria-label": taken ? `Remove ${LETTERS[index]}, ${name}` : `Add ${name}`,
        "aria-disabled": !taken && full ? "true" : null,
        data: { path: file.path },
        onclick: () => (taken ? remove(file) : !full && add(file)),
      },
      taken ? "Remove" : "Add",
    ),
  );
}

/** @param {File} file */
function nameOf(file) {
  return file.video ? file.name : (file.path.split("/").pop() ?? file.name);
}

/** The videos of the library with which somebody comes here (`?new&video=…`), in their order. */
async function addFromLibrary() {
  const ids = new URL(location.href).searchParams.getAll("video").slice(0, LETTERS.length);
  const found = await Promise.all(ids.map((id) => findVideo(id).catch(() => null)));
  if (found.includes(null)) toast("A video of the library could not be loaded.", "warn");
  chosen = [
    ...found.flatMap((video) =>
      video ? [{ path: "", name: video.title, size: video.file_size, video: video.id }] : [],
    ),
    ...chosen,
  ].slice(0, LETTERS.length);
  if (ids.length) redraw();
}

/** @param {File} file */
function add(file) {
  chosen = [...chosen, file];
  redraw(file.path);
}

/** @param {File} file */
function remove(file) {
  chosen = chosen.filter((c) => c.video !== file.video || c.path !== file.path);
  redraw(file.path);
}

/** @param {string} [path] whose button keeps the focus */
function redraw(path) {
  drawSlots();
  const lists = list.querySelector("ul");
  if (!lists) return;
  lists.replaceChildren(...files.map(row));
  if (path && !document.activeElement?.closest("[data-slots]")) {
    /** @type {HTMLElement|null} */ (lists.querySelector(`[data-path="${CSS.escape(path)}"]`))?.focus();
  }
}

function drawSlots() {
  need("[data-slots]").replaceChildren(
    ...LETTERS.map((letter, i) => {
      const file = chosen[i];
      if (!file)
        return h(
          "li",
          { class: "vacant", data: { letter } },
          h("span", { class: "letter-badge" }, letter),
          i === 0 ? "The reference, shown large" : i === 1 ? "A second recording" : "A third, if you like",
        );
      const name = nameOf(file);
      return h(
        "li",
        { class: "slot", data: { letter } },
        h("span", { class: "letter-badge" }, letter),
        h("span", { class: "truncate", title: file.path || name, dir: "auto" }, name),
        h(
          "button",
          {
            class: "btn icon-only quiet",
            type: "button",
            "aria-label": `Remove ${letter}, ${name}`,
            onclick: () => remove(file),
          },
          icon("x"),
        ),
        h("span", { class: "text-small faint mono" }, `${size(file.size)}${i === 0 ? ", reference" : ""}`),
      );
    }),
  );
  setText(need("[data-count]"), `${chosen.length} of ${LETTERS.length}`);
  const enough = chosen.length >= FEWEST;
  createButton.setAttribute("aria-disabled", String(!enough || creating));
  setText(
    need("[data-hint]"),
    enough
      ? "Next: a box around the timer, from which the offsets are worked out."
      : "Choose at least two recordings of the same match.",
  );
  nameField.placeholder = chosen.length
    ? chosen
        .map((f) => (f.video ? f.name : nameOf(f).replace(/\.[^.]+$/, "")))
        .join(" / ")
        .slice(0, 200)
    : "Comparison";
}

async function create() {
  if (chosen.length < FEWEST || creating) return;
  creating = true;
  drawSlots();
  const problem = need("[data-create-error]");
  problem.replaceChildren();
  setText(createButton, "Reading the files…");
  try {
    const vods = chosen.map((file, i) => ({
      vod_id: LETTERS[i],
      name: nameOf(file).slice(0, 255),
      ...(file.video ? { video_id: file.video } : { path: file.path }),
    }));
    const { session } = await createSession({ vods, name: nameField.value.trim() || nameField.placeholder });
    location.assign(`/compare/${encodeURIComponent(session.session_id)}?setup`);
  } catch (error) {
    problem.replaceChildren(errorNote("The comparison was not made.", error));
    creating = false;
    setText(createButton, "Create and continue");
    drawSlots();
  }
}

find.addEventListener("input", debounce(load, SEARCH_PAUSE));
createButton.addEventListener("click", create);
window.addEventListener("pageshow", () => {
  creating = false;
  setText(createButton, "Create and continue");
  drawSlots();
});
drawSlots();
addFromLibrary();
load();
