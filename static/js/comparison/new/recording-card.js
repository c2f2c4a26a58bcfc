// The card of a recording that the user can choose: a library video with its picture, or a file of a folder.

import { h, icon, requireElement, setText } from "../../base/dom.js";
import { formatDuration } from "../../base/format.js";
import { isSelectable } from "../../library/video-card.js";
import { formatBytes, formatDay } from "../../videos/api.js";
import { createPoster } from "../../videos/thumbnail.js";

/**
 * @typedef {import("../../videos/api.js").Video & {thumbnail_url?: string|null}} Video
 * @typedef {import("./selection.js").FolderFile} FolderFile
 */

export class ChoiceCard {
  /** @type {HTMLInputElement} */ title;

  /**
   * @param {{id: string, video?: Video, file?: FolderFile}} item
   * @param {(chosen: boolean) => void} onPick
   */
  constructor({ id, video, file }, onPick) {
    this.id = id;
    this.onPick = onPick;
    this.video = video ?? null;
    this.file = file ?? null;
    this.element = h("li", { class: "card", data: { video: id } });
    this.title = this.#draw();
  }

  get name() {
    return this.video?.title ?? this.file?.path.split("/").pop() ?? "";
  }

  /** @param {Video} video */
  renew(video) {
    const hadFocus = document.activeElement === this.title;
    this.video = video;
    this.title = this.#draw();
    if (hadFocus) this.title.focus();
  }

  /** @param {string} letter @param {boolean} isFull */
  mark(letter, isFull) {
    const { element, title } = this;
    element.toggleAttribute("data-sel", letter !== "");
    if (letter) element.dataset.letter = letter;
    else delete element.dataset.letter;
    title.checked = letter !== "";
    title.disabled = !letter && (isFull || (this.video !== null && !isSelectable(this.video)));
    title.setAttribute("aria-label", letter ? `${this.name}, chosen as ${letter}` : `Choose ${this.name}`);
    const badge = requireElement(".letter-badge", element);
    badge.hidden = !letter;
    setText(badge, letter);
  }

  #draw() {
    const pick = h(
      "span",
      { class: "pick" },
      h("span", { class: "letter-badge", hidden: true, "aria-hidden": "true" }),
      h("input", {
        type: "checkbox",
        data: { part: "pick" },
        onchange: (/** @type {Event} */ event) => this.onPick(/** @type {HTMLInputElement} */ (event.target).checked),
      }),
    );
    const label = this.video
      ? h(
          "label",
          {},
          pick,
          createPicture(this.video),
          h("b", { class: "lines", dir: "auto" }, this.name),
          this.#meta(),
        )
      : h(
          "label",
          { class: "line" },
          pick,
          h("b", { class: "truncate", dir: "auto", title: this.file?.path }, this.name),
          h("span", { class: "folder truncate text-small faint", dir: "auto" }, this.#folder()),
          h("span", { class: "mono text-small faint" }, formatBytes(this.file?.size ?? 0)),
        );
    this.element.replaceChildren(label);
    return /** @type {HTMLInputElement} */ (requireElement("input", label));
  }

  #folder() {
    const path = this.file?.path ?? "";
    return path.slice(0, -this.name.length - 1) || "/";
  }

  #meta() {
    const { created_at: came, status, tags } = /** @type {Video} */ (this.video);
    if (status === "failed") return h("span", { class: "meta status bad" }, icon("alert"), "Video cannot be used");
    if (status !== "ready") return h("span", { class: "meta status run" }, icon("run", "spin"), "Processing");
    return h(
      "span",
      { class: "meta row" },
      h("time", { datetime: came, title: new Date(came).toLocaleString() }, formatDay(new Date(came))),
      h("span", { class: "spacer" }),
      tags.length > 0 && h("span", { class: "tag truncate", dir: "auto" }, tags[0]),
    );
  }
}

/** @param {Video} video */
export function createPicture(video) {
  const address = video.thumbnail_url || video.poster_url;
  return h(
    "span",
    { class: "picture dark" },
    createPoster(address),
    video.duration_exact > 0 &&
      h(
        "span",
        { class: "overlay bottom-end" },
        h("span", { class: "visually-hidden" }, "Length "),
        formatDuration(video.duration_exact),
      ),
  );
}
