// The card of a video in the catalogue's list.

import { makeFinder } from "../base/focus.js";
import { formatDuration } from "../base/format.js";
import { posterView } from "../base/poster.js";
import { createRoot, html, iconView } from "../base/view.js";
import { formatDay } from "../videos/api.js";
import { listMarks, formatViews, isPlayable } from "./list-matching.js";

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {{user: string|null, is_moderator: boolean, is_admin: boolean}} Viewer
 */

export class Card {
  #root = createRoot(this);

  /**
   * @param {CatalogueVideo} video
   * @param {Viewer} viewer
   * @param {(video: CatalogueVideo, button: HTMLElement) => void} onMore
   */
  constructor(video, viewer, onMore) {
    this.video = video;
    this.viewer = viewer;
    this.onMore = onMore;
    this.element = this.#render();
  }

  /** @param {CatalogueVideo} video */
  draw(video) {
    this.video = video;
    // If the focused title changes between link and text, focus the new element.
    const findFocused = makeFinder(this.element.contains(document.activeElement) ? document.activeElement : null);
    this.#render();
    findFocused()?.focus();
  }

  get title() {
    return /** @type {HTMLElement} */ (this.element.querySelector("[data-part=title]"));
  }

  #render() {
    const { video } = this;
    const length = html`
      <span class="overlay bottom-end"
        ><span class="visually-hidden">Length </span>${formatDuration(video.duration_exact)}</span>`;
    return this.#root(html`
      <li class="card" data-video=${video.id}>
        <span class="picture dark">
          ${posterView(video.thumbnail_url ?? video.poster_url)}
          ${video.is_featured ? html`<span class="overlay top-start star">${iconView("star")}Featured</span>` : null}
          ${video.duration_exact > 0 ? length : null}
        </span>
        ${this.#footView()}
      </li>`);
  }

  #footView() {
    const { video, viewer } = this;
    const edit = viewer.is_moderator && !video.deleted_at ? `/catalogue/${video.id}/edit` : null;
    // An unfinished video links to its edit page.
    const address = isPlayable(video) ? `/watch/${video.id}` : edit;
    const title = address
      ? html`<a href=${address} data-part="title">${video.title}</a>`
      : html`<span tabindex="-1" data-part="title">${video.title}</span>`;
    return html`
      <div class="card-foot">
        <div>
          <h2 dir="auto" title=${video.title}>${title}</h2>
          ${metaView(video)} ${viewer.is_moderator ? marksView(video) : null}
        </div>
        ${viewer.user ? this.#actsView(edit) : null}
      </div>`;
  }

  /** @param {string|null} edit Address of the edit page. */
  #actsView(edit) {
    const { title } = this.video;
    const link = html`
      <a class="btn quiet" href=${edit} aria-label="Edit ${title}" data-part="edit">
        ${iconView("pencil")}<span class="phone">Edit</span>
      </a>`;
    return html`
      <div class="row acts">
        ${edit ? link : null}
        <button class="btn icon-only quiet more" type="button" aria-haspopup="menu" aria-expanded="false"
          aria-label="More actions for ${title}" data-part="more" @click=${this.#onMore}>${iconView("more")}</button>
      </div>`;
  }

  /** @param {Event & {currentTarget: HTMLElement}} event */
  #onMore(event) {
    this.onMore(this.video, event.currentTarget);
  }
}

/** @param {CatalogueVideo} video */
function metaView({ created_at, view_count, category, tags }) {
  const came = new Date(created_at);
  const tagViews = tags.map((tag, at) => html`${at ? ", " : " · "}<span dir="auto">${tag}</span>`);
  return html`
    <p class="meta">
      <time datetime=${created_at} title=${came.toLocaleString()}>${formatDay(came)}</time> ·
      <span title=${view_count}>${formatViews(view_count)}</span>${
        category ? html` · <span dir="auto">${category}</span>` : null
      }${tags.length ? html`<span class="card-extra">${tagViews}</span>` : null}
    </p>`;
}

/** @param {CatalogueVideo} video */
function marksView(video) {
  const marks = listMarks(video);
  if (!marks.length) return null;
  return html`
    <p class="row wrap marks">
      ${marks.map(
        ({ word, icon, tone }) =>
          html`<span class="status ${tone}">${iconView(icon, tone === "run" ? "spin" : "")}${word}</span>`,
      )}
      ${video.error ? html`<span class="text-small muted anywhere why">${video.error.message}</span>` : null}
    </p>`;
}
