// The form that starts or repeats an analysis: kind, source and settings.

import { ApiError } from "../base/api.js";
import { closeDialog, openView } from "../base/dialog.js";
import { debounce } from "../base/dom.js";
import { formatCount, formatDuration } from "../base/format.js";
import { errorView } from "../base/notice.js";
import { html, iconView, live, nothing } from "../base/view.js";
import { ACCEPT, takeChosen, pickFiles } from "../uploads/file-picker.js";
import { describeUnreadable } from "../uploads/drop-zone.js";
import { formatBytes, listVideos, formatPicture, readVideo } from "../videos/api.js";
import { analyseVideo, newKey } from "./api.js";
import { ParamsForm } from "./parameter-fields.js";
import { KINDS } from "./labels.js";
import { pictureView } from "./views.js";

/**
 * @typedef {import("../base/view.js").View} View
 * @typedef {import("../uploads/file-picker.js").Chosen} Chosen
 * @typedef {import("./api.js").Kind} Kind
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {import("./parameter-fields.js").Ranges} Ranges
 * @typedef {{params: Ranges, factors: Record<string, number>, max_upload_bytes: number}} Facts `factors` are the
 * estimated seconds of work per second of video, by kind of analysis.
 * @typedef {object} NewOptions
 * @property {(files: Chosen[], kind: Kind, params: Record<string, any>) => void} [onFiles] Uploads the chosen
 * files; without `onFiles`, the form offers only the library video `video`.
 * @property {Kind} [kind] The initial kind of analysis.
 * @property {Record<string, any>} [params]
 * @property {string} [video] The id of the initially chosen library video.
 * @property {Chosen[]} [files] The initially chosen files.
 */

const SEARCH_PAUSE = 250;
const SHOWN = 24;
const SHAPES_AFTER = 300;
const SEGMENTS = 30; // wanted number of segments, from which the suggested length of a segment is computed
/** @type {[string, string, string][]} */
const SOURCES = [
  ["file", "upload", "A file"],
  ["library", "library", "My library"],
];

const placeholders = html`
  <div class="pad col" role="status" aria-label="Loading videos">
    <i class="skeleton"></i><i class="skeleton"></i><i class="skeleton"></i>
  </div>`;

/** @param {number} seconds */
function describeEstimate(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "Once started, processing takes less than a minute.";
  const time = minutes < 60 ? formatCount(minutes, "minute") : formatCount(Math.round(minutes / 60), "hour");
  return `Once started, processing takes about ${time}.`;
}

/** @param {Facts} facts @param {NewOptions} options */
export function openRequestForm(facts, { onFiles, kind = "highlights", params: given = {}, video, files = [] }) {
  let from = video ? "library" : "file";
  /** @type {Video|null} */ let chosen = null;
  let query = "";
  let listed = () => /** @type {View} */ (null);
  let request = new AbortController();
  let isMissing = false;
  let isLost = false;
  let isSending = false;
  /** @type {View} */ let problem = null;
  let asked = "";
  let key = newKey();

  const params = new ParamsForm(facts.params, given, () => dialog.draw());
  params.show(kind);
  const dialog = openView(view);
  const search = debounce(listLibrary, SEARCH_PAUSE);
  if (onFiles) showSource(from);
  if (video) readGiven(video);
  /** @type {HTMLElement} */ (dialog.element.querySelector("[aria-pressed=true]")).focus();

  function view() {
    const { icon, start, what } = KINDS[kind];
    const isFile = from === "file";
    const seconds = !isFile && chosen ? chosen.duration_exact * facts.factors[kind] : 0;
    const showKind = (/** @type {Kind} */ next) => {
      kind = next;
      params.show(kind);
      dialog.draw();
    };
    const kinds = Object.entries(KINDS).map(([name, { icon, label }]) => [name, icon, label]);
    return html`
      <dialog class="dialog making" aria-labelledby="new-heading" @close=${() => request.abort()}>
        <form class="pad col" novalidate @submit=${submit}>
          <h2 id="new-heading">${onFiles ? "New analysis" : "Run again"}</h2>
          ${choicesView("Analysis type", kinds, kind, showKind)}
          <p class="text-small muted">${what}</p>
          ${onFiles ? choicesView("Video source", SOURCES, from, showSource) : null}
          <div class="source" ?data-chosen=${isFile && files.length > 0}>
            ${isFile ? filesView() : onFiles ? libraryView() : givenView()}
          </div>
          <p class="field-error" id="new-missing" role="alert" ?hidden=${!isMissing}>
            ${iconView("alert")}<span>Choose a video ${isFile ? "first" : "from your library first"}.</span>
          </p>
          ${params.view()}
          <p class="text-small muted" role="status" data-estimate>${seconds > 0 ? describeEstimate(seconds) : ""}</p>
          <div>${problem}</div>
          <div class="row wrap end">
            <button class="btn" type="button" @click=${closeDialog}>Close</button>
            <button class="btn primary" data-send aria-disabled=${isSending ? "true" : nothing}>
              ${iconView(icon)}${isFile && files.length > 1 ? `${start} in ${files.length} files` : start}
            </button>
          </div>
        </form>
      </dialog>`;
  }

  /** @param {string} label @param {string[][]} choices @param {string} now @param {(value: any) => void} choose */
  function choicesView(label, choices, now, choose) {
    const buttonViews = choices.map(
      ([value, icon, words]) => html`
        <button type="button" value=${value} aria-pressed=${String(value === now)} @click=${() => choose(value)}>
          ${iconView(icon)}${words}
        </button>`,
    );
    return html`
      <div class="row wrap"><div class="segmented" role="group" aria-label=${label}>${buttonViews}</div></div>`;
  }

  /** @param {string} next */
  function showSource(next) {
    from = next;
    isMissing = false;
    request.abort();
    query = "";
    listed = () => null;
    dialog.draw();
    if (from === "library") listLibrary();
  }

  function filesView() {
    const [first] = files;
    /** Ask for a file handle, with which the upload resumes automatically after a reload. @param {Event} event */
    const pick = async (event) => {
      if (!("showOpenFilePicker" in window)) return;
      event.preventDefault();
      takeFiles(await pickFiles(true, describeUnreadable));
    };
    const takeTyped = (/** @type {any} */ { currentTarget: input }) => {
      takeFiles(takeChosen(input));
      input.value = "";
    };
    const size = files.reduce((sum, { file }) => sum + file.size, 0);
    return html`
      <label class="drop slim">
        <input class="visually-hidden" id="new-files" type="file" multiple accept=${ACCEPT} aria-label="Choose a file"
          aria-describedby="new-files-words new-missing" @change=${takeTyped} @click=${pick} />
        ${iconView("upload", "extra-large")}
        <span class="spacer">
          <b class="big-words">${first ? formatCount(files.length, "file") : "Drop a video here, or choose one"}</b
          ><span class="muted text-small anywhere" id="new-files-words">${
            first
              ? html`<span dir="auto">${first.file.name}</span>${
                  files.length > 1 ? ` and ${formatCount(files.length - 1, "other")}` : ""
                }<span class="mono faint"> ${formatBytes(size)}</span>`
              : "The maximum size depends on your plan. The file is not added to your library and is deleted together with the result."
          }</span>
        </span>
        <span class="btn desk" aria-hidden="true">Choose</span>
      </label>`;
  }

  /** @param {Chosen[]} taken */
  function takeFiles(taken) {
    if (!taken.length) return;
    files = taken;
    isMissing = false;
    dialog.draw();
  }

  function libraryView() {
    const onSearch = (/** @type {any} */ { currentTarget: input }) => {
      query = input.value;
      search();
    };
    return html`
      <div class="find">
        ${iconView("search")}<label class="visually-hidden" for="new-find">Search your videos</label>
        <input class="input" id="new-find" type="search" placeholder="Name, tag or description" autocomplete="off"
          maxlength="200" .value=${live(query)} @input=${onSearch}
          @keydown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && event.preventDefault()} />
      </div>
      <div class="videos" role="radiogroup" aria-label="Videos in your library">${listed()}</div>`;
  }

  async function listLibrary() {
    const words = query.trim();
    request.abort();
    request = new AbortController();
    const { signal } = request;
    const show = (/** @type {() => View} */ view) => {
      listed = view;
      dialog.draw();
    };
    const shapes = setTimeout(() => listed() === null && show(() => placeholders), SHAPES_AFTER);
    try {
      const { videos } = await listVideos({ search: words, status: "ready", page: 1, limit: SHOWN }, signal);
      const first = words || !chosen ? [] : [chosen];
      const all = [...first, ...videos.filter(({ id }) => id !== first[0]?.id)];
      const none = words ? `No videos match “${words}”.` : "Your library is empty. Choose a file instead.";
      show(() => (all.length ? all.map(choiceView) : html`<p class="pad muted">${none}</p>`));
    } catch (error) {
      if (!signal.aborted) show(() => errorView("Your videos could not be loaded.", error, listLibrary));
    } finally {
      clearTimeout(shapes);
    }
  }

  /** @param {Video} video */
  function choiceView(video) {
    const details = [video.duration_exact > 0 && formatDuration(video.duration_exact), formatPicture(video)];
    return html`
      <label class="video">
        <input type="radio" name="video" value=${video.id} .checked=${live(video.id === chosen?.id)}
          @change=${() => choose(video)} />
        ${pictureView(video.poster_url)}
        <span class="truncate" title=${video.title} dir="auto">${video.title}</span>
        <span class="mono text-small faint">${details.filter(Boolean).join(" · ")}</span>
      </label>`;
  }

  /** Choose a video, and suggest short segments for a short video, so that it has enough. @param {Video} video */
  function choose(video) {
    chosen = video;
    isMissing = false;
    params.suggest("segment_length", Math.min(10, Math.max(2, Math.round(video.duration_exact / SEGMENTS))));
    dialog.draw();
  }

  function givenView() {
    if (!chosen) return isLost ? null : html`<i class="skeleton"></i>`;
    return html`
      <p class="video given">
        ${pictureView(chosen.poster_url)}
        <span class="truncate" title=${chosen.title} dir="auto">${chosen.title}</span>
      </p>`;
  }

  /** @param {string} id */
  async function readGiven(id) {
    try {
      choose(await readVideo(id));
      if (onFiles && from === "library") showSource(from);
    } catch (error) {
      isLost = true;
      const isGone = error instanceof ApiError && error.status === 404;
      problem = isGone
        ? errorView("The video is no longer in your library.", error)
        : errorView("The video could not be loaded.", error, () => readGiven(id));
      dialog.draw();
    }
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (isSending) return;
    problem = null;
    isMissing = from === "file" ? !files.length : !chosen;
    const values = params.read();
    if (isMissing) {
      const input = /** @type {HTMLElement|null} */ (dialog.element.querySelector(".source input"));
      return input?.focus();
    }
    if (!values) return;
    if (from === "file") {
      dialog.close();
      return onFiles?.(files, kind, values);
    }
    const { id } = /** @type {Video} */ (chosen);
    // A retry keeps its idempotency key; a changed request gets a new key.
    const asking = JSON.stringify([id, kind, values]);
    if (asked && asked !== asking) key = newKey();
    asked = asking;
    isSending = true;
    dialog.draw();
    try {
      const { sessionId } = await analyseVideo(id, kind, values, key);
      dialog.close();
      location.assign(`/analysis/${encodeURIComponent(sessionId)}`);
    } catch (error) {
      const errors = error instanceof ApiError ? error.body?.errors : null;
      if (!errors || !params.refuse(errors.params ?? errors))
        problem = errorView("The analysis could not be started.", error);
    } finally {
      isSending = false;
      dialog.draw();
    }
  }

  return {
    isOpen: () => dialog.element.open,
    /** Replace the chosen files. @param {Chosen[]} taken */
    take(taken) {
      if (isSending || !onFiles) return;
      if (from !== "file") showSource("file");
      takeFiles(taken);
    },
  };
}
