// The card of a recording that the user can choose: a library video with its picture, or a file of a folder.

import { formatDuration } from "../../base/format.js";
import { posterView } from "../../base/poster.js";
import { createRef, createRoot, html, iconView, live, nothing, ref } from "../../base/view.js";
import { isSelectable } from "../../library/video-card.js";
import { formatBytes, formatDay } from "../../videos/api.js";

/**
 * @typedef {import("../../videos/api.js").Video & {thumbnail_url?: string|null}} Video
 * @typedef {import("./selection.js").FolderFile} FolderFile
 */

export class ChoiceCard {
  #letter = "";
  #isFull = false;
  /** @type {import("../../base/view.js").Ref<HTMLInputElement>} */ #box = createRef();
  #root = createRoot();

  /** @param {{id: string, video?: Video, file?: FolderFile}} item @param {(chosen: boolean) => void} onPick */
  constructor({ id, video, file }, onPick) {
    this.id = id;
    this.pick = (/** @type {any} */ { currentTarget }) => onPick(currentTarget.checked);
    this.video = video ?? null;
    this.file = file ?? null;
    this.element = this.#draw();
  }

  get title() {
    return /** @type {HTMLInputElement} */ (this.#box.value);
  }

  get name() {
    return this.video?.title ?? this.file?.path.split("/").pop() ?? "";
  }

  /** @param {Video} video */
  renew(video) {
    this.video = video;
    this.#draw();
  }

  /** @param {string} letter @param {boolean} isFull */
  mark(letter, isFull) {
    this.#letter = letter;
    this.#isFull = isFull;
    this.#draw();
  }

  #draw() {
    const letter = this.#letter;
    const isOff = !letter && (this.#isFull || (this.video !== null && !isSelectable(this.video)));
    const label = letter ? `${this.name}, chosen as ${letter}` : `Choose ${this.name}`;
    const pick = html`<span class="pick">
      <span class="letter-badge" aria-hidden="true" ?hidden=${!letter}>${letter}</span>
      <input type="checkbox" data-part="pick" aria-label=${label} .checked=${live(letter !== "")} ?disabled=${isOff}
        @change=${this.pick} ${ref(this.#box)} />
    </span>`;
    return this.#root(html`
      <li class="card" data-video=${this.id} ?data-sel=${letter !== ""} data-letter=${letter || nothing}>
        ${
          this.video
            ? html`<label>
                ${pick} ${pictureView(this.video)} <b class="lines" dir="auto">${this.name}</b> ${metaView(this.video)}
              </label>`
            : html`<label class="line">
                ${pick} <b class="truncate" dir="auto" title=${this.file?.path ?? nothing}>${this.name}</b>
                <span class="folder truncate text-small faint" dir="auto">${this.#folder}</span>
                <span class="mono text-small faint">${formatBytes(this.file?.size ?? 0)}</span>
              </label>`
        }
      </li>`);
  }

  get #folder() {
    return this.file?.path.slice(0, -this.name.length - 1) || "/";
  }
}

/** @param {Video} video */
function metaView({ created_at: came, status, tags }) {
  if (status === "failed") return html`<span class="meta status bad">${iconView("alert")}Video cannot be used</span>`;
  if (status !== "ready") return html`<span class="meta status run">${iconView("run", "spin")}Processing</span>`;
  const date = new Date(came);
  return html`<span class="meta row">
    <time datetime=${came} title=${date.toLocaleString()}>${formatDay(date)}</time>
    <span class="spacer"></span>
    ${tags.length ? html`<span class="tag truncate" dir="auto">${tags[0]}</span>` : null}
  </span>`;
}

/** @param {Video} video */
export function pictureView({ thumbnail_url, poster_url, duration_exact: length }) {
  return html`<span class="picture dark">
    ${posterView(thumbnail_url || poster_url)}
    ${
      length > 0
        ? html`<span class="overlay bottom-end"
            ><span class="visually-hidden">Length </span>${formatDuration(length)}</span>`
        : null
    }
  </span>`;
}
