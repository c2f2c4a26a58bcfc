// The dialog for captions and chapters.

import { askToDelete, openView, panelDialogView } from "../base/dialog.js";
import { requireElement } from "../base/dom.js";
import { keepTypedText } from "../base/drafts.js";
import { formatCount } from "../base/format.js";
import { errorView } from "../base/notice.js";
import { html, iconView, nothing, repeat } from "../base/view.js";
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

/**
 * @typedef {import("../videos/text-tracks.js").TextTrack} TextTrack
 * @typedef {import("../base/view.js").View} View
 */

// languages offered in the form; the API accepts any
const LANGUAGES = "ar cs de en es fr hi hr id it ja ko nl pl pt pt-BR ru sk sl sr sv th tr uk vi zh-Hans zh-Hant".split(
  " ",
);

/**
 * @param {{id: string, title: string, duration_exact: number}} video
 * @param {object} shown
 * @param {() => TextTrack[]} shown.tracks
 * @param {() => {start: number, text: string}[]} shown.chapters
 * @param {() => Promise<void>} shown.onChanged
 */
export function openTracks(video, { tracks, chapters, onChanged }) {
  const own = navigator.language.split("-")[0];
  /** @type {View} */ let problem = null;
  let said = "";
  let wrong = ""; // error in the typed chapters
  let wasThere = "";
  let isWarned = false;
  const dialog = openView(() => panelDialogView("Captions and chapters", "", bodyView()));
  const { element, draw } = dialog;
  const [kind, language, file, lines] = ["kind", "language", "file", "lines"].map((name) =>
    requireElement(`#track-${name}`, element),
  );
  // Ask before Escape discards typed chapters.
  element.addEventListener("cancel", (event) => {
    // Ignore a file picker's "cancel" event, which bubbles up to the dialog.
    if (event.target !== element || lines.value === wasThere) return;
    if (isWarned) return forget();
    event.preventDefault();
    isWarned = true;
    said = "Your chapters are not saved. Press Esc again to discard them.";
    draw();
    lines.focus();
  });
  lines.addEventListener("input", () => {
    isWarned = false;
  });
  showSavedChapters();
  const forget = keepTypedText(`chapters/${video.id}`, { chapters: lines });

  function bodyView() {
    return html`
      <div class="pad col">
        <ul class="plain col" aria-label="Captions and chapters of this video">
          ${repeat(tracks(), ({ id }) => id, trackView)}
        </ul>
        <form class="col" novalidate @submit=${addTrack}>
          <h3 class="h-small">Add a file</h3>
          <div class="row wrap fields">
            <div class="field">
              <label for="track-kind">Type</label>
              <select class="input" id="track-kind">
                <option value="captions">Captions</option><option value="chapters">Chapters</option>
              </select>
            </div>
            <div class="field">
              <label for="track-language">Language</label>
              <select class="input" id="track-language">
                ${LANGUAGES.map((tag) => ({ tag, name: getLanguageName(tag) }))
                  .sort((a, b) => a.name.localeCompare(b.name))
                  .map(({ tag, name }) => html`<option value=${tag} ?selected=${tag === own}>${name}</option>`)}
                <option value=${UNKNOWN_LANGUAGE} ?selected=${!LANGUAGES.includes(own)}>
                  Other or unknown language
                </option>
              </select>
            </div>
            <div class="field">
              <label for="track-file">WebVTT or SRT file</label>
              <input class="input" type="file" id="track-file" accept=".vtt,.srt,text/vtt" />
            </div>
          </div>
          <div class="row end"><button class="btn">${iconView("plus")}Add</button></div>
        </form>
        <form class="col" novalidate @submit=${saveChapters}>
          <h3 class="h-small" id="track-lines-label">Write chapters</h3>
          <label class="visually-hidden" for="track-lines">Chapters, one per line</label>
          <textarea class="input mono" id="track-lines" rows="6" dir="auto"
            placeholder="0:00 Warm-up\n1:35 First half\n18:20 Second half"
            aria-describedby="track-lines-hint track-lines-error" aria-invalid=${wrong ? "true" : nothing}></textarea>
          <p class="hint" id="track-lines-hint">One chapter per line: start time and name.</p>
          <p class="field-error" id="track-lines-error" ?hidden=${!wrong}>${iconView("alert")}<span>${wrong}</span></p>
          <div class="row end"><button class="btn">${iconView("check")}Save chapters</button></div>
        </form>
        <div>${problem}</div>
        <p class="hint" role="status">${said}</p>
      </div>`;
  }

  /** @param {TextTrack} track */
  function trackView(track) {
    const isCaptions = track.kind === "captions";
    const language = getLanguageName(track.language);
    const name = isCaptions ? getTrackName(track) : language ? `Chapters, ${language}` : "Chapters";
    return html`
      <li class="row">
        ${iconView(isCaptions ? "captions" : "list")}<b dir="auto">${name}</b>
        <span class="muted text-small">${formatCount(track.cue_count, isCaptions ? "line" : "chapter")}</span>
        <span class="spacer"></span>
        <a class="btn icon-only quiet" href=${track.url} aria-label="Download ${name}" title="Download">
          ${iconView("download")}
        </a>
        <button class="btn icon-only quiet" type="button" aria-label="Delete ${name}" title="Delete"
          @click=${() => removeTrack(track, name)}>${iconView("trash")}</button>
      </li>`;
  }

  /** Show the saved chapters, but keep chapters that the user has typed and not saved. */
  function showSavedChapters() {
    const now = formatChapters(chapters());
    if (lines.value === wasThere) lines.value = now;
    wasThere = now;
  }

  /** @param {View} note */
  function showProblem(note) {
    problem = note;
    draw();
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
    showProblem(null);
    const [chosen] = file.files;
    if (!chosen) return file.focus();
    const content = decodeText(await chosen.arrayBuffer());
    const what = kind.value === "captions" ? "Captions" : "Chapters";
    const isThere = tracks().some((track) => track.kind === kind.value && track.language === language.value);
    const words = `${what} ${isThere ? "replaced" : "added"}.`;
    if (await saveTrack(kind.value, language.value, content, words)) file.value = "";
  }

  /** @param {Event} event */
  async function saveChapters(event) {
    event.preventDefault();
    const { content, problem: what } = parseChapters(lines.value, video.duration_exact);
    wrong = what;
    showProblem(null);
    if (what) return lines.focus();
    const typed = lines.value;
    await onChanged().catch(() => {}); // ignore a failed reload: saving the chapters then also fails and says why
    const now = formatChapters(chapters());
    if (now !== wasThere && now !== typed) {
      wasThere = now;
      return showProblem(chaptersNoteView(now));
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
      showProblem(errorView("Saving failed.", error));
      return false;
    }
  }

  /** @param {string} words */
  async function onTracksChanged(words) {
    await onChanged();
    showSavedChapters();
    said = words;
    draw();
  }
}

/** @param {string} chapters Chapters that another person has saved. */
const chaptersNoteView = (chapters) => html`
  <div class="note warn" role="alert">
    ${iconView("alert")}
    <div class="spacer">
      <b>Another person has changed the chapters. If you save again, your chapters replace these:</b>
      <pre class="anywhere" dir="auto">${chapters || "(no chapters)"}</pre>
    </div>
  </div>`;
