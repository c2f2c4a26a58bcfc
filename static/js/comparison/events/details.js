// The details of the selected event. Changes by other users do not overwrite unsaved text.

import { isComposing, isSendKey } from "../../base/drafts.js";
import { formatHundredths, toDate, parseOffset, formatPosition, formatRelative } from "../../base/format.js";
import { showToast } from "../../base/notice.js";
import { createRef, html, iconView, live, mount, nothing, ref, repeat } from "../../base/view.js";
import { NOTE, getLook, toKind } from "./kinds.js";
import { getColorStyle, glyphView, letterView } from "./lanes.js";
import { splitMentions } from "./mentions.js";

/**
 * @typedef {import("./store.js").Shown} Shown
 * @typedef {{id: string, name: string, draft: string, leftAt: number, isTaken: boolean}} LeftField
 * @typedef {typeof TYPED[number]} Name Name of a field whose text is saved on request.
 */

const LABELS = {
  label: "Name",
  kind: "Kind",
  color: "Colour",
  at: "Time on the shared clock",
  until: "End on the shared clock (leave empty for a single moment)",
  body: "Note",
  reply: "Reply",
};
const TYPED = /** @type {const} */ (["label", "kind", "at", "until", "body"]);
const LONGEST_BODY = 10_000; // characters
const RESTORED_MS = 5000; // ms within which a field that disappeared must come back to get the focus again
const READING_MS = 2000; // ms for which a changed value must be shown before the user counts as having seen it

export class EventDetails {
  #id = "";
  /** @type {Shown|null} */ #one = null;
  /** Field that had the focus when it disappeared. @type {LeftField|null} */ #left = null;
  /** @type {Record<string, import("../../base/view.js").Ref<HTMLInputElement>>} */
  #fields = Object.fromEntries(Object.keys(LABELS).map((name) => [name, createRef()]));
  /** Saved values of the shown event as texts. @type {Record<string, string>} */ #saved = {};
  /** When each saved value last changed, as `performance.now()`. @type {Record<string, number>} */ #changedAt = {};
  /** Names of fields with refused texts. @type {Set<string>} */ #invalid = new Set();
  /** True if the fields of the event are shown, not only its messages. */
  #isEditing = false;
  #isSaving = false;
  /** Event and fields to save after the running save. @type {{id: string, names: string[]}|null} */ #requested = null;
  /** Keys of the drafts of replies that are being sent. @type {Set<string>} */ #sentReplies = new Set();

  /** @param {HTMLElement} holder @param {import("./panel.js").EventsPanel} panel */
  constructor(holder, panel) {
    this.holder = holder;
    this.panel = panel;
    this.drafts = panel.drafts;
    this.draw = mount(holder, this);
    // A reference function must belong to one element, so each field has its own.
    const [body, reply] = [0, 1].map(() => (/** @type {any} */ field) => field && panel.offers.attach(field));
    this.attach = { body, reply };
    // While the page or the panel is hidden, the user does not see changed values. When they are shown again, restart
    // the time after which a changed value counts as seen.
    const restart = () => {
      for (const name of Object.keys(this.#changedAt)) this.#changedAt[name] = performance.now();
    };
    document.addEventListener("visibilitychange", restart);
    new IntersectionObserver(restart).observe(holder);
    holder.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || isComposing(event)) return;
      event.stopPropagation();
      const field = /** @type {HTMLElement} */ (event.target).closest("input, textarea");
      // Escape in a field moves the focus to the panel and keeps the text; a second Escape closes the details.
      if (field) this.holder.focus();
      else panel.closeDetails();
    });
  }

  /** @param {Shown|null} one */
  show(one) {
    const left = this.#focusedField();
    const field = left && this.#fields[left.name].value;
    const isOther = one?.id !== this.#id;
    if (isOther) {
      this.#left = left ?? this.#left;
      this.#saved = {};
      this.#invalid = new Set();
      if (!one) this.panel.offers.close();
    }
    this.#one = one;
    this.#id = one?.id ?? "";
    this.holder.hidden = one === null;
    if (one) this.#readSaved(one);
    // Each event has its own elements, so that no typed text or focus gets into the field of another event.
    this.draw(repeat(one ? [one] : [], getId, (shown) => this.#view(shown)));
    if (field && !isOther && (!field.isConnected || field.disabled)) {
      field.blur(); // a locked field would keep the focus until the next frame
      this.#left = left;
    }
    if (!one) return;
    if (this.#fields.color.value) this.#fields.color.value.value = one.event.color || this.#usualColor();
    this.#restoreFocus(one);
    // While saving, keep the draft: the page already shows the new value, but the server may still refuse it.
    for (const name of this.#isSaving ? [] : TYPED)
      if (this.#getDraft(name)?.text === this.#saved[name]) this.drafts.set(this.#key(name), undefined);
  }

  /** @param {Shown} one */
  #readSaved({ event: { label, kind, body }, at, until }) {
    const now = { label, kind, body, at: formatPosition(at), until: until === null ? "" : formatPosition(until) };
    for (const name of TYPED) {
      if (this.#saved[name] !== now[name]) this.#changedAt[name] = performance.now();
      this.#saved[name] = now[name];
      if (this.#fields[name].value?.value !== this.#getText(name)) this.#invalid.delete(name);
    }
  }

  /** Return the name of a field; undefined for other elements. @param {EventTarget|null} element */
  #nameOf(element) {
    return Object.keys(this.#fields).find((name) => this.#fields[name].value === element);
  }

  /** Return the field in which the user is typing. */
  #focusedField() {
    const name = this.#nameOf(document.activeElement);
    if (!name || !this.#one) return null;
    return { id: this.#id, name, draft: this.#key(name), leftAt: performance.now(), isTaken: false };
  }

  /** Focus the field in which the user was typing before it disappeared. @param {Shown} one */
  #restoreFocus(one) {
    const left = this.#left;
    const field = left && this.#fields[left.name].value;
    if (!field || field.disabled || !one.sources.some(({ event }) => event.event_id === left.id)) return;
    this.#left = null;
    if (document.activeElement !== document.body || performance.now() - left.leftAt > RESTORED_MS) return;
    field.focus();
    if (field.selectionStart !== null) field.setSelectionRange(field.value.length, field.value.length);
  }

  /** Return the draft of a field that has just disappeared while the user was typing in it; empty if there is none. */
  takeLostDraft() {
    if (!this.#left || this.#left.isTaken) return "";
    this.#left.isTaken = true;
    return this.#left.draft;
  }

  /** @param {"label"|"body"|"reply"} name */
  focus(name) {
    if (name !== "reply" && !this.#isEditing) this.#toggleEditing();
    this.#fields[name].value?.focus();
  }

  /**
   * Return the key of a field's draft. If an event of the shown group has a draft of this field, return that
   * draft's key. Otherwise, return a key for the group's first event.
   * @param {string} name
   */
  #key(name) {
    const ids = this.#one?.sources.map(({ event }) => event.event_id) ?? [];
    return `${ids.find((id) => this.drafts.get(`${id}/${name}`)) ?? this.#id}/${name}`;
  }

  /** @param {string} name @returns {{text: string, base: string}|undefined} */
  #getDraft(name) {
    return this.drafts.get(this.#key(name));
  }

  /** Return the text that a field shows. @param {string} name */
  #getText(name) {
    return this.#getDraft(name)?.text ?? this.#saved[name] ?? "";
  }

  get #changed() {
    return TYPED.filter((name) => this.#getDraft(name) && this.#getText(name) !== this.#saved[name]);
  }

  // Views

  /** @param {Shown} one */
  #view(one) {
    const { event, sources } = one;
    const { panel } = this;
    const canChange = panel.canChange(event);
    const { name, tone, shape } = getLook(event.kind);
    const vods = [...new Set(sources.map((source) => source.event.vod_id))];
    const isEditing = this.#isEditing || this.#changed.length > 0;
    const remove = sources.length > 1 ? `Delete all ${sources.length} events` : "Delete";
    return html`
      <header class="row">
        <span class="row" data-tone=${tone} data-shape=${shape} .style=${getColorStyle(event)}>
          ${glyphView(event)}
        </span>
        <b class="truncate spacer" dir="auto">${event.label || name}</b>
        ${vods.map((id) =>
          id === null ? html`<span class="faint text-small">all videos</span>` : letterView(panel.letterOf(id)),
        )}
        ${
          canChange
            ? html`
              <button class="btn icon-only quiet" type="button" aria-label="Edit" title="Edit"
                aria-expanded=${String(isEditing)} @click=${this.#toggleEditing}>${iconView("pencil")}</button>
              <button class="btn icon-only quiet" type="button" aria-label=${remove} title=${remove}
                @click=${() => panel.remove(one)}>${iconView("trash")}</button>`
            : null
        }
        <button class="btn icon-only quiet" type="button" aria-label="Close the event" title="Close the event"
          @click=${() => panel.closeDetails()}>${iconView("x")}</button>
      </header>
      <div class="event-body clip-focus" role="group" aria-label="Messages" tabindex="0">
        <div class="event-edit col" ?hidden=${!isEditing}>${this.#editView(one, canChange)}</div>
        ${this.#firstMessageView(one, canChange)}
        <ol class="thread">${event.replies.map((reply) => this.#replyView(one, reply))}</ol>
      </div>
      ${panel.rights().canComment ? this.#replyFormView() : null}`;
  }

  #toggleEditing() {
    this.#isEditing = !this.#isEditing;
    this.show(this.#one);
  }

  /** @param {Shown} one @param {boolean} canChange */
  #editView(one, canChange) {
    const setColor = () => this.#one && this.panel.change(this.#one, { color: this.#fields.color.value?.value });
    return html`
      <div class="event-fields">
        ${this.#fieldView("label", canChange, { maxlength: 200, placeholder: "Name", hasWords: true })}
        ${this.#fieldView("kind", canChange, { maxlength: 40, list: "event-kinds" })}
        <input class="swatch" type="color" aria-label=${LABELS.color} autocomplete="off" ?disabled=${!canChange}
          @change=${setColor} @keydown=${this.#press} ${ref(this.#fields.color)} />
      </div>
      <div class="event-times">
        ${this.#fieldView("at", canChange, { classes: "input mono" })}
        ${this.#hereView("at", canChange, "Set the time to the current position")}
        <span class="faint">to</span>
        ${this.#fieldView("until", canChange, { classes: "input mono", placeholder: "moment" })}
        ${this.#hereView("until", canChange, "Set the end to the current position")}
      </div>
      <textarea class="input" aria-label=${LABELS.body} autocomplete="off" ?disabled=${!canChange} rows="2"
        maxlength=${LONGEST_BODY} placeholder="Note (Shift+Enter for a new line)" dir="auto" data-words
        data-saved=${this.#saved.body} aria-invalid=${this.#invalid.has("body") ? "true" : nothing}
        .value=${live(this.#getText("body"))} @input=${this.#typed} @keydown=${this.#press}
        ${ref(this.#fields.body)} ${ref(this.attach.body)}></textarea>
      ${this.#unsavedView()}
      <div class="row wrap">${canChange ? this.#drawingView(one) : null}</div>`;
  }

  /**
   * @param {Name} name @param {boolean} canChange
   * @param {{classes?: string, maxlength?: number, placeholder?: string, list?: string, hasWords?: boolean}} about
   */
  #fieldView(name, canChange, { classes = "input", maxlength, placeholder, list, hasWords }) {
    return html`<input class=${classes} aria-label=${LABELS[name]} autocomplete="off" ?disabled=${!canChange}
      maxlength=${maxlength ?? nothing} placeholder=${placeholder ?? nothing} list=${list ?? nothing}
      dir=${hasWords ? "auto" : nothing} ?data-words=${hasWords} data-saved=${this.#saved[name]}
      aria-invalid=${this.#invalid.has(name) ? "true" : nothing} .value=${live(this.#getText(name))}
      @input=${this.#typed} @keydown=${this.#press} ${ref(this.#fields[name])} />`;
  }

  /** @param {"at"|"until"} edge @param {boolean} canChange @param {string} words */
  #hereView(edge, canChange, words) {
    const set = () => {
      if (!this.#one) return;
      this.drafts.set(this.#key(edge), undefined);
      this.panel.move(this.#one, { [edge]: this.panel.actions.controller.time });
      this.show(this.#one);
    };
    return html`<button class="btn icon-only" type="button" ?disabled=${!canChange} aria-label=${words} title=${words}
      @click=${set}>${iconView("align")}</button>`;
  }

  #unsavedView() {
    const changed = this.#changed;
    const lines = changed
      .filter((name) => this.#getDraft(name)?.base !== this.#saved[name])
      .map((name) => `${LABELS[name]}: this field has changed to “${this.#saved[name]}” since you began to type.`)
      .map((line) => `${line} If you save, you overwrite that change.`);
    return html`
      <div class="unsaved col" ?hidden=${!changed.length}>
        <p class="faint text-small anywhere" dir="auto" ?hidden=${!lines.length}>${lines.join(" ")}</p>
        <div class="row">
          <span class="pill">Draft</span>
          <span class="spacer"></span>
          <button class="btn quiet" type="button" @click=${this.#discard}>Discard</button>
          <button class="btn primary" type="button" @click=${() => this.#save()}>Save</button>
        </div>
      </div>`;
  }

  /** @param {Shown} one */
  #drawingView(one) {
    const { drawing, color } = one.event;
    const remove = () => this.panel.change(one, { drawing: null }, { drawing });
    const reset = () => this.panel.change(one, { color: "" });
    return html`
      ${
        drawing?.strokes?.length
          ? html`<button class="btn quiet" type="button" @click=${remove}>Remove drawing</button>`
          : html`<button class="btn" type="button" @click=${() => this.panel.draw(one)}>
              ${iconView("pencil")}Draw on the frame
            </button>`
      }
      ${
        color
          ? html`<button class="btn quiet" type="button" @click=${reset}>Reset to the default colour</button>`
          : null
      }`;
  }

  /** @param {Shown} one @param {boolean} canChange */
  #firstMessageView(one, canChange) {
    const { panel } = this;
    const { event } = one;
    const { resolved } = event;
    const isWritten = event.origin === "manual";
    const message = {
      name: isWritten ? event.created_by_name : describeAuthor(event),
      at: isWritten ? event.created_at : null,
      body: event.body,
    };
    const isDiscussed = event.kind === NOTE || event.replies.length > 0 || resolved;
    const done = html`<button class="btn" type="button" aria-pressed=${String(resolved)}
      @click=${() => panel.change(one, { resolved: !resolved })}
      >${iconView("check")}${resolved ? "Done" : "Mark as done"}</button>`;
    return html`
      <div class="message">${messageView(message, canChange && isDiscussed ? done : null)}</div>
      ${
        canChange && event.drawing?.strokes?.length
          ? html`<button class="btn edit-drawing" type="button" @click=${() => panel.draw(one)}>
              ${iconView("pencil")}Edit drawing
            </button>`
          : null
      }`;
  }

  /** @param {Shown} one @param {any} reply */
  #replyView(one, reply) {
    const { created_by_name: name, created_at: at, body } = reply;
    const remove = html`<button class="btn icon-only quiet" type="button" aria-label="Delete the reply by ${name}"
      @click=${() => this.panel.removeReply(one, reply.reply_id)}>${iconView("trash")}</button>`;
    return html`<li class="message">
      ${messageView({ name, at, body }, this.panel.canChange(reply) ? remove : null)}
    </li>`;
  }

  #replyFormView() {
    return html`
      <form class="row" @submit=${this.#sendReply}>
        <textarea class="input" aria-label=${LABELS.reply} placeholder="Reply. @ mentions someone" rows="1" enterkeyhint="send"
          maxlength=${LONGEST_BODY} dir="auto" autocomplete="off" data-words .value=${live(this.#getText("reply"))}
          @input=${this.#typedReply} @keydown=${sendOnEnter} ${ref(this.#fields.reply)} ${ref(this.attach.reply)}
        ></textarea>
        <button class="btn">Reply</button>
      </form>`;
  }

  /** Return the default colour of the event's kind, as #rrggbb. */
  #usualColor() {
    const glyph = this.holder.querySelector(".glyph");
    const parts = glyph && getComputedStyle(glyph).backgroundColor.match(/\d+(\.\d+)?/g);
    const toHex = (/** @type {string} */ part) => Math.round(Number(part)).toString(16).padStart(2, "0");
    return parts ? `#${parts.slice(0, 3).map(toHex).join("")}` : "#888888";
  }

  // Typed text

  /** @param {Event & {currentTarget: HTMLInputElement}} event */
  #typed({ currentTarget: field }) {
    const name = this.#nameOf(field) ?? "";
    const text = field.value;
    const saved = this.#saved[name];
    this.#invalid.delete(name);
    const base = this.#getDraft(name)?.base ?? saved;
    // While saving, `saved` may be a value that the server will refuse, so keep the draft.
    const isSaved = text === saved && !this.#isSaving;
    this.drafts.set(this.#key(name), isSaved ? undefined : { text, base });
    this.show(this.#one);
  }

  /** @param {Event & {currentTarget: HTMLInputElement}} event */
  #typedReply({ currentTarget: { value: text } }) {
    this.drafts.set(this.#key("reply"), text ? { text } : undefined);
  }

  /** @param {KeyboardEvent & {currentTarget: HTMLInputElement}} event */
  #press(event) {
    if (!isSendKey(event)) return;
    const field = event.currentTarget;
    event.preventDefault();
    field.blur();
    this.#save([this.#nameOf(field) ?? ""]);
  }

  #discard() {
    const discarded = this.#changed.map((name) => /** @type {const} */ ([this.#key(name), this.#getDraft(name)]));
    for (const name of TYPED) this.drafts.set(this.#key(name), undefined);
    this.show(this.#one);
    showToast("Changes discarded.", "ok", {
      label: "Undo",
      run: () => discarded.forEach(([key, draft]) => this.drafts.get(key) ?? this.drafts.set(key, draft)),
    });
    this.holder.focus();
    this.panel.actions.playAfterWriting();
  }

  /** @param {Event} event */
  async #sendReply(event) {
    event.preventDefault();
    const draft = this.#key("reply");
    const sent = this.#fields.reply.value?.value ?? "";
    if (!sent.trim() || !this.#one || this.#sentReplies.has(draft)) return;
    this.#sentReplies.add(draft);
    const isSent = await this.panel.reply(this.#one, sent.trim(), draft);
    this.#sentReplies.delete(draft);
    if (!isSent) return;
    this.holder.querySelector(".thread")?.lastElementChild?.scrollIntoView({ block: "nearest" });
    // Text typed while the reply was sent becomes the draft of the next reply.
    const typed = this.drafts.get(draft)?.text;
    if (!typed) return this.panel.actions.playAfterWriting();
    if (!typed.startsWith(sent)) return;
    const text = typed.slice(sent.length).trimStart();
    this.drafts.set(draft, text ? { text } : undefined);
    this.show(this.#one);
  }

  /**
   * Save drafts. A value that the server refuses stays a draft. If a save is running, save again after it.
   * @param {string[]} [wanted] The names of the fields to save; the other fields stay drafts.
   * @returns {Promise<void>}
   */
  async #save(wanted = [...TYPED]) {
    const one = this.#one;
    if (!one) return;
    if (this.#isSaving) {
      this.#requested = { id: one.id, names: [...wanted, ...(this.#requested?.names ?? [])] };
      return;
    }
    // The user may select another event meanwhile.
    const [saved, invalid] = [this.#saved, this.#invalid];
    const names = this.#changed.filter((name) => wanted.includes(name));
    const wrong = names.find((name) => !isValid(name, this.#getText(name)));
    for (const name of names) invalid.delete(name);
    if (wrong) {
      invalid.add(wrong);
      this.show(one);
      return this.#fields[wrong].value?.focus();
    }
    const drafts = names.map((name) => {
      const draft = this.drafts.get(this.#key(name));
      // The value before typing, or a newer one that was shown long enough to be read.
      const seen = performance.now() - this.#changedAt[name] > READING_MS ? saved[name] : draft.base;
      return { name, key: this.#key(name), draft, seen };
    });
    this.#isSaving = true;
    for (const { name, key, draft, seen } of drafts) {
      const isSaved = await this.#send(one, name, draft.text.trim(), seen);
      const now = this.drafts.get(key);
      if (!isSaved) invalid.add(name);
      else this.drafts.set(key, now && now !== draft ? { ...now, base: saved[name] } : undefined);
    }
    this.#isSaving = false;
    this.show(this.#one);
    const requested = this.#requested;
    this.#requested = null;
    if (requested?.id === this.#id) return this.#save(requested.names);
    if (!this.#changed.length) this.panel.actions.playAfterWriting();
  }

  /**
   * Save one field; return false if that fails. `seen` is the saved value that the user has seen.
   * @param {Shown} one @param {Name} name @param {string} text @param {string} seen
   */
  #send(one, name, text, seen) {
    if (name === "at" || name === "until") return this.panel.move(one, { [name]: text ? parseOffset(text) : null });
    return this.panel.change(one, { [name]: name === "kind" ? toKind(text) : text }, { [name]: seen });
  }
}

/**
 * Return the template of a message: its author, its time and its text.
 * @param {{name: string, at: number|null, body: string}} message
 * @param {import("../../base/view.js").View} action The template of a button beside the author.
 */
function messageView({ name, at, body }, action) {
  const sent = at === null ? null : toDate(at);
  return html`
    <span class="avatar small" data-tone=${getLook(name).tone} aria-hidden="true">${name.slice(0, 2).toUpperCase()}</span>
    <p class="row text-small">
      <b class="truncate">${name}</b>
      ${
        sent
          ? html`<time class="faint" datetime=${sent.toISOString()} title=${sent.toLocaleString()}
              >${formatRelative(sent)}</time>`
          : null
      }
      <span class="spacer"></span>
      ${action}
    </p>
    ${
      body
        ? html`<p class="anywhere lines" dir="auto">${splitMentions(body).map(({ text, isName }) =>
            isName ? html`<b class="mention">${text}</b>` : text,
          )}</p>`
        : null
    }`;
}

/** @param {Shown} one */
const getId = ({ id }) => id;

/** @param {KeyboardEvent & {currentTarget: HTMLInputElement}} event */
function sendOnEnter(event) {
  if (!isSendKey(event)) return;
  event.preventDefault(); // the browser would add a line
  event.currentTarget.form?.requestSubmit();
}

/** @param {Name} name @param {string} text */
function isValid(name, text) {
  if (name === "kind") return toKind(text) !== "";
  if (name === "until" && !text.trim()) return true; // an empty end is valid: the event is a moment
  return (name !== "at" && name !== "until") || parseOffset(text) !== null;
}

/**
 * @param {import("./store.js").SessionEvent} event
 * @param {(at: Date) => string} [time] Formats the event's creation time.
 * @returns {string}
 */
export function describeAuthor(event, time = formatRelative) {
  const pictures = ["highlights", "shots"].includes(event.origin);
  const origin = pictures ? "detected in the picture" : event.origin === "sound_peaks" ? "detected in the sound" : "";
  if (origin) return event.confidence === null ? origin : `${origin}, ${formatHundredths(event.confidence)}`;
  const by = event.origin === "import" ? `imported by ${event.created_by_name}` : event.created_by_name;
  return `${by}, ${time(toDate(event.created_at))}`;
}
