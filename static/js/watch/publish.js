// The dialog that copies a library video into the catalogue.

import { createCatalogueVideo, isAbort, makeVideoKey, sendFiles } from "../catalogue/api.js";
import { openView, questionView } from "../base/dialog.js";
import { errorView } from "../base/notice.js";
import { html, iconView, nothing } from "../base/view.js";
import { downloadOriginal } from "../videos/original-file.js";
import { listTracks, readTrack, storeTrack, getTrackName } from "../videos/text-tracks.js";

const WORDS =
  "The file, title, description, tags, captions and chapters are copied to the catalogue. The video in your library does not change.";

/** @param {import("../videos/api.js").Video} video */
export function openPublishDialog(video) {
  const stop = new AbortController();
  const key = makeVideoKey();
  /** Id of the catalogue video, kept for a retry. @type {string} */ let made = "";
  let said = "";
  /** Uploaded part of the file, 0 to 1; null outside the upload. @type {number|null} */ let share = null;
  /** @type {import("../base/view.js").View} */ let problem = null;
  let isRunning = false;
  let isPublished = false;
  const about = { id: "publish", heading: `Publish “${video.title}”?`, words: WORDS };
  const dialog = openView(() => questionView(about, bodyView(), isPublished ? null : buttonView()));
  dialog.element.addEventListener("close", () => stop.abort());

  function bodyView() {
    return html`
      <div>${problem}</div>
      <progress class="bar" max="1" .value=${share ?? 0} aria-label="Sent" ?hidden=${share === null}></progress>
      <p class="muted text-small" role="status">${said}</p>`;
  }

  function buttonView() {
    return html`
      <button class="btn primary" type="button" aria-disabled=${isRunning ? "true" : nothing} @click=${publish}>
        ${iconView("film")}Publish
      </button>`;
  }

  /** @param {string} words @param {number|null} [sent] @param {import("../base/view.js").View} [note] */
  function show(words, sent = null, note = null) {
    [said, share, problem] = [words, sent, note];
    dialog.draw();
  }

  /** Copy captions and chapters; return the names of those that failed. @returns {Promise<string[]>} */
  async function copyTracks() {
    /** @type {string[]} */ const left = [];
    const tracks = await listTracks(video.id).catch(() => null);
    if (!tracks) return ["its captions and chapters"];
    for (const track of tracks) {
      if (stop.signal.aborted) break;
      const { kind, language, label } = track;
      const name = kind === "chapters" ? "its chapters" : `the captions “${getTrackName(track)}”`;
      await readTrack(track)
        .then((content) => storeTrack({ video_id: made, kind, language, label, content }))
        .catch(() => left.push(name));
    }
    return left;
  }

  async function publish() {
    if (isRunning) return;
    isRunning = true;
    try {
      show("Downloading the file…");
      const file = await downloadOriginal(video, stop.signal);
      if (stop.signal.aborted) return;
      const { title, description, tags } = video;
      made ||= (await createCatalogueVideo({ title, description, tags }, key)).id;
      if (stop.signal.aborted) return;
      show(said, 0);
      const onSent = (/** @type {number} */ sent) => show(`Uploading, ${Math.floor(sent * 100)} %`, sent);
      await sendFiles(made, { video: file }, onSent, stop.signal);
      const left = await copyTracks();
      if (stop.signal.aborted) return;
      if (!left.length) return location.assign(`/catalogue/${made}/edit`);
      isPublished = true;
      show(
        "",
        null,
        html`<p role="alert">The video was published without ${left.join(" and ")}. Add them on the video's
        page: <a href="/watch/${made}">${title}</a>.</p>`,
      );
    } catch (error) {
      isRunning = false;
      show("", null, isAbort(error) ? null : errorView("Publishing failed.", error));
    }
  }
}
