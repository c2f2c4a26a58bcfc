// The slots A, B and C of the chosen recordings. Dragging or arrow keys reorder them.

import { formatDuration, formatTimeLeft } from "../../base/format.js";
import { html, iconView, mount, nothing, repeat } from "../../base/view.js";
import { LETTERS } from "../../videos/api.js";
import { pictureView } from "./recording-card.js";

/** @typedef {import("./selection.js").Recording} Recording */

const VACANT = ["Reference recording", "Second recording", "Third recording (optional)"];
/** @type {Record<string, number>} */ const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

export class Tray {
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
    this.root = mount(list);
    this.choice = choice;
    this.act = act;
    choice.addEventListener("change", () => this.draw());
    this.draw();
  }

  draw() {
    const focused = /** @type {HTMLElement|null} */ (document.activeElement);
    const part = this.list.contains(focused) && focused?.dataset.part;
    const { recordings } = this.choice;
    this.root(html`
      ${repeat(
        recordings,
        (recording) => recording,
        (recording) => this.#slotView(recording, recordings.indexOf(recording)),
      )}
      ${LETTERS.slice(recordings.length).map(
        (letter) => html`<li class="vacant" data-letter=${letter}
          ><span class="letter-badge">${letter}</span>${VACANT[LETTERS.indexOf(letter)]}</li>`,
      )}`);
    // A slot that moves in the document loses the focus.
    if (!part || document.activeElement === focused) return;
    const place = focused?.isConnected ? focused : this.list.querySelector(`[data-part=${part}]`);
    /** @type {HTMLElement|null} */ (place)?.focus();
  }

  /** @param {Recording} recording @param {number} at */
  #slotView(recording, at) {
    const { name, video, failure, transfer } = recording;
    const letter = LETTERS[at];
    return html`<li class="slot" data-letter=${letter} data-key=${recording.key}>
      <button class="hold" type="button" aria-label="Reorder ${letter} (${name}) with the arrow keys"
        title="Drag or use the arrow keys to reorder" data-part="hold"
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.#step(event, recording, at)}
        @pointerdown=${(/** @type {PointerEvent} */ event) => this.#drag(event, recording, at)}
        >${iconView("grip")}</button>
      <span class="letter-badge">${letter}</span>
      ${video ? pictureView(video) : html`<span class="picture dark none">${iconView("film")}</span>`}
      <b class="truncate name" dir="auto" title=${name}>${name}</b>
      <button class="btn icon-only quiet" type="button" aria-label="Remove ${letter}, ${name}" data-part="remove"
        @click=${() => this.act.remove(recording)}>${iconView("x")}</button>
      <span class="about text-small ${failure ? "status bad" : "faint"}">
        ${
          !recording.isReady && !failure && transfer
            ? html`<progress class="bar" max="1" .value=${getUploadedShare(recording)}></progress>`
            : null
        }
        ${failure ? iconView("alert") : null}
        <span data-words title=${failure || nothing}>${failure || describeRecording(recording, at)}</span>
        ${
          transfer && (failure || transfer.state === "paused")
            ? html`<button class="again" type="button" data-part="again"
                @click=${() => this.act.tryAgain(recording)}>Retry</button>`
            : null
        }
      </span>
    </li>`;
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
   * @param {Recording} recording
   * @param {number} at
   */
  #drag(event, recording, at) {
    if (event.button !== 0) return;
    const hold = /** @type {HTMLElement} */ (event.currentTarget);
    const places = /** @type {HTMLElement[]} */ ([...this.list.children]);
    const slot = places[at];
    hold.setPointerCapture(event.pointerId);
    const middles = places.slice(0, this.choice.recordings.length).map((place) => {
      const { left, top, width, height } = place.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    });
    const end = new AbortController();
    let to = at;
    const move = (/** @type {PointerEvent} */ { clientX, clientY }) => {
      const [dx, dy] = [clientX - event.clientX, clientY - event.clientY];
      slot.dataset.dragged = "";
      slot.style.setProperty("--dx", `${dx}px`);
      slot.style.setProperty("--dy", `${dy}px`);
      const far = middles.map(({ x, y }) => Math.hypot(middles[at].x + dx - x, middles[at].y + dy - y));
      to = far.indexOf(Math.min(...far));
      for (const [index, place] of places.entries()) place.toggleAttribute("data-target", index === to && index !== at);
    };
    const stop = () => {
      end.abort();
      delete slot.dataset.dragged;
      for (const place of places) place.removeAttribute("data-target");
    };
    const release = () => {
      stop();
      if (to !== at) this.#move(recording, to);
    };
    hold.addEventListener("pointermove", move, { signal: end.signal });
    hold.addEventListener("pointerup", release, { signal: end.signal });
    hold.addEventListener("pointercancel", stop, { signal: end.signal });
  }
}

/** Return the uploaded share of a recording, 0 to 1. @param {Recording} recording @returns {number} */
function getUploadedShare({ transfer }) {
  return transfer?.size ? transfer.sent / transfer.size : 1;
}

/** @param {Recording} recording @param {number} at @returns {string} */
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
