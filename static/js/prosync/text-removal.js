// The options of text removal: a time range, and areas on the picture.

import { requireElement, setText } from "../base/dom.js";
import { RoiBox } from "../base/timer-box.js";
import { formatMoment, parseMoment } from "../base/format.js";
import { html, iconView, mount } from "../base/view.js";
import { fieldErrorView } from "./inspector.js";

/** @typedef {import("../base/timer-box.js").Box} Box */

const FIELDS = /** @type {const} */ (["start", "end"]);
const MOST = 20; // maximum number of areas that the API accepts
/** Usual area of subtitles, as fractions of the picture's width and height. */
const USUAL = Object.freeze({ x: 0.2, y: 0.8, width: 0.6, height: 0.14 });

export class Removal {
  /** @type {RoiBox[]} */ #drawn = [];
  /** @type {Box[]} */ #boxes = [];
  /** @type {{start: number|null, end: number|null}} */ #times = { start: null, end: null };
  /** Names of the fields whose text is not a valid time. @type {Set<string>} */ #wrong = new Set();
  #isLocked = false;

  /** @param {HTMLElement} root @param {HTMLElement} picture @param {() => void} onChange */
  constructor(root, picture, onChange) {
    this.root = root;
    this.picture = picture;
    this.onChange = onChange;
    this.drawError = mount(requireElement("[data-removal-says]", root));
    this.drawAreas = mount(requireElement("[data-places]", root));
    this.add = requireElement("[data-add-place]", root);
    this.check = /** @type {HTMLInputElement} */ (requireElement("[data-option=remove_text]", root));
    this.check.addEventListener("change", () => this.#changed());
    for (const name of FIELDS) this.#field(name).addEventListener("change", () => this.#typed(name));
    this.add.addEventListener("click", () => {
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
    const regions = this.#boxes;
    return { ...(start !== null && { start }), ...(end !== null && { end }), ...(regions.length && { regions }) };
  }

  /** @param {any} asked */
  take(asked) {
    this.check.checked = Boolean(asked);
    this.#boxes = structuredClone(asked?.regions ?? []);
    this.#times = { start: asked?.start ?? null, end: asked?.end ?? null };
    this.#wrong.clear();
    for (const name of FIELDS) {
      const seconds = this.#times[name];
      this.#field(name).value = seconds === null ? "" : formatMoment(seconds);
    }
  }

  /** @param {"start"|"end"} name */
  #typed(name) {
    const field = this.#field(name);
    const seconds = parseMoment(field.value);
    if (field.value.trim() && seconds === null) this.#wrong.add(name);
    else this.#wrong.delete(name);
    this.#times[name] = seconds;
    if (seconds !== null) field.value = formatMoment(seconds);
    this.#changed();
  }

  #changed() {
    this.draw();
    this.onChange();
  }

  /** @param {boolean} [isLocked] */
  draw(isLocked = this.#isLocked) {
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
    this.add.hidden = isLocked;
    setText(requireElement("span", this.add), this.#boxes.length ? "Add an area" : "Remove text only in an area");
    this.add.toggleAttribute("disabled", this.#boxes.length >= MOST);
    this.drawAreas(this.#boxes.map((box, at) => this.#areaView(box, at)));
    requireElement("[data-everywhere]", this.root).hidden = this.#boxes.length > 0;
    const { fault } = this;
    for (const name of FIELDS) this.#field(name).setAttribute("aria-invalid", String(Boolean(fault)));
    this.drawError(fault ? fieldErrorView(fault) : null);
  }

  /** @param {number} at */
  #box(at) {
    const one = new RoiBox(this.picture, requireElement("[data-before]", this.picture), {
      box: this.#boxes[at],
      onChange: (box) => {
        this.#boxes[at] = box;
        this.draw();
      },
    });
    const label = `Area ${at + 1}. Use the arrow keys to move it, and Shift with the arrow keys to resize it`;
    one.element.setAttribute("aria-label", label);
    return one;
  }

  /** @param {Box} box @param {number} at */
  #areaView({ x, y, width, height }, at) {
    const [left, top, w, h] = [x, y, width, height].map((share) => Math.round(share * 100));
    const remove = () => {
      this.#boxes.splice(at, 1);
      this.#changed();
      this.add.focus();
    };
    return html`
      <li class="row text-small">
        <span>Area ${at + 1}</span>
        <span class="mono muted spacer">left ${left} %, top ${top} %, size ${w} × ${h} %</span>
        ${
          this.#isLocked
            ? null
            : html`<button class="btn icon-only quiet" type="button" aria-label="Remove area ${at + 1}"
                @click=${remove}>${iconView("x")}</button>`
        }
      </li>`;
  }
}
