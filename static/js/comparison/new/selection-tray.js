// The slots A, B and C of the chosen recordings. Dragging or arrow keys reorder them.

import { h, icon, setText } from "../../base/dom.js";
import { formatDuration, formatTimeLeft } from "../../base/format.js";
import { LETTERS } from "../../videos/api.js";
import { createPicture } from "./recording-card.js";

/** @typedef {import("./selection.js").Recording} Recording */

const VACANT = ["Reference recording", "Second recording", "Third recording (optional)"];
/** @type {Record<string, number>} */ const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

export class Tray {
  /** True while a slot is dragged; a redraw would end the drag. */ #isHeld = false;

  /**
   * @param {HTMLElement} list
   * @param {import("./selection.js").Choice} choice
   * @param {object} act
   * @param {(recording: Recording) => void} act.remove
   * @param {(recording: Recording) => void} act.tryAgain
   * @param {(words: string) => void} act.say Function that announces a text to screen readers.
   */
  constructor(list, choice, act) {
    this.list = list;
    this.choice = choice;
    this.act = act;
    choice.addEventListener("change", () => this.draw());
    this.draw();
  }

  draw() {
    if (this.#isHeld) return;
    const focused = /** @type {HTMLElement|null} */ (document.activeElement);
    const [part, key] = this.list.contains(focused)
      ? [focused?.dataset.part, focused?.closest("li")?.getAttribute("data-key")]
      : [];
    const { recordings } = this.choice;
    this.list.replaceChildren(
      ...LETTERS.map((letter, at) =>
        recordings[at]
          ? this.#slot(recordings[at], at)
          : h("li", { class: "vacant", data: { letter } }, h("span", { class: "letter-badge" }, letter), VACANT[at]),
      ),
    );
    if (!part) return;
    const place = key && this.list.querySelector(`[data-key="${CSS.escape(key)}"] [data-part=${part}]`);
    /** @type {HTMLElement|null} */ (place || this.list.querySelector(`[data-part=${part}]`))?.focus();
  }

  /** @param {Recording} recording */
  progress(recording) {
    const slot = this.list.querySelector(`[data-key="${CSS.escape(recording.key)}"]`);
    const words = slot?.querySelector("[data-words]");
    if (!words) return;
    setText(words, describeRecording(recording));
    const bar = /** @type {HTMLProgressElement|null} */ (slot?.querySelector("progress") ?? null);
    if (bar) bar.value = getUploadedShare(recording);
  }

  /** @param {Recording} recording @param {number} at */
  #slot(recording, at) {
    const { name, video, failure } = recording;
    const letter = LETTERS[at];
    const isComing = !recording.isReady && !failure;
    const hold = h(
      "button",
      {
        class: "hold",
        type: "button",
        "aria-label": `Reorder ${letter} (${name}) with the arrow keys`,
        title: "Drag or use the arrow keys to reorder",
        data: { part: "hold" },
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#step(event, recording, at),
      },
      icon("grip"),
    );
    const slot = h(
      "li",
      { class: "slot", data: { letter, key: recording.key } },
      hold,
      h("span", { class: "letter-badge" }, letter),
      video ? createPicture(video) : h("span", { class: "picture dark none" }, icon("film")),
      h("b", { class: "truncate name", dir: "auto", title: name }, name),
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          "aria-label": `Remove ${letter}, ${name}`,
          data: { part: "remove" },
          onclick: () => this.act.remove(recording),
        },
        icon("x"),
      ),
      h(
        "span",
        { class: `about text-small ${failure ? "status bad" : "faint"}` },
        isComing &&
          recording.transfer &&
          h("progress", { class: "bar", max: "1", value: String(getUploadedShare(recording)) }),
        failure && icon("alert"),
        h("span", { data: { words: "" }, title: failure || null }, failure || describeRecording(recording, at)),
        (failure || recording.transfer?.state === "paused") &&
          recording.transfer &&
          h(
            "button",
            { class: "again", type: "button", data: { part: "again" }, onclick: () => this.act.tryAgain(recording) },
            "Retry",
          ),
      ),
    );
    hold.addEventListener("pointerdown", (event) => this.#drag(event, slot, recording, at));
    return slot;
  }

  /** @param {KeyboardEvent} event @param {Recording} recording @param {number} at */
  #step(event, recording, at) {
    const by = STEPS[event.key];
    if (!by) return;
    event.preventDefault();
    this.#move(recording, at + by);
  }

  /** @param {Recording} recording @param {number} to */
  #move(recording, to) {
    if (to < 0 || to >= this.choice.recordings.length) return;
    this.choice.move(recording.key, to);
    this.act.say(`${recording.name} is now ${LETTERS[to]}.`);
  }

  /**
   * Drag a recording; on release, move it to the nearest slot.
   * @param {PointerEvent} event
   * @param {HTMLElement} slot
   * @param {Recording} recording
   * @param {number} at
   */
  #drag(event, slot, recording, at) {
    if (event.button !== 0) return;
    const hold = /** @type {HTMLElement} */ (event.currentTarget);
    hold.setPointerCapture(event.pointerId);
    const middles = [...this.list.children].slice(0, this.choice.recordings.length).map((place) => {
      const { left, top, width, height } = place.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    });
    const end = new AbortController();
    let to = at;
    this.#isHeld = true;
    const stop = () => {
      end.abort();
      this.#isHeld = false;
      delete slot.dataset.dragged;
      for (const place of this.list.children) place.removeAttribute("data-target");
    };
    const options = { signal: end.signal };
    hold.addEventListener(
      "pointermove",
      (e) => {
        const [dx, dy] = [e.clientX - event.clientX, e.clientY - event.clientY];
        slot.dataset.dragged = "";
        slot.style.setProperty("--dx", `${dx}px`);
        slot.style.setProperty("--dy", `${dy}px`);
        const far = middles.map(({ x, y }) => Math.hypot(middles[at].x + dx - x, middles[at].y + dy - y));
        to = far.indexOf(Math.min(...far));
        [...this.list.children].forEach((place, index) =>
          place.toggleAttribute("data-target", index === to && index !== at),
        );
      },
      options,
    );
    hold.addEventListener(
      "pointerup",
      () => {
        stop();
        if (to === at) this.draw();
        else this.#move(recording, to);
      },
      options,
    );
    hold.addEventListener(
      "pointercancel",
      () => {
        stop();
        this.draw();
      },
      options,
    );
  }
}

/** Return the uploaded share of a recording, 0 to 1. @param {Recording} recording @returns {number} */
function getUploadedShare({ transfer }) {
  return transfer?.size ? transfer.sent / transfer.size : 1;
}

/**
 * @param {Recording} recording
 * @param {number} [at]
 * @returns {string}
 */
function describeRecording(recording, at) {
  const { transfer, video, isReady } = recording;
  if (isReady) {
    const length = video?.duration_exact ? formatDuration(video.duration_exact) : "";
    return [length, at === 0 && "reference"].filter(Boolean).join(", ");
  }
  if (!transfer || transfer.state === "processing" || transfer.state === "ready") return "Processing";
  const percent = `${Math.floor(100 * getUploadedShare(recording))} %`;
  if (transfer.state === "offline") return `${percent}, waiting for the network`;
  if (transfer.state === "paused") return `${percent}, paused`;
  const left = transfer.speed > 0 ? formatTimeLeft((transfer.size - transfer.sent) / transfer.speed) : "";
  return [`Uploading, ${percent}`, left].filter(Boolean).join(", ");
}
