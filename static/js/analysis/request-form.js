// The form that starts or repeats an analysis: kind, source and settings.

import { ApiError } from "../base/api.js";
import { openDialog } from "../base/dialog.js";
import { debounce, h, icon, requireElement, setText } from "../base/dom.js";
import { formatCount, formatDuration } from "../base/format.js";
import { createErrorNote } from "../base/notice.js";
import { ACCEPT, takeChosen, pickFiles } from "../uploads/file-picker.js";
import { describeUnreadable } from "../uploads/drop-zone.js";
import { formatBytes, listVideos, formatPicture, readVideo } from "../videos/api.js";
import { analyseVideo, newKey } from "./api.js";
import { ParamsForm } from "./parameter-fields.js";
import { KINDS } from "./labels.js";

/**
 * @typedef {import("../uploads/file-picker.js").Chosen} Chosen
 * @typedef {import("./api.js").Kind} Kind
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {object} NewOptions
 * @property {import("./parameter-fields.js").Ranges} ranges
 * @property {Record<string, number>} factors The estimated seconds of work per second of video, by kind
 * of analysis.
 * @property {(answer: {sessionId: string, warnings: string[]}) => void} onMade Called once an analysis of a
 * library video has been created.
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

/** @param {number} seconds */
export function describeEstimate(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "Once started, processing takes less than a minute.";
  if (minutes < 60) return `Once started, processing takes about ${formatCount(minutes, "minute")}.`;
  return `Once started, processing takes about ${formatCount(Math.round(minutes / 60), "hour")}.`;
}

/**
 * Return the suggested length of a segment, in seconds. Short videos get shorter segments, so that the analysis has
 * enough segments.
 * @param {number} seconds
 */
const chooseSegmentLength = (seconds) => Math.min(10, Math.max(2, Math.round(seconds / SEGMENTS)));

export class NewAnalysis {
  /** @type {Kind} */ #kind;
  /** @type {"file"|"library"} */ #from;
  /** @type {Chosen[]} */ #files;
  /** @type {Video|null} */ #video = null;
  #search = new AbortController();
  #sending = false;
  #asked = "";
  #key = newKey();

  /** @param {NewOptions} options */
  constructor(options) {
    this.options = options;
    this.#kind = options.kind ?? "highlights";
    this.#from = options.video ? "library" : "file";
    this.#files = options.files ?? [];
    this.params = new ParamsForm(options.ranges, options.params);
    this.problem = h("div", {});
    this.missing = h(
      "p",
      { class: "field-error", id: "new-missing", role: "alert", hidden: true },
      icon("alert"),
      h("span", {}),
    );
    this.source = h("div", { class: "source" });
    this.what = h("p", { class: "text-small muted" });
    this.estimate = h("p", { class: "text-small muted", role: "status", data: { estimate: "" } });
    this.send = h("button", { class: "btn primary", data: { send: "" } });
    const again = !options.onFiles;
    this.kinds = h(
      "div",
      { class: "segmented", role: "group", "aria-label": "Analysis type" },
      ...Object.entries(KINDS).map(([kind, { icon: mark, label }]) =>
        h(
          "button",
          { type: "button", value: kind, onclick: () => this.#showKind(/** @type {Kind} */ (kind)) },
          icon(mark),
          label,
        ),
      ),
    );
    this.froms = h(
      "div",
      { class: "segmented", role: "group", "aria-label": "Video source" },
      h("button", { type: "button", value: "file", onclick: () => this.#showFrom("file") }, icon("upload"), "A file"),
      h(
        "button",
        { type: "button", value: "library", onclick: () => this.#showFrom("library") },
        icon("library"),
        "My library",
      ),
    );
    this.dialog = openDialog(
      h(
        "dialog",
        { class: "dialog making", "aria-labelledby": "new-heading" },
        h(
          "form",
          { class: "pad col", novalidate: true, onsubmit: (/** @type {Event} */ event) => this.#submit(event) },
          h("h2", { id: "new-heading" }, again ? "Run again" : "New analysis"),
          h("div", { class: "row wrap" }, this.kinds),
          this.what,
          !again && h("div", { class: "row wrap" }, this.froms),
          this.source,
          this.missing,
          this.params.element,
          this.estimate,
          this.problem,
          h(
            "div",
            { class: "row wrap end" },
            h("button", { class: "btn", type: "button", onclick: () => this.dialog.close() }, "Close"),
            this.send,
          ),
        ),
      ),
    );
    this.dialog.addEventListener("close", () => this.#search.abort());
    this.#showKind(this.#kind);
    if (again) this.#showGiven();
    else this.#showFrom(this.#from);
    if (options.video) this.#readGiven(options.video);
    /** @type {HTMLElement} */ (requireElement("[aria-pressed=true]", this.kinds)).focus();
  }

  /** @param {Kind} kind */
  #showKind(kind) {
    this.#kind = kind;
    for (const button of this.kinds.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.value === kind));
    setText(this.what, KINDS[kind].what);
    this.params.show(kind);
    this.#drawSend();
  }

  /** @param {"file"|"library"} from */
  #showFrom(from) {
    this.#from = from;
    for (const button of this.froms.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.value === from));
    this.missing.hidden = true;
    this.#search.abort();
    if (from === "file") this.#showFile();
    else this.#showLibrary();
    this.#drawSend();
  }

  #drawSend() {
    const { icon: mark, start } = KINDS[this.#kind];
    const several = this.#from === "file" && this.#files.length > 1;
    this.send.replaceChildren(icon(mark), several ? `${start} in ${this.#files.length} files` : start);
    if (this.#sending) this.send.setAttribute("aria-disabled", "true");
    else this.send.removeAttribute("aria-disabled");
    const seconds =
      this.#from === "library" && this.#video ? this.#video.duration_exact * this.options.factors[this.#kind] : 0;
    setText(this.estimate, seconds > 0 ? describeEstimate(seconds) : "");
  }

  #showFile() {
    const input = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "visually-hidden",
        id: "new-files",
        type: "file",
        multiple: true,
        accept: ACCEPT,
        "aria-label": "Choose a file",
        "aria-describedby": "new-files-words new-missing",
      })
    );
    input.addEventListener("change", () => {
      this.#take(takeChosen(input));
      input.value = "";
    });
    input.addEventListener("click", async (event) => {
      // Ask for a file handle, with which the upload resumes automatically after a reload.
      if (!("showOpenFilePicker" in window)) return;
      event.preventDefault();
      this.#take(await pickFiles(true, describeUnreadable));
    });
    this.words = h("span", { class: "muted text-small anywhere", id: "new-files-words" });
    this.label = h("b", { class: "big-words" });
    this.source.replaceChildren(
      h(
        "label",
        { class: "drop slim" },
        input,
        icon("upload", "extra-large"),
        h("span", { class: "spacer" }, this.label, this.words),
        h("span", { class: "btn desk", "aria-hidden": "true" }, "Choose"),
      ),
    );
    this.#drawFiles();
  }

  /** @param {Chosen[]} files */
  #take(files) {
    if (!files.length) return;
    this.#files = files;
    this.missing.hidden = true;
    this.#drawFiles();
    this.#drawSend();
  }

  #drawFiles() {
    if (!this.words || !this.label) return;
    const [first] = this.#files;
    const count = this.#files.length;
    this.source.toggleAttribute("data-chosen", count > 0);
    setText(this.label, count === 0 ? "Drop a video here, or choose one" : formatCount(count, "file"));
    const size = this.#files.reduce((sum, { file }) => sum + file.size, 0);
    this.words.replaceChildren(
      ...(first
        ? [
            h("span", { dir: "auto" }, first.file.name),
            count > 1 ? ` and ${formatCount(count - 1, "other")}` : "",
            h("span", { class: "mono faint" }, ` ${formatBytes(size)}`),
          ]
        : [
            "The maximum size depends on your plan. The file is not added to your library and is deleted together with the result.",
          ]),
    );
  }

  /** @param {Chosen[]} files */
  take(files) {
    if (this.#sending || !this.options.onFiles) return;
    if (this.#from !== "file") this.#showFrom("file");
    this.#take(files);
  }

  #showLibrary() {
    const find = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "input",
        id: "new-find",
        type: "search",
        placeholder: "Name, tag or description",
        autocomplete: "off",
        maxlength: "200",
      })
    );
    this.found = h("div", { class: "videos", role: "radiogroup", "aria-label": "Videos in your library" });
    find.addEventListener(
      "input",
      debounce(() => this.#list(find.value), SEARCH_PAUSE),
    );
    find.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
    this.source.removeAttribute("data-chosen");
    this.source.replaceChildren(
      h(
        "div",
        { class: "find" },
        icon("search"),
        h("label", { class: "visually-hidden", for: "new-find" }, "Search your videos"),
        find,
      ),
      this.found,
    );
    this.#list("");
  }

  /** @param {string} search */
  async #list(search) {
    const found = /** @type {HTMLElement} */ (this.found);
    this.#search.abort();
    this.#search = new AbortController();
    const { signal } = this.#search;
    const shapes = setTimeout(
      () =>
        !found.children.length &&
        found.replaceChildren(
          h(
            "div",
            { class: "pad col", role: "status", "aria-label": "Loading videos" },
            ...Array.from({ length: 3 }, () => h("i", { class: "skeleton" })),
          ),
        ),
      SHAPES_AFTER,
    );
    try {
      const { videos } = await listVideos({ search: search.trim(), status: "ready", page: 1, limit: SHOWN }, signal);
      const chosen = search.trim() ? null : this.#video;
      found.replaceChildren(
        ...[...(chosen ? [chosen] : []), ...videos.filter((one) => one.id !== chosen?.id)].map((one) =>
          this.#choice(one),
        ),
      );
      if (!found.children.length)
        found.replaceChildren(
          h(
            "p",
            { class: "pad muted" },
            search.trim() ? `No videos match “${search.trim()}”.` : "Your library is empty. Choose a file instead.",
          ),
        );
    } catch (error) {
      if (!signal.aborted)
        found.replaceChildren(createErrorNote("Your videos could not be loaded.", error, () => this.#list(search)));
    } finally {
      clearTimeout(shapes);
    }
  }

  /** @param {Video} video */
  #choice(video) {
    const facts = [video.duration_exact > 0 && formatDuration(video.duration_exact), formatPicture(video)]
      .filter(Boolean)
      .join(" · ");
    return h(
      "label",
      { class: "video" },
      h("input", {
        type: "radio",
        name: "video",
        value: video.id,
        checked: video.id === this.#video?.id,
        onchange: () => this.#pick(video),
      }),
      this.#poster(video),
      h("span", { class: "truncate", title: video.title, dir: "auto" }, video.title),
      h("span", { class: "mono text-small faint" }, facts),
    );
  }

  /** @param {Video} video */
  #poster(video) {
    return h(
      "span",
      { class: `picture dark${video.poster_url ? "" : " none"}` },
      video.poster_url
        ? h("img", { src: video.poster_url, alt: "", loading: "lazy", decoding: "async" })
        : icon("film"),
    );
  }

  /** @param {Video} video */
  #pick(video) {
    this.#video = video;
    this.missing.hidden = true;
    this.params.suggest("segment_length", chooseSegmentLength(video.duration_exact));
    this.#drawSend();
  }

  #showGiven() {
    this.source.replaceChildren(
      ...(this.#video
        ? [
            h(
              "p",
              { class: "video given" },
              this.#poster(this.#video),
              h("span", { class: "truncate", title: this.#video.title, dir: "auto" }, this.#video.title),
            ),
          ]
        : [h("i", { class: "skeleton" })]),
    );
  }

  /** @param {string} id */
  async #readGiven(id) {
    try {
      this.#video = await readVideo(id);
      this.params.suggest("segment_length", chooseSegmentLength(this.#video.duration_exact));
      this.#drawSend();
      if (!this.options.onFiles) this.#showGiven();
      else if (this.#from === "library") this.#showFrom("library");
    } catch (error) {
      const gone = error instanceof ApiError && error.status === 404;
      this.problem.replaceChildren(
        gone
          ? createErrorNote("The video is no longer in your library.", error)
          : createErrorNote("The video could not be loaded.", error, () => this.#readGiven(id)),
      );
      if (!this.options.onFiles) this.source.replaceChildren();
    }
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    if (this.#sending) return;
    this.problem.replaceChildren();
    const given = this.#from === "file" ? this.#files.length > 0 : this.#video !== null;
    this.missing.hidden = given;
    setText(
      requireElement("span", this.missing),
      this.#from === "file" ? "Choose a video first." : "Choose a video from your library first.",
    );
    const params = this.params.read();
    if (!given) {
      /** @type {HTMLElement|null} */ (this.source.querySelector("input"))?.focus();
      return;
    }
    if (!params) return;
    if (this.#from === "file") {
      this.dialog.close();
      return this.options.onFiles?.(this.#files, this.#kind, params);
    }
    await this.#analyse(/** @type {Video} */ (this.#video).id, params);
  }

  /** @param {string} video @param {Record<string, any>} params */
  async #analyse(video, params) {
    this.#sending = true;
    this.#drawSend();
    // A retry keeps its idempotency key; a changed request gets a new key.
    const asked = JSON.stringify([video, this.#kind, params]);
    if (this.#asked && this.#asked !== asked) this.#key = newKey();
    this.#asked = asked;
    try {
      const answer = await analyseVideo(video, this.#kind, params, this.#key);
      this.dialog.close();
      this.options.onMade(answer);
    } catch (error) {
      const errors = error instanceof ApiError ? error.body?.errors : null;
      if (!errors || !this.params.refuse(errors.params ?? errors))
        this.problem.replaceChildren(createErrorNote("The analysis could not be started.", error));
    } finally {
      this.#sending = false;
      this.#drawSend();
    }
  }
}
