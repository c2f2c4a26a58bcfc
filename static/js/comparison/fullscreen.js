// The folding side panel, and full screen. In full screen, the top and bottom bars lie over the videos. On a phone in
// landscape, the bottom bar is below the videos, and a button opens the top bar. Both hide when there is no input.

import { requireElement } from "../base/dom.js";
import { showToast } from "../base/notice.js";

const HIDE_AFTER = 3000; // ms without input after which the bars hide
const SIDE = "vod-compare-side";
// Match only touch screens: on a desktop, only browser zoom makes the window so low, and its user needs all controls.
const SIDEWAYS = "(orientation: landscape) and (max-height: 480px) and (pointer: coarse)";
const TAP = 10;
const BARS = ".top, .transport";
const MOVES = ["pointermove", "pointerdown", "keydown"];

export class Screen {
  #timer = 0;

  /** @param {() => boolean} isPlaying Function that returns whether the videos play; bars hide only then. */
  constructor(isPlaying) {
    this.isPlaying = isPlaying;
    this.more = requireElement("[data-act=bars]");
    this.more.addEventListener("click", () => this.#showBars(!("bars" in document.body.dataset)));
    this.sideways = matchMedia(SIDEWAYS);
    const stage = requireElement("[data-stage]");
    for (const button of document.querySelectorAll("[data-act=side], [data-act=fold]"))
      button.addEventListener("click", () => this.toggleSide());
    document.addEventListener("fullscreenchange", () => this.#draw());
    this.sideways.addEventListener("change", () => this.#draw());
    // A tap on the videos shows or hides the bars. These listeners capture the event, so that they run before the
    // listeners that show the bars.
    let began = { x: 0, y: 0, wasHidden: false };
    const pressed = (/** @type {PointerEvent} */ { clientX: x, clientY: y }) =>
      (began = { x, y, wasHidden: "idle" in document.body.dataset });
    stage.addEventListener("pointerdown", pressed, true);
    stage.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
      const { pointerType, clientX, clientY } = event;
      if (/** @type {Element} */ (event.target).closest(".foot")) return;
      const isTap = pointerType === "touch" && Math.hypot(clientX - began.x, clientY - began.y) < TAP;
      if (!isTap || !this.isImmersive || began.wasHidden) return;
      if (this.isSideShown) return this.toggleSide();
      if ("bars" in document.body.dataset) return this.#showBars(false);
      blurBars();
      this.#hide();
    });
    for (const [name, bar] of Object.entries({ bar: requireElement(".top"), under: requireElement(".transport") }))
      new ResizeObserver(() => {
        document.body.style.setProperty(`--${name}`, `${bar.offsetHeight}px`);
        // Turning a phone changes the height of the top bar and of the playback bar. Scroll the focused field into
        // view, because one of the bars could cover the field.
        if (isWritingAside()) document.activeElement?.scrollIntoView({ block: "nearest" });
      }).observe(bar);
    for (const name of MOVES) document.addEventListener(name, () => this.#moved());
    // Listen for focus only inside the bars: a tap on a video also moves the focus, but must not show the bars.
    for (const bar of document.querySelectorAll(BARS)) bar.addEventListener("focusin", () => this.#moved());
    this.#draw();
  }

  get isImmersive() {
    return document.fullscreenElement !== null || this.sideways.matches;
  }

  get isSideShown() {
    return this.isImmersive ? document.body.dataset.side === "over" : document.body.dataset.side !== "away";
  }

  toggleSide() {
    const isShown = !this.isSideShown;
    if (this.isImmersive) document.body.dataset.side = isShown ? "over" : "away";
    else {
      document.body.dataset.side = isShown ? "" : "away";
      try {
        localStorage.setItem(SIDE, document.body.dataset.side);
      } catch {}
    }
    this.#press();
  }

  showSide() {
    if (!this.isSideShown) this.toggleSide();
  }

  async fullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else
      await document.documentElement
        .requestFullscreen()
        .catch(() => showToast("This browser does not allow full screen here.", "warn"));
  }

  /** Show or hide the top bar and the buttons on the videos, on a phone in landscape. @param {boolean} isShown */
  #showBars(isShown) {
    document.body.toggleAttribute("data-bars", isShown);
    this.more.setAttribute("aria-expanded", String(isShown));
  }

  #draw() {
    this.#showBars(false);
    document.body.toggleAttribute("data-immersive", this.isImmersive);
    if (this.isImmersive) {
      document.body.dataset.side = isWritingAside() ? "over" : "away";
      blurBars();
    } else
      try {
        document.body.dataset.side = localStorage.getItem(SIDE) ?? "";
      } catch {
        document.body.dataset.side = "";
      }
    this.#press();
    this.#moved();
  }

  #press() {
    for (const button of document.querySelectorAll("[data-act=side]"))
      button.setAttribute("aria-pressed", String(this.isSideShown));
  }

  #moved() {
    delete document.body.dataset.idle;
    clearTimeout(this.#timer);
    if (this.isImmersive) this.#timer = window.setTimeout(() => this.isPlaying() && this.#hide(), HIDE_AFTER);
  }

  #hide() {
    const { activeElement: active } = document;
    if (active?.closest(".side, dialog") || (active?.closest(BARS) && active.matches(":focus-visible"))) return;
    document.body.dataset.idle = "";
  }
}

/**
 * Return whether the user is typing in the side panel. If so, the panel stays open when full screen begins or a phone
 * is turned to landscape.
 */
function isWritingAside() {
  return Boolean(document.activeElement?.matches(".side :is(input, textarea)"));
}

function blurBars() {
  if (document.activeElement?.closest(BARS)) /** @type {HTMLElement} */ (document.activeElement).blur();
}
