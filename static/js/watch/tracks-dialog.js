// The dialog for captions and chapters.

import { askToDelete, openNamedDialog } from "../base/dialog.js";
import { h, icon, requireElement, setText } from "../base/dom.js";
import { keepTypedText } from "../base/drafts.js";
import { formatCount } from "../base/format.js";
import { createErrorNote } from "../base/notice.js";
import {
  UNKNOWN_LANGUAGE,
  formatChapters,
  decodeText,
  deleteTrack,
  getLanguageName,
  parseChapters,
  storeTrack,
  getTrackName,
} from "../videos/text-tracks.js";

/** @typedef {import("../videos/text-tracks.js").TextTrack} TextTrack */

// languages offered in the form; the API accepts any
const LANGUAGES = [
  "ar",
  "cs",
  "de",
  "en",
  "es",
  "fr",
  "hi",
  "hr",
  "id",
  "it",
  "ja",
  "ko",
  "nl",
  "pl",
  "pt",
  "pt-BR",
  "ru",
  "sk",
  "sl",
  "sr",
  "sv",
  "th",
  "tr",
  "uk",
  "vi",
  "zh-Hans",
  "zh-Hant",
]; // prettier-ignore

/**
 * @param {{id: string, title: string, duration_exact: number}} video
 * @param {object} shown
 * @param {() => TextTrack[]} shown.tracks
 * @param {() => {start: number, text: string}[]} shown.chapters
 * @param {() => Promise<void>} shown.onChanged
 */
export function openTracks(video, { tracks, chapters, onChanged }) {
  const problem = h("div", {});
  const said = h("p", { class: "hint", role: "status" });
  const list = h("ul", { class: "plain col", "aria-label": "Captions and chapters of this video" });
  const own = navigator.language.split("-")[0];
  const kind = /** @type {HTMLSelectElement} */ (
    h(
      "select",
      { class: "input", id: "track-kind" },
      h("option", { value: "captions" }, "Captions"),
      h("option", { value: "chapters" }, "Chapters"),
    )
  );
  const language = /** @type {HTMLSelectElement} */ (
    h(
      "select",
      { class: "input", id: "track-language" },
      ...LANGUAGES.map((tag) => ({ tag, name: getLanguageName(tag) }))
        .sort((a, b) => a.name.localeCompare(b.name))
        .map(({ tag, name }) => h("option", { value: tag, selected: tag === own }, name)),
      h("option", { value: UNKNOWN_LANGUAGE, selected: !LANGUAGES.includes(own) }, "Other or unknown language"),
    )
  );
  const file = /** @type {HTMLInputElement} */ (
    h("input", { class: "input", type: "file", id: "track-file", accept: ".vtt,.srt,text/vtt" })
  );
  const lines = /** @type {HTMLTextAreaElement} */ (
    h("textarea", {
      class: "input mono",
      id: "track-lines",
      rows: "6",
      dir: "auto",
      placeholder: "0:00 Warm-up\n1:35 First half\n18:20 Second half",
      "aria-describedby": "track-lines-hint track-lines-error",
    })
  );
  const wrong = h("p", { class: "field-error", id: "track-lines-error", hidden: true }, icon("alert"), h("span", {}));
  const dialog = openNamedDialog(
    "Captions and chapters",
    "",
    h(
      "div",
      { class: "pad col" },
      list,
      h(
        "form",
        { class: "col", novalidate: true, onsubmit: addTrack },
        h("h3", { class: "h-small" }, "Add a file"),
        h(
          "div",
          { class: "row wrap fields" },
          createField("track-kind", "Type", kind),
          createField("track-language", "Language", language),
          createField("track-file", "WebVTT or SRT file", file),
        ),
        h("div", { class: "row end" }, h("button", { class: "btn" }, icon("plus"), "Add")),
      ),
      h(
        "form",
        { class: "col", novalidate: true, onsubmit: saveChapters },
        h("h3", { class: "h-small", id: "track-lines-label" }, "Write chapters"),
        h("label", { class: "visually-hidden", for: "track-lines" }, "Chapters, one per line"),
        lines,
        h("p", { class: "hint", id: "track-lines-hint" }, "One chapter per line: start time and name."),
        wrong,
        h("div", { class: "row end" }, h("button", { class: "btn" }, icon("check"), "Save chapters")),
      ),
      problem,
      said,
    ),
  );
  let wasThere = "";
  let isWarned = false;
  // Ask before Escape discards typed chapters.
  dialog.addEventListener("cancel", (event) => {
    // Ignore a file picker's "cancel" event, which bubbles up to the dialog.
    if (event.target !== dialog || lines.value === wasThere) return;
    if (isWarned) return forget();
    event.preventDefault();
    isWarned = true;
    setText(said, "Your chapters are not saved. Press Esc again to discard them.");
    lines.focus();
  });
  lines.addEventListener("input", () => {
    isWarned = false;
  });
  drawTracks();
  const forget = keepTypedText(`chapters/${video.id}`, { chapters: lines });

  function drawTracks() {
    const now = formatChapters(chapters());
    // Keep chapters that the user has typed but not saved.
    if (lines.value === wasThere) lines.value = now;
    wasThere = now;
    list.replaceChildren(
      ...tracks().map((track) => {
        const isCaptions = track.kind === "captions";
        const language = getLanguageName(track.language);
        const name = isCaptions ? getTrackName(track) : language ? `Chapters, ${language}` : "Chapters";
        return h(
          "li",
          { class: "row" },
          icon(isCaptions ? "captions" : "list"),
          h("b", { dir: "auto" }, name),
          h("span", { class: "muted text-small" }, formatCount(track.cue_count, isCaptions ? "line" : "chapter")),
          h("span", { class: "spacer" }),
          h(
            "a",
            { class: "btn icon-only quiet", href: track.url, "aria-label": `Download ${name}`, title: "Download" },
            icon("download"),
          ),
          h(
            "button",
            {
              class: "btn icon-only quiet",
              type: "button",
              "aria-label": `Delete ${name}`,
              title: "Delete",
              onclick: () => removeTrack(track, name),
            },
            icon("trash"),
          ),
        );
      }),
    );
  }

  /** @param {TextTrack} track @param {string} name */
  function removeTrack(track, name) {
    askToDelete({
      heading: `Delete “${name}”?`,
      words: "This cannot be undone.",
      remove: () => deleteTrack(track.id),
      onDeleted: () => onTracksChanged(`${name} deleted.`),
    });
  }

  /** @param {Event} event */
  async function addTrack(event) {
    event.preventDefault();
    problem.replaceChildren();
    const [chosen] = file.files ?? [];
    if (!chosen) return file.focus();
    const content = decodeText(await chosen.arrayBuffer());
    const what = kind.value === "captions" ? "Captions" : "Chapters";
    const isThere = tracks().some((track) => track.kind === kind.value && track.language === language.value);
    const isStored = await saveTrack(
      /** @type {"captions"|"chapters"} */ (kind.value),
      language.value,
      content,
      `${what} ${isThere ? "replaced" : "added"}.`,
    );
    if (isStored) file.value = "";
  }

  /** @param {Event} event */
  async function saveChapters(event) {
    event.preventDefault();
    problem.replaceChildren();
    const { content, problem: what } = parseChapters(lines.value, video.duration_exact);
    wrong.hidden = !what;
    setText(requireElement("span", wrong), what);
    if (what) lines.setAttribute("aria-invalid", "true");
    else lines.removeAttribute("aria-invalid");
    if (what) return lines.focus();
    const typed = lines.value;
    await onChanged().catch(() => {}); // ignore a failed reload: saving the chapters then also fails and says why
    const now = formatChapters(chapters());
    if (now !== wasThere && now !== typed) {
      wasThere = now;
      problem.replaceChildren(createChaptersNote(now));
      return;
    }
    const there = tracks().find((track) => track.kind === "chapters");
    if (lines.value.trim())
      await saveTrack("chapters", there?.language ?? UNKNOWN_LANGUAGE, content, "Chapters saved.", lines.value);
    else if (there) removeTrack(there, "Chapters");
  }

  /**
   * Store a text track; return whether that succeeded.
   * @param {"captions"|"chapters"} kind
   * @param {string} language
   * @param {string} content
   * @param {string} words
   * @param {string|null} [typed]
   * @returns {Promise<boolean>}
   */
  async function saveTrack(kind, language, content, words, typed = null) {
    try {
      await storeTrack({ video_id: video.id, kind, language, content });
      if (typed !== null) {
        wasThere = typed;
        if (lines.value === typed) forget();
      }
      await onTracksChanged(words);
      return true;
    } catch (error) {
      problem.replaceChildren(createErrorNote("Saving failed.", error));
      return false;
    }
  }

  /** @param {string} words */
  async function onTracksChanged(words) {
    await onChanged();
    drawTracks();
    setText(said, words);
  }
}

/** @param {string} chapters Chapters that another person has saved. */
const createChaptersNote = (chapters) =>
  h(
    "div",
    { class: "note warn", role: "alert" },
    icon("alert"),
    h(
      "div",
      { class: "spacer" },
      h("b", {}, "Another person has changed the chapters. If you save again, your chapters replace these:"),
      h("pre", { class: "anywhere", dir: "auto" }, chapters || "(no chapters)"),
    ),
  );

/** @param {string} id @param {string} label @param {HTMLElement} input */
const createField = (id, label, input) => h("div", { class: "field" }, h("label", { for: id }, label), input);
