// The options of text removal: a time range, and areas on the picture.

import { h, icon, requireElement, setText } from "../base/dom.js";
import { RoiBox } from "../base/timer-box.js";
import { formatMoment, parseMoment } from "../base/format.js";

/** @typedef {import("../base/timer-box.js").Box} Box */

const MOST = 20; // maximum number of areas that the API accepts
/** Usual area of subtitles, as fractions of the picture's width and height. */
const USUAL = Object.freeze({ x: 0.2, y: 0.8, width: 0.6, height: 0.14 });

export class Removal {
  /** @type {RoiBox[]} */ #drawn = [];
  /** @type {Box[]} */ #boxes = [];
  /** @type {{start: number|null, end: number|null}} */ #times = { start: null, end: null };
  /** Names of the fields whose text is not a valid time. @type {Set<string>} */ #wrong = new Set();
  #isLocked = false;

  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} picture
   * @param {{onChange: () => void}} told
   */
  constructor(root, picture, told) {
    this.root = root;
    this.picture = picture;
    this.told = told;
    this.check = /** @type {HTMLInputElement} */ (requireElement("[data-option=remove_text]", root));
    this.check.addEventListener("change", () => this.#changed());
    for (const name of /** @type {const} */ (["start", "end"]))
      this.#field(name).addEventListener("change", () => this.#typed(name));
    requireElement("[data-add-place]", root).addEventListener("click", () => {
      this.#boxes.push(USUAL);
      this.#changed();
      this.#drawn.at(-1)?.element.focus();
    });
  }

  /** @param {"start"|"end"} name @returns {HTMLInputElement} */
  #field(name) {
    return requireElement(`[data-removal-field=${name}]`, this.root);
  }

  /** Message about an error in the options; empty if the options can be sent. */
  get fault() {
    const { start, end } = this.#times;
    if (!this.check.checked) return "";
    if (this.#wrong.size) return "Enter a time such as 0:38.600 or 38.6.";
    return end !== null && end <= (start ?? 0) ? "The end must be after the start." : "";
  }

  /** Options of text removal for the API; undefined if text removal is switched off. @returns {any} */
  get asked() {
    if (!this.check.checked) return undefined;
    const { start, end } = this.#times;
    return {
      ...(start === null ? {} : { start }),
      ...(end === null ? {} : { end }),
      ...(this.#boxes.length ? { regions: this.#boxes } : {}),
    };
  }

  /** @param {any} asked */
  take(asked) {
    this.check.checked = Boolean(asked);
    this.#boxes = structuredClone(asked?.regions ?? []);
    this.#times = { start: asked?.start ?? null, end: asked?.end ?? null };
    this.#wrong.clear();
    for (const name of /** @type {const} */ (["start", "end"]))
      this.#field(name).value =
        this.#times[name] === null ? "" : formatMoment(/** @type {number} */ (this.#times[name]));
  }

  /** @param {"start"|"end"} name */
  #typed(name) {
    const { value } = this.#field(name);
    const seconds = value.trim() === "" ? null : parseMoment(value);
    if (value.trim() !== "" && seconds === null) this.#wrong.add(name);
    else this.#wrong.delete(name);
    this.#times[name] = seconds;
    if (seconds !== null) this.#field(name).value = formatMoment(seconds);
    this.#changed();
  }

  #changed() {
    this.draw({ isLocked: this.#isLocked });
    this.told.onChange();
  }

  /** @param {{isLocked: boolean}} about */
  draw({ isLocked }) {
    this.#isLocked = isLocked;
    const isOn = this.check.checked;
    requireElement("[data-removal]", this.root).hidden = !isOn;
    const count = isOn && !isLocked ? this.#boxes.length : 0;
    while (this.#drawn.length > count) this.#drawn.pop()?.dispose();
    while (this.#drawn.length < count) this.#drawn.push(this.#box(this.#drawn.length));
    this.#drawn.forEach((one, at) => {
      one.box = this.#boxes[at];
      one.say(String(at + 1));
    });
    const add = requireElement("[data-add-place]", this.root);
    add.hidden = isLocked;
    setText(requireElement("span", add), this.#boxes.length ? "Add an area" : "Remove text only in an area");
    add.toggleAttribute("disabled", this.#boxes.length >= MOST);
    const list = requireElement("[data-places]", this.root);
    const drawn = JSON.stringify([this.#boxes.length, isLocked]);
    if (list.dataset.drawn !== drawn) list.replaceChildren(...this.#boxes.map((_, at) => this.#line(at)));
    list.dataset.drawn = drawn;
    this.#boxes.forEach((box, at) => setText(requireElement(".mono", list.children[at]), describeBox(box)));
    requireElement("[data-everywhere]", this.root).hidden = this.#boxes.length > 0;
    const { fault } = this;
    const says = requireElement("[data-removal-says]", this.root);
    for (const name of /** @type {const} */ (["start", "end"]))
      this.#field(name).setAttribute("aria-invalid", String(Boolean(fault)));
    if (says.textContent !== fault)
      says.replaceChildren(...(fault ? [h("p", { class: "field-error" }, icon("alert"), fault)] : []));
  }

  /** @param {number} at */
  #box(at) {
    const one = new RoiBox(this.picture, requireElement("[data-before]", this.picture), {
      box: this.#boxes[at],
      onChange: (box) => {
        this.#boxes[at] = box;
        this.draw({ isLocked: this.#isLocked });
      },
    });
    one.element.setAttribute(
      "aria-label",
      `Area ${at + 1}. Use the arrow keys to move it, and Shift with the arrow keys to resize it`,
    );
    return one;
  }

  /** @param {number} at */
  #line(at) {
    return h(
      "li",
      { class: "row text-small" },
      h("span", {}, `Area ${at + 1}`),
      h("span", { class: "mono muted spacer" }),
      !this.#isLocked &&
        h(
          "button",
          {
            class: "btn icon-only quiet",
            type: "button",
            "aria-label": `Remove area ${at + 1}`,
            onclick: () => {
              this.#boxes.splice(at, 1);
              this.#changed();
              requireElement("[data-add-place]", this.root).focus();
            },
          },
          icon("x"),
        ),
    );
  }
}

/**
 * Describe an area by its upper left corner and size in percent.
 * @param {Box} box
 * @returns {string}
 */
const describeBox = ({ x, y, width, height }) =>
  `left ${Math.round(x * 100)} %, top ${Math.round(y * 100)} %, size ${Math.round(width * 100)} × ${Math.round(height * 100)} %`;
