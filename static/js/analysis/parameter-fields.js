// The form fields for the settings of an analysis.

import { html, iconView, live, nothing } from "../base/view.js";
import { formatExercise } from "./labels.js";

/**
 * A setting has either a `Range`, or a list `values` of choices and a `default` choice.
 * @typedef {import("./api.js").Kind} Kind
 * @typedef {{least: number, most: number, default: number, whole: boolean}} Range
 * @typedef {Record<Kind, Record<string, any>>} Ranges
 * @typedef {{name: string, label: string, hint: string}} Field
 */

const EXERCISE = "exercise";
const AUTO = "auto";

/** Fields for settings that are numbers. @type {Record<Kind, Field[]>} */
const FIELDS = {
  highlights: [
    { name: "target_duration", label: "Reel length", hint: "Maximum, in seconds" },
    { name: "max_highlights", label: "Highlights", hint: "Maximum number" },
    { name: "segment_length", label: "Segment length", hint: "seconds. The analysis gives each segment a score." },
    {
      name: "min_score",
      label: "Minimum score",
      hint: "0 to 1. Segments with a lower score are left out of the reel.",
    },
  ],
  workout: [
    {
      name: "min_repetitions",
      label: "Minimum repetitions",
      hint: "in a set. Sets with fewer repetitions are not counted.",
    },
  ],
};

export class ParamsForm {
  /** @type {Kind} */ #kind = "highlights";
  /**
   * Values by name of the setting: those that the user has typed or chosen, and the constructor's `given`.
   * @type {Record<string, string>}
   */ #typed;
  /** @type {Record<string, string>} */ #errors = {};

  /** @param {Ranges} ranges @param {Record<string, any>} given @param {() => void} draw */
  constructor(ranges, given, draw) {
    this.ranges = structuredClone(ranges);
    this.draw = draw;
    this.#typed = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
  }

  /** @param {Kind} kind */
  show(kind) {
    this.#kind = kind;
    this.#errors = {};
  }

  /** Replace a setting's default unless the user has typed a value. @param {string} name @param {number} value */
  suggest(name, value) {
    for (const ranges of Object.values(this.ranges))
      if (ranges[name]) ranges[name] = { ...ranges[name], default: value };
  }

  /** Return the settings. If a setting is invalid, show an error at its field and return null. */
  read() {
    const ranges = this.ranges[this.#kind];
    /** @type {Record<string, any>} */ const values = EXERCISE in ranges ? { [EXERCISE]: this.#exercise } : {};
    /** @type {Record<string, string>} */ const errors = {};
    for (const { name, label } of FIELDS[this.#kind]) {
      const { least, most, whole } = ranges[name];
      const text = this.#getText(name).trim().replace(",", ".");
      const value = text === "" ? NaN : Number(text);
      if (value >= least && value <= most && (!whole || Number.isInteger(value))) values[name] = value;
      else errors[name] = `${label}: enter ${whole ? "a whole number" : "a number"} from ${least} to ${most}.`;
    }
    return this.#showErrors(errors) ? null : values;
  }

  /**
   * Show the server's errors at the fields that they name; return whether this form has any of these fields.
   * @param {Record<string, any>} errors
   */
  refuse(errors) {
    const named = FIELDS[this.#kind].filter(({ name }) => errors[name]);
    return this.#showErrors(
      Object.fromEntries(named.map(({ name }) => [name, [errors[name]].flat(Infinity).join(" ")])),
    );
  }

  /** @param {Record<string, string>} errors */
  #showErrors(errors) {
    this.#errors = errors;
    this.draw();
    const faulty = FIELDS[this.#kind].find(({ name }) => errors[name]);
    if (faulty) document.getElementById(`param-${faulty.name}`)?.focus();
    return Boolean(faulty);
  }

  /** @param {string} name */
  #getText(name) {
    return this.#typed[name] ?? String(this.ranges[this.#kind][name].default);
  }

  get #exercise() {
    const { values, default: usual } = this.ranges[this.#kind][EXERCISE];
    return values.includes(this.#typed[EXERCISE]) ? this.#typed[EXERCISE] : usual;
  }

  view() {
    return html`
      <fieldset class="params">
        <legend class="visually-hidden">Parameters</legend>
        ${EXERCISE in this.ranges[this.#kind] ? this.#exerciseView() : null}
        ${FIELDS[this.#kind].map((field) => this.#fieldView(field))}
      </fieldset>`;
  }

  /** @param {Field} field */
  #fieldView({ name, label, hint }) {
    const id = `param-${name}`;
    const error = this.#errors[name] ?? "";
    return html`
      <div class="field">
        <label for=${id}>${label}</label>
        <input class="input mono" id=${id} type="text" inputmode=${
          this.ranges[this.#kind][name].whole ? "numeric" : "decimal"
        } autocomplete="off" maxlength="8" .value=${live(this.#getText(name))} aria-describedby="${id}-hint ${id}-error"
          aria-invalid=${error ? "true" : nothing}
          @input=${(/** @type {any} */ { target }) => (this.#typed[name] = target.value)} />
        <p class="hint" id="${id}-hint">${hint}</p>
        <p class="field-error" id="${id}-error" ?hidden=${!error}>${iconView("alert")}<span>${error}</span></p>
      </div>`;
  }

  #exerciseView() {
    const optionView = (/** @type {string} */ name) =>
      html`<option value=${name} ?selected=${name === this.#exercise}>
        ${name === AUTO ? "Detect automatically" : formatExercise(name)}
      </option>`;
    return html`
      <div class="field">
        <label for="param-exercise">Exercise</label>
        <select class="input" id="param-exercise" aria-describedby="param-exercise-hint"
          @change=${(/** @type {any} */ { target }) => (this.#typed[EXERCISE] = target.value)}>
          ${this.ranges[this.#kind][EXERCISE].values.map(optionView)}
        </select>
        <p class="hint" id="param-exercise-hint">Repetitions of unrecognised exercises are counted too.</p>
      </div>`;
  }
}
