// The fields of the selected segment, with errors and buttons that correct them.

import { h, icon, requireElement, setIcon, setText } from "../base/dom.js";
import { formatMoment, parseMoment } from "../base/format.js";

/** @typedef {import("./segments.js").Segment} Segment */
/** @typedef {import("./segments.js").Fault} Fault */

const FIELDS = /** @type {const} */ (["start", "end", "from", "to"]);

export class Inspector {
  /** @type {Segment|null} */ #shown = null;
  #choices = "";

  /**
   * @param {HTMLElement} panel
   * @param {{onChange: (change: Partial<Segment>) => void, onDelete: () => void}} told
   */
  constructor(panel, told) {
    this.panel = panel;
    this.told = told;
    for (const name of FIELDS) this.#field(name).addEventListener("change", () => this.#typed(name));
    this.#field("sound").addEventListener("change", () =>
      told.onChange({ sound: Number(this.#field("sound").value) || null, from: null, to: null }),
    );
    this.#field("label").addEventListener("input", () => told.onChange({ label: this.#field("label").value.trim() }));
    requireElement("[data-delete-segment]", panel).addEventListener("click", () => told.onDelete());
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (requireElement(`[data-field=${name}]`, this.panel));
  }

  /** @param {"start"|"end"|"from"|"to"} name */
  #typed(name) {
    const field = this.#field(name);
    const isCrop = name === "from" || name === "to";
    if (isCrop && field.value.trim() === "") return this.told.onChange({ [name]: null });
    const seconds = parseMoment(field.value);
    if (seconds === null) return this.#refuse(name, "Enter a time such as 0:38.600 or 38.6.");
    this.told.onChange({ [name]: seconds });
  }

  /** @param {string} name @param {string} text */
  #refuse(name, text) {
    this.#field(name).setAttribute("aria-invalid", "true");
    const place = requireElement(`[data-says=${name === "to" ? "from" : name === "end" ? "start" : name}]`, this.panel);
    place.dataset.said = text;
    place.replaceChildren(createFieldError(text));
  }

  /**
   * @param {Segment|null} segment
   * @param {object} about
   * @param {number} about.at
   * @param {Fault[]} about.faults
   * @param {import("./segments.js").Sound[]} about.sounds
   * @param {(id: number|null) => number} about.number
   * @param {boolean} about.isLocked
   * @param {string} about.done
   * @param {{sign: string, tone: string, word: string}|null} about.state
   */
  show(segment, { at, faults, sounds, number, isLocked, done, state }) {
    requireElement("[data-none]", this.panel).hidden = segment !== null;
    requireElement("[data-some]", this.panel).hidden = segment === null;
    requireElement("[data-delete-segment]", this.panel).hidden = segment === null || isLocked;
    setText(requireElement("h2", this.panel), segment ? `Segment ${at}` : "Segment");
    const sign = requireElement("[data-segment-state]", this.panel);
    sign.hidden = !segment || !state;
    if (state) {
      sign.className = `status ${state.tone}`;
      setIcon(sign, state.sign);
      setText(requireElement("span", sign), state.word);
    }
    const mark = requireElement("[data-number]", this.panel);
    mark.hidden = !segment;
    if (!segment) {
      this.#shown = null;
      return;
    }
    setText(mark, String(at));
    mark.dataset.sound = String(((number(segment.sound) - 1) % 6) + 1);
    const isOther = this.#shown?.id !== segment.id;
    this.#shown = segment;
    this.#set("start", formatMoment(segment.start), isOther);
    this.#set("end", formatMoment(segment.end), isOther);
    this.#set("from", segment.from === null ? "" : formatMoment(segment.from), isOther);
    this.#set("to", segment.to === null ? "" : formatMoment(segment.to), isOther);
    this.#set("label", segment.label, isOther);
    const own = sounds.find((sound) => sound.id === segment.sound);
    this.#field("from").placeholder = formatMoment(0);
    this.#field("to").placeholder = own?.duration ? formatMoment(own.duration) : "end";
    const choice = /** @type {any} */ (this.#field("sound"));
    // Keep unchanged options: replacing them would close an open list.
    const choices = JSON.stringify(sounds.map((sound) => [sound.id, sound.name]));
    if (choices !== this.#choices)
      choice.replaceChildren(
        h("option", { value: "" }, "Choose a sound"),
        ...sounds.map((sound, place) => h("option", { value: String(sound.id) }, `${place + 1}, ${sound.name}`)),
      );
    this.#choices = choices;
    choice.value = String(own?.id ?? "");
    for (const field of this.panel.querySelectorAll("[data-field]")) field.toggleAttribute("disabled", isLocked);
    this.#drawFaults(
      faults.filter((fault) => fault.segment === segment.id),
      isLocked,
    );
    const told = requireElement("[data-done]", this.panel);
    told.hidden = !done;
    setText(requireElement("p", told), done);
  }

  /** @param {string} name @param {string} value @param {boolean} isOther */
  #set(name, value, isOther) {
    const field = this.#field(name);
    // Do not overwrite a field while the user is typing.
    if (isOther || document.activeElement !== field) field.value = value;
  }

  /** @param {Fault[]} faults @param {boolean} isLocked */
  #drawFaults(faults, isLocked) {
    for (const place of /** @type {NodeListOf<HTMLElement>} */ (this.panel.querySelectorAll("[data-says]"))) {
      const names =
        place.dataset.says === "start" ? ["start", "end"] : place.dataset.says === "from" ? ["from", "to"] : ["sound"];
      const own = faults.filter((fault) => names.includes(fault.field));
      for (const name of names)
        this.#field(name).setAttribute("aria-invalid", String(own.some((fault) => fault.field === name)));
      const said = JSON.stringify(own);
      if (said === (place.dataset.said ?? "[]")) continue; // skip the redraw: screen readers would repeat the error
      place.dataset.said = said;
      place.replaceChildren(
        ...own.flatMap((fault) =>
          [createFieldError(fault.text), isLocked ? null : this.#mending(fault)].filter((part) => part !== null),
        ),
      );
    }
  }

  /** @param {Fault} fault */
  #mending({ field, mend }) {
    return (
      mend &&
      h(
        "button",
        {
          class: "btn",
          type: "button",
          onclick: () => {
            this.told.onChange(mend.change);
            this.#field(field).focus(); // move the focus, because the focused button disappears with the error
          },
        },
        mend.label,
      )
    );
  }
}

/** @param {string} text */
const createFieldError = (text) => h("p", { class: "field-error" }, icon("alert"), text);
