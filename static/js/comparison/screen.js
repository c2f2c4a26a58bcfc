// How much of the window the videos have. The side panel folds away. In full screen, and on a phone that is held
// sideways, the videos have all of it: the bars lie over them and hide while nothing is pressed.

import { need } from "../base/dom.js";
import { toast } from "../base/notice.js";

const HIDE_AFTER = 3000; // ms
const SIDE = "vod-compare-side";
// A window as low as that on a desk is a page that somebody has enlarged, who needs all controls.
const SIDEWAYS = "(orientation: landscape) and (max-height: 480px) and (pointer: coarse)";
const TAP = 10; // pixels that a finger moves at most
const BARS = ".top, .transport";
const MOVES = ["pointermove", "pointerdown", "keydown"];

export class Screen {
  #timer = 0;

  /** @param {() => boolean} isPlaying only then the bars hide by themselves */
  constructor(isPlaying) {
    this.isPlaying = isPlaying;
    this.sideways = matchMedia(SIDEWAYS);
    const stage = need("[data-stage]");
    for (const button of document.querySelectorAll("[data-act=side], [data-act=fold]"))
      button.addEventListener("click", () => this.toggleSide());
    document.addEventListener("fullscreenchange", () => this.#draw());
    this.sideways.addEventListener("change", () => this.#draw());
    // A finger on the videos shows and hides the bars; listened to before what is below, which shows them.
    let began = { x: 0, y: 0, wasHidden: false };
    const pressed = (/** @type {PointerEvent} */ { clientX: x, clientY: y }) =>
      (began = { x, y, wasHidden: "idle" in document.body.dataset });
    stage.addEventListener("pointerdown", pressed, true);
    stage.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
      const { pointerType, clientX, clientY } = event;
      if (/** @type {Element} */ (event.target).closest(".foot")) return; // a button
      const isTap = pointerType === "touch" && Math.hypot(clientX - began.x, clientY - began.y) < TAP;
      if (!isTap || !this.isImmersive || began.wasHidden) return;
      if (this.isSideShown) return this.toggleSide();
      leaveBars();
      this.#hide();
    });
    const bar = need(".top");
    new ResizeObserver(() => document.body.style.setProperty("--bar", `${bar.offsetHeight}px`)).observe(bar);
    for (const name of MOVES) document.addEventListener(name, () => this.#moved());
    // A tap gives the video the focus, which is no reason to show them.
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
      } catch {
        // A browser that keeps nothing shows the panel next time.
      }
    }
    this.#press();
  }

  /** The side panel is shown, whether it was folded away or not. */
  showSide() {
    if (!this.isSideShown) this.toggleSide();
  }

  async fullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else
      await document.documentElement
        .requestFullscreen()
        .catch(() => toast("This browser does not allow full screen here.", "warn"));
  }

  #draw() {
    document.body.toggleAttribute("data-immersive", this.isImmersive);
    if (this.isImmersive) {
      document.body.dataset.side = "away";
      leaveBars();
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
    // What has the focus is not taken out of sight, unless a finger or a mouse has left it there.
    const { activeElement: active } = document;
    if (active?.closest(".side, dialog") || (active?.closest(BARS) && active.matches(":focus-visible"))) return;
    document.body.dataset.idle = "";
  }
}

/** A button that keeps the focus after it was pressed would keep the bars in sight. */
function leaveBars() {
  if (document.activeElement?.closest(BARS)) /** @type {HTMLElement} */ (document.activeElement).blur();
}
