// The fields of the selected segment, with errors and buttons that correct them.

import { requireElement, setIcon, setText } from "../base/dom.js";
import { formatMoment, parseMoment } from "../base/format.js";
import { html, iconView, mount } from "../base/view.js";
import { getState } from "./status-text.js";

/** @typedef {import("./segments.js").Segment} Segment */
/** @typedef {import("./segments.js").Fault} Fault */

const FIELDS = /** @type {const} */ (["start", "end", "from", "to"]);
/** Fields of a segment, by the input that shows their errors. @type {Record<string, Fault["field"][]>} */
const PLACES = { start: ["start", "end"], sound: ["sound"], from: ["from", "to"] };

export class Inspector {
  /** Id of the shown segment. @type {number|null} */ #shown = null;

  /** @param {HTMLElement} panel @param {import("./page.js").Page} page */
  constructor(panel, page) {
    this.panel = panel;
    this.page = page;
    this.drawSounds = mount(this.#field("sound"));
    this.errors = Object.entries(PLACES).map(([place, names]) => ({
      names,
      draw: mount(requireElement(`[data-says=${place}]`, panel)),
    }));
    for (const name of FIELDS) this.#field(name).addEventListener("change", () => this.#typed(name));
    const [sound, label] = [this.#field("sound"), this.#field("label")];
    sound.addEventListener("change", () => this.#change({ sound: Number(sound.value) || null, from: null, to: null }));
    label.addEventListener("input", () => this.#change({ label: label.value.trim() }));
    requireElement("[data-delete-segment]", panel).addEventListener("click", () => page.remove());
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #field(name) {
    return requireElement(`[data-field=${name}]`, this.panel);
  }

  /** @param {"start"|"end"|"from"|"to"} name */
  #typed(name) {
    const field = this.#field(name);
    const isCrop = name === "from" || name === "to";
    if (isCrop && field.value.trim() === "") return this.#change({ [name]: null });
    const seconds = parseMoment(field.value);
    if (seconds !== null) return this.#change({ [name]: seconds });
    field.setAttribute("aria-invalid", "true");
    const place = this.errors.find(({ names }) => names.includes(name));
    place?.draw(fieldErrorView("Enter a time such as 0:38.600 or 38.6."));
  }

  /** @param {Partial<Segment>} change */
  #change(change) {
    if (this.page.selected !== null) this.page.change(this.page.selected, change);
  }

  /** @param {Segment|null} segment @param {number} at Number of the segment. @param {string} result */
  draw(segment, at, result) {
    const { faults, isLocked } = this.page;
    const { all: sounds } = this.page.sounds;
    const state = segment && getState(this.page.getStatus(segment));
    requireElement("[data-none]", this.panel).hidden = segment !== null;
    requireElement("[data-some]", this.panel).hidden = segment === null;
    requireElement("[data-delete-segment]", this.panel).hidden = segment === null || isLocked;
    setText(requireElement("h2", this.panel), segment ? `Segment ${at}` : "Segment");
    const sign = requireElement("[data-segment-state]", this.panel);
    sign.hidden = !state;
    if (state) {
      sign.className = `status ${state.tone}`;
      setIcon(sign, state.sign);
      setText(requireElement("span", sign), state.word);
    }
    const mark = requireElement("[data-number]", this.panel);
    mark.hidden = !segment;
    const isOther = this.#shown !== segment?.id;
    this.#shown = segment?.id ?? null;
    if (!segment) return;
    setText(mark, String(at));
    mark.dataset.sound = String(((this.page.sounds.number(segment.sound) - 1) % 6) + 1);
    const own = sounds.find((sound) => sound.id === segment.sound);
    this.#field("from").placeholder = formatMoment(0);
    this.#field("to").placeholder = own?.duration ? formatMoment(own.duration) : "end";
    for (const name of /** @type {const} */ ([...FIELDS, "label"])) {
      const value = segment[name];
      const field = this.#field(name);
      // Do not overwrite a field while the user is typing.
      if (isOther || document.activeElement !== field)
        field.value = typeof value === "number" ? formatMoment(value) : (value ?? "");
    }
    this.drawSounds(html`
      <option value="">Choose a sound</option>
      ${sounds.map((sound, place) => html`<option value=${sound.id}>${place + 1}, ${sound.name}</option>`)}`);
    this.#field("sound").value = String(own?.id ?? "");
    for (const field of this.panel.querySelectorAll("[data-field]")) field.toggleAttribute("disabled", isLocked);
    for (const { names, draw } of this.errors) {
      const found = faults.filter((fault) => fault.segment === segment.id && names.includes(fault.field));
      for (const name of names)
        this.#field(name).setAttribute("aria-invalid", String(found.some((fault) => fault.field === name)));
      draw(found.map((fault) => [fieldErrorView(fault.text), this.#mendView(fault)]));
    }
    const told = requireElement("[data-done]", this.panel);
    told.hidden = !result;
    setText(requireElement("p", told), result);
  }

  /** @param {Fault} fault */
  #mendView({ field, mend }) {
    if (!mend) return null;
    const correct = () => {
      this.#change(mend.change);
      this.#field(field).focus(); // move the focus, because the focused button disappears with the error
    };
    return html`<button class="btn" type="button" @click=${correct}>${mend.label}</button>`;
  }
}

/** @param {string} text */
export const fieldErrorView = (text) => html`<p class="field-error">${iconView("alert")}${text}</p>`;
