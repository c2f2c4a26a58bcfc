// The form fields for the settings of an analysis.

import { h, icon, requireElement } from "../base/dom.js";
import { formatExercise } from "./labels.js";

/**
 * A setting has either a `Range`, or a list `values` of choices and a `default` choice.
 * @typedef {import("./api.js").Kind} Kind
 * @typedef {{least: number, most: number, default: number, whole: boolean}} Range
 * @typedef {Record<Kind, Record<string, any>>} Ranges
 * @typedef {{name: string, label: string, unit: string, hint: string}} Field
 */

const EXERCISE = "exercise";
const AUTO = "auto";

/** Fields for settings that are numbers. @type {Record<Kind, Field[]>} */
const FIELDS = {
  highlights: [
    { name: "target_duration", label: "Reel length", unit: "Maximum, in seconds", hint: "" },
    { name: "max_highlights", label: "Highlights", unit: "Maximum number", hint: "" },
    {
      name: "segment_length",
      label: "Segment length",
      unit: "seconds",
      hint: "The analysis gives each segment a score.",
    },
    {
      name: "min_score",
      label: "Minimum score",
      unit: "0 to 1",
      hint: "Segments with a lower score are left out of the reel.",
    },
  ],
  workout: [
    {
      name: "min_repetitions",
      label: "Minimum repetitions",
      unit: "in a set",
      hint: "Sets with fewer repetitions are not counted.",
    },
  ],
};

/**
 * Parse a typed number, with a decimal point or comma, and check its range.
 * @param {string} text
 * @param {string} label
 * @param {Range} range
 * @returns {{value: number}|{wrong: string}}
 */
function readField(text, label, { least, most, whole }) {
  const plain = text.trim().replace(",", ".");
  const value = plain === "" ? NaN : Number(plain);
  const kind = whole ? "a whole number" : "a number";
  if (!Number.isFinite(value) || value < least || value > most || (whole && !Number.isInteger(value)))
    return { wrong: `${label}: enter ${kind} from ${least} to ${most}.` };
  return { value };
}

export class ParamsForm {
  /** @type {Kind} */ #kind = "highlights";
  /**
   * Values by name of the setting: those that the user has typed or chosen, and the constructor's `given`.
   * @type {Record<string, string>}
   */
  #typed = {};

  /**
   * @param {Ranges} ranges
   * @param {Record<string, any>} [given]
   */
  constructor(ranges, given = {}) {
    this.ranges = /** @type {Ranges} */ (structuredClone(ranges));
    for (const [name, value] of Object.entries(given)) this.#typed[name] = String(value);
    this.element = h("fieldset", { class: "params" });
  }

  /** @param {Kind} kind */
  show(kind) {
    this.#kind = kind;
    this.element.replaceChildren(
      h("legend", { class: "visually-hidden" }, "Parameters"),
      ...(EXERCISE in this.ranges[kind] ? [this.#exercises()] : []),
      ...FIELDS[kind].map((field) => this.#field(field)),
    );
  }

  /**
   * Replace a setting's default unless the user has typed a value.
   * @param {string} name
   * @param {number} value
   */
  suggest(name, value) {
    if (name in this.#typed) return;
    for (const ranges of Object.values(this.ranges))
      if (ranges[name]) ranges[name] = { ...ranges[name], default: value };
    const input = /** @type {HTMLInputElement|null} */ (this.element.querySelector(`#param-${name}`));
    if (input) input.value = String(value);
  }

  /**
   * Return the settings. If a setting is invalid, show an error at its field and return null.
   * @returns {Record<string, any>|null}
   */
  read() {
    const ranges = this.ranges[this.#kind];
    /** @type {Record<string, any>} */ const values = EXERCISE in ranges ? { [EXERCISE]: this.#exercise() } : {};
    /** @type {HTMLElement|null} */ let first = null;
    for (const field of FIELDS[this.#kind]) {
      const range = ranges[field.name];
      const read = readField(this.#typed[field.name] ?? String(range.default), field.label, range);
      const input = this.#tell(field.name, "wrong" in read ? read.wrong : "");
      if ("wrong" in read) first ??= input;
      else values[field.name] = read.value;
    }
    first?.focus();
    return first ? null : values;
  }

  /**
   * Show the server's errors at the fields that they name; return whether this form has any of these fields.
   * @param {Record<string, any>} errors
   * @returns {boolean}
   */
  refuse(errors) {
    const named = FIELDS[this.#kind].filter(({ name }) => errors[name]);
    for (const { name } of [...named].reverse()) this.#tell(name, [errors[name]].flat(Infinity).join(" ")).focus();
    return named.length > 0;
  }

  /** @param {Field} field */
  #field({ name, label, unit, hint }) {
    const range = this.ranges[this.#kind][name];
    const id = `param-${name}`;
    const input = h("input", {
      class: "input mono",
      id,
      type: "text",
      inputmode: range.whole ? "numeric" : "decimal",
      autocomplete: "off",
      maxlength: "8",
      value: this.#typed[name] ?? String(range.default),
      "aria-describedby": `${id}-hint ${id}-error`,
      oninput: (/** @type {Event} */ event) =>
        (this.#typed[name] = /** @type {HTMLInputElement} */ (event.target).value),
    });
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      input,
      h("p", { class: "hint", id: `${id}-hint` }, [unit, hint].filter(Boolean).join(". ")),
      h("p", { class: "field-error", id: `${id}-error`, hidden: true }, icon("alert"), h("span", {})),
    );
  }

  #exercise() {
    const { values, default: usual } = this.ranges[this.#kind][EXERCISE];
    return values.includes(this.#typed[EXERCISE]) ? this.#typed[EXERCISE] : usual;
  }

  #exercises() {
    const chosen = this.#exercise();
    const choose = (/** @type {Event} */ event) =>
      (this.#typed[EXERCISE] = /** @type {HTMLSelectElement} */ (event.target).value);
    return h(
      "div",
      { class: "field" },
      h("label", { for: "param-exercise" }, "Exercise"),
      h(
        "select",
        { class: "input", id: "param-exercise", "aria-describedby": "param-exercise-hint", onchange: choose },
        ...this.ranges[this.#kind][EXERCISE].values.map((/** @type {string} */ name) =>
          h(
            "option",
            { value: name, selected: name === chosen },
            name === AUTO ? "Detect automatically" : formatExercise(name),
          ),
        ),
      ),
      h("p", { class: "hint", id: "param-exercise-hint" }, "Repetitions of unrecognised exercises are counted too."),
    );
  }

  /**
   * @param {string} name
   * @param {string} sentence
   * @returns {HTMLElement}
   */
  #tell(name, sentence) {
    const [input, error] = [
      requireElement(`#param-${name}`, this.element),
      requireElement(`#param-${name}-error`, this.element),
    ];
    error.hidden = !sentence;
    requireElement("span", error).textContent = sentence;
    if (sentence) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    return input;
  }
}
