// The card of a video in the catalogue's list.

import { h, icon } from "../base/dom.js";
import { formatDuration } from "../base/format.js";
import { formatDay } from "../videos/api.js";
import { createPoster } from "../videos/thumbnail.js";
import { listMarks, formatViews } from "./list-matching.js";

/**
 * @typedef {import("./api.js").CatalogueVideo} CatalogueVideo
 * @typedef {{user: string|null, is_moderator: boolean, is_admin: boolean}} Viewer
 */

export class Card {
  #shown = "";

  /**
   * @param {CatalogueVideo} video
   * @param {Viewer} viewer
   * @param {(video: CatalogueVideo, button: HTMLElement) => void} onMore
   */
  constructor(video, viewer, onMore) {
    this.video = video;
    this.viewer = viewer;
    this.onMore = onMore;
    this.element = h("li", { class: "card", data: { video: video.id } });
    this.draw(video);
  }

  /** @param {CatalogueVideo} video */
  draw(video) {
    this.video = video;
    const { element } = this;
    const shown = JSON.stringify(describeVisibility(video));
    if (shown === this.#shown) return;
    this.#shown = shown;
    const picture = this.#picture();
    const old = element.querySelector(".picture");
    const focused = element.contains(document.activeElement)
      ? /** @type {HTMLElement} */ (document.activeElement).dataset.part
      : null;
    // Reuse the element of an unchanged picture: a new element would flicker.
    const [before, now] = [old?.querySelector("img"), picture.querySelector("img")];
    if (before && now && getPicturePath(before.src) === getPicturePath(now.src)) now.replaceWith(before);
    element.replaceChildren(picture, this.#foot());
    if (focused) /** @type {HTMLElement|null} */ (element.querySelector(`[data-part=${focused}]`))?.focus();
  }

  get title() {
    return /** @type {HTMLElement} */ (this.element.querySelector("[data-part=title]"));
  }

  #picture() {
    const { video } = this;
    const address = video.thumbnail_url ?? video.poster_url;
    return h(
      "span",
      { class: "picture dark" },
      createPoster(address),
      video.is_featured && h("span", { class: "overlay top-start star" }, icon("star"), "Featured"),
      video.duration_exact > 0 &&
        h(
          "span",
          { class: "overlay bottom-end" },
          h("span", { class: "visually-hidden" }, "Length "),
          formatDuration(video.duration_exact),
        ),
    );
  }

  #foot() {
    const { video, viewer } = this;
    // An unfinished video links to its edit page.
    const address =
      video.video_url && video.status === "ready"
        ? `/watch/${video.id}`
        : viewer.is_moderator && !video.deleted_at
          ? `/catalogue/${video.id}/edit`
          : null;
    const title = address
      ? h("a", { href: address, data: { part: "title" } }, video.title)
      : h("span", { tabindex: "-1", data: { part: "title" } }, video.title);
    return h(
      "div",
      { class: "card-foot" },
      h("div", {}, h("h2", { dir: "auto", title: video.title }, title), this.#meta(), this.#marks()),
      viewer.user &&
        h(
          "div",
          { class: "row acts" },
          viewer.is_moderator &&
            !video.deleted_at &&
            h(
              "a",
              {
                class: "btn quiet",
                href: `/catalogue/${video.id}/edit`,
                "aria-label": `Edit ${video.title}`,
                data: { part: "edit" },
              },
              icon("pencil"),
              h("span", { class: "phone" }, "Edit"),
            ),
          h(
            "button",
            {
              class: "btn icon-only quiet more",
              type: "button",
              "aria-haspopup": "menu",
              "aria-expanded": "false",
              "aria-label": `More actions for ${video.title}`,
              data: { part: "more" },
              onclick: (/** @type {Event} */ event) =>
                this.onMore(this.video, /** @type {HTMLElement} */ (event.currentTarget)),
            },
            icon("more"),
          ),
        ),
    );
  }

  #meta() {
    const { video } = this;
    const came = new Date(video.created_at);
    return h(
      "p",
      { class: "meta" },
      h("time", { datetime: video.created_at, title: came.toLocaleString() }, formatDay(came)),
      " · ",
      h("span", { title: `${video.view_count}` }, formatViews(video.view_count)),
      ...(video.category ? [" · ", h("span", { dir: "auto" }, video.category)] : []),
      video.tags.length > 0 &&
        h(
          "span",
          { class: "card-extra" },
          ...video.tags.flatMap((tag, at) => [at ? ", " : " · ", h("span", { dir: "auto" }, tag)]),
        ),
    );
  }

  #marks() {
    const { video, viewer } = this;
    if (!viewer.is_moderator) return null;
    const told = listMarks(video);
    if (!told.length) return null;
    return h(
      "p",
      { class: "row wrap marks" },
      ...told.map(({ word, icon: picture, tone }) =>
        h("span", { class: `status ${tone}` }, icon(picture, tone === "run" ? "spin" : ""), word),
      ),
      video.error && h("span", { class: "text-small muted anywhere why" }, video.error.message),
    );
  }
}

/** @param {CatalogueVideo} video */
function describeVisibility(video) {
  return [
    video.title,
    video.status,
    video.error?.message,
    video.category,
    video.tags,
    video.is_featured,
    video.is_hidden,
    video.deleted_at !== null,
    video.view_count,
    Math.round(video.duration_exact),
    Boolean(video.video_url),
    getPicturePath(video.thumbnail_url ?? video.poster_url ?? ""),
  ];
}

/**
 * Return the last two path segments of a picture's URL, which do not contain its signature.
 * @param {string} address
 * @returns {string}
 */
function getPicturePath(address) {
  return address ? new URL(address, location.href).pathname.split("/").slice(-2).join("/") : "";
}
