// The dialog that changes the tags of several videos, one video after another, and lists refused changes.

import { ApiError } from "../base/api.js";
import { openView } from "../base/dialog.js";
import { requireElement } from "../base/dom.js";
import { keepTypedText } from "../base/drafts.js";
import { formatCount } from "../base/format.js";
import { explainError } from "../base/notice.js";
import { html, iconView, nothing } from "../base/view.js";
import { changeVideo, parseTags, readVideo } from "../videos/api.js";

/**
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {import("../base/view.js").View} View
 */

const NAMES_SHOWN = 5;
const TRIES = 3;

/**
 * Open the dialog. After each attempt to save, `onDone` receives the number of videos saved without an error, even if
 * the user closed the dialog meanwhile.
 * @param {Video[]} videos
 * @param {(video: Video) => void} onChanged
 * @param {(count: number) => void} onDone
 */
export function openTagDialog(videos, onChanged, onDone) {
  /** @type {Map<string, number>} */ const counts = new Map();
  for (const tag of videos.flatMap((video) => video.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const present = [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
  let progress = "";
  /** @type {View} */ let refused = null;
  let isMissing = false;
  let isSending = false;
  const dialog = openView(view);
  const field = requireElement("#several-tags", dialog.element);
  const forget = keepTypedText("tags", { tags: field });
  field.focus();

  function view() {
    return html`
      <dialog class="dialog small" aria-labelledby="several-heading">
        <form class="pad col" novalidate @submit=${submit}>
          <h2 id="several-heading">Edit the tags of ${formatCount(videos.length, "video")}</h2>
          ${namesView(videos)}
          <div class="field">
            <label for="several-tags">Add tags</label>
            <input class="input" id="several-tags" type="text" autocomplete="off" autocapitalize="none" dir="auto"
              aria-describedby="several-hint several-error" ?readonly=${isSending} />
            <p class="hint" id="several-hint">Separate tags with commas.</p>
            <p class="field-error" id="several-error" ?hidden=${!isMissing}>
              ${iconView("alert")}<span>Enter a tag to add, or choose one to remove.</span>
            </p>
          </div>
          ${present.length ? takesView() : null}
          <p class="text-small muted" role="status">${progress}</p>
          <div>${refused}</div>
          <div class="row wrap end">
            <button class="btn" type="button" @click=${close}>Cancel</button>
            <button class="btn primary" aria-disabled=${isSending ? "true" : nothing}>Save</button>
          </div>
        </form>
      </dialog>`;
  }

  function takesView() {
    return html`
      <fieldset class="col takes">
        <legend class="text-small muted">Remove tags</legend>
        ${present.map(
          ([tag, count]) => html`
            <label class="check">
              <input type="checkbox" name="take" value=${tag} /><span class="truncate" dir="auto">${tag}</span>
              <span class="text-small faint mono">${count} of ${videos.length}</span>
            </label>`,
        )}
      </fieldset>`;
  }

  function close() {
    forget();
    dialog.close();
  }

  /** @param {Event & {currentTarget: HTMLFormElement}} event */
  async function submit(event) {
    event.preventDefault();
    if (isSending) return;
    const added = parseTags(field.value);
    const taken = new Set(new FormData(event.currentTarget).getAll("take"));
    isMissing = !added.length && !taken.size;
    isSending = !isMissing;
    dialog.draw();
    if (isMissing) return field.focus();
    const change = async (/** @type {Video} */ video) => {
      // Another tab may have changed the tags since the list was loaded.
      const saved = (await readVideo(video.id)).tags;
      const tags = [...new Set([...saved.filter((tag) => !taken.has(tag)), ...added])];
      if (tags.join("\n") !== saved.join("\n")) onChanged(await changeVideo(video.id, { tags }));
    };
    const answer = await actOneByOne(videos, change, "changed", dialog.element, (words) => {
      progress = words;
      dialog.draw();
    });
    onDone(answer.done);
    if (!answer.refused) return close();
    refused = answer.refused;
    isSending = false;
    dialog.draw();
    field.focus();
  }
}

/** @param {Video[]} videos */
export function namesView(videos) {
  const rest = videos.length - NAMES_SHOWN;
  return html`
    <ul class="text-small muted several">
      ${videos
        .slice(0, NAMES_SHOWN)
        .map(({ title }) => html`<li class="truncate" dir="auto" title=${title}>${title}</li>`)}
      ${rest > 0 ? html`<li>and ${rest} more</li>` : null}
    </ul>`;
}

/**
 * Run `act` for one video after another, until the dialog is closed. Messages use `word`, a participle such as
 * `deleted`.
 * @param {Video[]} videos
 * @param {(video: Video) => Promise<unknown>} act
 * @param {string} word
 * @param {HTMLDialogElement} dialog
 * @param {(progress: string) => void} show
 * @returns {Promise<{done: number, refused: View}>} `refused` lists the errors; null if there are none.
 */
export async function actOneByOne(videos, act, word, dialog, show) {
  /** @type {View[]} */ const reasons = [];
  let done = 0;
  for (const video of videos) {
    if (!dialog.open) break;
    show(`${done} of ${videos.length} ${word}`);
    try {
      await retryThrottled(() => act(video));
      done += 1;
    } catch (error) {
      reasons.push(html`<li class="anywhere" dir="auto">${video.title}: ${explainError(error)}</li>`);
    }
  }
  show(`${done} of ${videos.length} ${word}`);
  const refused = html`
    <div class="note bad" role="alert">
      ${iconView("alert")}
      <div class="spacer">
        <b>${formatCount(reasons.length, "video")} could not be ${word}</b>
        <ul class="text-small several">${reasons}</ul>
      </div>
    </div>`;
  return { done, refused: reasons.length ? refused : null };
}

/** Run a request; after status 429, wait as long as the server asks and retry. @param {() => Promise<unknown>} act */
async function retryThrottled(act) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 429 && error.retryAfter) || tries >= TRIES) throw error;
      const wait = error.retryAfter * 1000;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
