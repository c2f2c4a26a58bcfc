// The fields of one statement: clip, text, and whether the statement is the lie.

import { formatDuration } from "../../base/format.js";
import { html, iconView, live, nothing } from "../../base/view.js";
import { ACCEPT } from "../../uploads/file-picker.js";
import { formatBytes } from "../../videos/api.js";
import { showDuration } from "./clip-info.js";

/** @typedef {Parameters<import("./form.js").Form["act"]>[1]} Act */

/** @param {import("./form.js").Form} form @param {import("./draft.js").Statement} statement */
export function slotView(form, statement) {
  const { statements, lie } = form.draft;
  const { max_text, least_clips } = form.facts;
  const { id, text, clip, problem } = statement;
  const [isLie, isBusy, address] = [lie === id, form.isChecking(statement), form.getAddress(statement)];
  const at = statements.indexOf(statement);
  const isLast = at === statements.length - 1;
  const name = `statement ${at + 1}`;
  const act = (/** @type {Act} */ what) => () => form.act(statement, what);
  const type = (/** @type {any} */ { currentTarget }) => form.setText(statement, currentTarget.value);
  const choose = (/** @type {Event & {currentTarget: HTMLInputElement}} */ { currentTarget: input }) => {
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length) form.take(files, statement);
  };
  const fileView = () => html`
    <input class="visually-hidden" type="file" multiple accept=${ACCEPT} aria-describedby="problem-${id}"
      aria-label="${clip ? "Choose another" : "Choose a clip"} for ${name}" aria-invalid=${problem ? "true" : nothing}
      @change=${choose} />`;
  const recordView = (/** @type {string} */ label) => html`
    <button class="btn" type="button" aria-label="${label}, ${name}" data-act="record" @click=${act("record")}>
      ${iconView("camera")}${label}
    </button>`;
  /** @param {Act} what @param {string} mark @param {string} label @param {string} why Reason why the button is disabled, or empty. */
  const smallView = (what, mark, label, why) => html`
    <button class="btn icon-only quiet" type="button" data-act=${what} aria-label=${label} title=${why || label}
      aria-disabled=${why ? "true" : nothing} @click=${act(what)}>${iconView(mark)}</button>`;

  const shotView = () => {
    if (isBusy)
      return html`
        <div class="picture none" role="status">
          <span class="status run">${iconView("run", "spin")}Checking the file</span>
        </div>`;
    if (!clip)
      return html`
        <label class="drop pick">
          ${fileView()} ${iconView("film", "extra-large")}
          <span class="btn" aria-hidden="true">${iconView("upload")}Choose a clip</span>
          <span class="faint text-small desk">or drop it here</span>
        </label>`;
    if (address)
      return html`
        <video class="picture dark" controls playsinline preload="metadata" aria-label="Clip of ${name}" src=${address}
          @loadedmetadata=${showDuration} @play=${pauseOthers}></video>`;
    return html`
      <div class="picture none">
        <div class="col unseen">
          ${iconView("film")}
          <p class="text-small">This browser cannot play the clip, but the server may be able to.</p>
        </div>
      </div>`;
  };
  const clipActsView = () => {
    if (isBusy) return null;
    if (!clip) return recordView("Record");
    return html`
      <label class="btn choose">${fileView()} ${iconView("upload")}Choose another</label>
      ${recordView(clip.isRecorded ? "Record again" : "Record instead")}`;
  };
  const factsView = () => {
    const duration = clip && clip.duration > 0 ? `${formatDuration(clip.duration)} · ` : "";
    return html`<span class="truncate" title=${clip?.name} dir="auto">${clip?.name}</span> <span
      class="mono nowrap">${duration}${formatBytes(clip?.size ?? 0)}</span>`;
  };
  const least = `A challenge needs at least ${least_clips} statements`;

  return html`
    <li class="panel slot" tabindex="-1" data-slot=${id} ?data-lie=${isLie} ?data-problem=${problem}>
      <header>
        <span class="statement-number" aria-hidden="true">${at + 1}</span>
        <h2 class="h-small spacer">Statement ${at + 1}</h2>
        ${smallView("up", "up", `Move ${name} up`, at > 0 ? "" : "This is the first statement")}
        ${smallView("down", "down", `Move ${name} down`, isLast ? "This is the last statement" : "")}
        ${smallView("remove", "trash", `Remove ${name}`, statements.length > least_clips ? "" : least)}
      </header>
      <div class="body">
        <div class="shot">${shotView()}</div>
        <div class="col about">
          <div class="field">
            <label for="text-${id}">Text (optional)</label>
            <input class="input" id="text-${id}" type="text" dir="auto" autocomplete="off" maxlength=${max_text}
              aria-label="Text (optional), ${name}" placeholder="Text to show while the clip plays"
              .value=${live(text)} @input=${type} />
          </div>
          <p class="facts text-small muted" ?hidden=${!clip}>${clip ? factsView() : null}</p>
          <p class="field-error" id="problem-${id}" ?hidden=${!problem}>
            ${iconView("alert")}<span class="anywhere">${problem}</span>
          </p>
          <div class="row wrap foot">
            <div class="row wrap">${clipActsView()}</div>
            <label class="check lie">
              <input type="radio" name="lie" value=${id} .checked=${live(isLie)} aria-label="This is the lie: ${name}"
                @change=${() => form.setLie(statement)} />This is the lie
            </label>
          </div>
        </div>
      </div>
    </li>`;
}

/** Pause the other clips when a clip plays. @param {Event} event */
function pauseOthers({ currentTarget }) {
  const videos = /** @type {NodeListOf<HTMLVideoElement>} */ (document.querySelectorAll(".slot video"));
  for (const video of videos) if (video !== currentTarget) video.pause();
}
