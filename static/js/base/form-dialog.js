// Dialogs with a form: fields with hints and errors, and a draft of the typed text.

import { ApiError } from "./api.js";
import { openDialog } from "./dialog.js";
import { keepTypedText } from "./drafts.js";
import { createErrorNote, explainError, joinSentences, showToast } from "./notice.js";
import { createRef, createRoot, html, iconView, nothing, ref } from "./view.js";

/**
 * @typedef {import("./view.js").View} View
 * @typedef {Record<string, string>} Values Trimmed texts by name of the field.
 */

/**
 * @typedef {object} FormField
 * @property {string} name
 * @property {string} label
 * @property {string} [value]
 * @property {number} [maxlength] Maximum length in characters.
 * @property {number} [rows] Height of a text area in lines; a field without `rows` has one line.
 * @property {string} [missing] Error message for an empty field; a field without it is optional.
 * @property {string} [hint]
 * @property {string} [list] Id of the datalist with suggestions.
 * @property {boolean} [isPlain] True if phones must not capitalise the text.
 * @property {boolean} [isDisabled]
 * @property {View} [aside] Part beside the label.
 */

/**
 * @template T
 * @typedef {object} FormDialog
 * @property {string} id Prefix of the ids in the dialog.
 * @property {string} heading
 * @property {string} draft Key of the draft.
 * @property {FormField[]} fields
 * @property {(values: Values) => Promise<T>} send
 * @property {(answer: T) => void} onDone Called after the dialog is closed.
 * @property {string|((error: unknown) => string)} failed Heading of errors that belong to no field.
 * @property {string} [cap] Text above the heading.
 * @property {string} [words] Sentence below the heading.
 * @property {string} [note] Note above the fields.
 * @property {() => View} [intro] Part above the fields.
 * @property {(dialog: HTMLElement) => HTMLElement|null} [check] Checks the intro; returns the element to correct.
 * @property {string} [label] Label of the button that sends the form.
 * @property {string} [icon] Icon of this button.
 * @property {string} [tone] Class of this button.
 * @property {boolean} [isAlert] True if the dialog warns of an action.
 * @property {string} [size] Class of the dialog.
 * @property {string} [focus] Name of the field to focus.
 * @property {boolean} [selects] True to select the text of the focused field.
 */

/**
 * Open a dialog with a form. Errors of the server are shown at their fields. The typed text is kept as a draft until it
 * is sent or the user presses Cancel.
 * @template T
 * @param {FormDialog<T>} about
 */
export function openFormDialog(about) {
  const { id, heading, draft, fields, send, onDone, failed, cap, words, note, intro, check } = about;
  const { label = "Save", icon, tone = "primary", isAlert = false, size = "small", selects = false } = about;
  const names = fields.map(({ name }) => name);
  const inputs = Object.fromEntries(names.map((name) => [name, createRef()]));
  const getInput = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (inputs[name].value);
  const root = createRoot();
  /** @type {Values} */ let errors = {};
  /** @type {HTMLElement|null} */ let problem = null;
  let isSending = false;

  const dialog = openDialog(draw());
  const enabled = fields.filter(({ isDisabled }) => !isDisabled);
  const forget = keepTypedText(draft, Object.fromEntries(enabled.map(({ name }) => [name, getInput(name)])));
  const first = intro && !about.focus ? dialog.querySelector("input, textarea") : getInput(about.focus ?? names[0]);
  /** @type {HTMLElement} */ (first).focus();
  if (selects) getInput(about.focus ?? names[0]).select();

  function draw() {
    return root(html`
      <dialog class="dialog ${size}" role=${isAlert ? "alertdialog" : nothing} aria-labelledby="${id}-heading"
        aria-describedby=${words ? `${id}-words` : nothing}>
        <form class="pad col" novalidate @submit=${submit}>
          ${cap ? html`<p class="cap">${cap}</p>` : null}
          <h2 class="anywhere" id="${id}-heading" dir="auto">${heading}</h2>
          ${words ? html`<p class="muted anywhere" id="${id}-words" dir="auto">${words}</p>` : null}
          ${note ? html`<div class="note">${iconView("lock")}<p class="text-small">${note}</p></div>` : null}
          ${intro?.()} ${fields.map(fieldView)}
          <div>${problem}</div>
          <div class="row wrap end">
            <button class="btn" type="button" @click=${cancel}>Cancel</button>
            <button class="btn ${tone}" aria-disabled=${isSending ? "true" : nothing}>
              ${icon ? iconView(icon) : null}${label}
            </button>
          </div>
        </form>
      </dialog>`);
  }

  /** @param {FormField} field */
  function fieldView(field) {
    const own = `${id}-${field.name}`;
    const error = errors[field.name] ?? "";
    const title = html`<label for=${own}>${field.label}</label>`;
    return html`
      <div class="field">
        ${field.aside ? html`<div class="row">${title}<span class="spacer"></span>${field.aside}</div>` : title}
        ${inputView(field, own)}
        ${field.hint ? html`<p class="hint" id="${own}-hint">${field.hint}</p>` : null}
        <p class="field-error" id="${own}-error" ?hidden=${!error}>${iconView("alert")}<span>${error}</span></p>
      </div>`;
  }

  /** @param {FormField} field @param {string} own Id of the input. */
  function inputView({ name, value = "", maxlength, rows, missing, hint, list, isPlain, isDisabled }, own) {
    const described = hint ? `${own}-hint ${own}-error` : `${own}-error`;
    const invalid = errors[name] ? "true" : nothing;
    if (rows)
      return html`<textarea class="input" id=${own} rows=${rows} maxlength=${maxlength ?? nothing} dir="auto"
        aria-describedby=${described} aria-invalid=${invalid} .value=${value} ?required=${missing}
        ?readonly=${isSending} ?disabled=${isDisabled} ${ref(inputs[name])}></textarea>`;
    return html`<input class="input" id=${own} type="text" maxlength=${maxlength ?? nothing} dir="auto" autocomplete="off"
      autocapitalize=${isPlain ? "none" : nothing} list=${list ?? nothing}
      aria-describedby=${described} aria-invalid=${invalid} .value=${value} ?required=${missing}
      ?readonly=${isSending} ?disabled=${isDisabled} ${ref(inputs[name])} />`;
  }

  function cancel() {
    if (!isSending) forget(); // otherwise keep the draft: the server may refuse the form
    dialog.close();
  }

  /** Show errors by name of the field, and focus the first faulty field. @param {Values} found */
  function showErrors(found) {
    errors = found;
    draw();
    const faulty = names.find((name) => found[name]);
    if (faulty) getInput(faulty).focus();
    return Boolean(faulty);
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (isSending) return;
    problem = null;
    const values = Object.fromEntries(names.map((name) => [name, getInput(name).value.trim()]));
    const wrong = check?.(dialog);
    const missing = fields.flatMap(({ name, missing = "" }) => (values[name] ? [] : [[name, missing]]));
    if (showErrors(Object.fromEntries(missing)) || wrong) return wrong?.focus();
    isSending = true;
    draw();
    try {
      const answer = await send(values);
      forget(fields.some(({ value }) => value !== undefined));
      dialog.close();
      onDone(answer);
    } catch (error) {
      isSending = false;
      const heading = typeof failed === "string" ? failed : failed(error);
      if (!dialog.open) return showToast(`${heading} ${explainError(error)}`, "bad");
      const told = error instanceof ApiError && error.type === "invalid" ? (error.body?.errors ?? {}) : {};
      const named = names.filter((name) => told[name]);
      if (!named.length) problem = createErrorNote(heading, error);
      showErrors(Object.fromEntries(named.map((name) => [name, joinSentences(told[name])])));
    }
  }
}

/**
 * @param {object} about
 * @param {string} about.heading
 * @param {string} about.draft Key of the draft.
 * @param {string} about.name
 * @param {number} about.longest Maximum length in characters.
 * @param {(name: string) => Promise<any>} about.save
 */
export function askForName({ heading, draft, name, longest, save }) {
  openFormDialog({
    id: "name",
    heading,
    draft,
    fields: [{ name: "name", label: "Name", value: name, maxlength: longest, missing: "Enter a name." }],
    selects: true,
    send: (values) => save(values.name),
    onDone: () => {},
    failed: "Saving failed.",
  });
}
