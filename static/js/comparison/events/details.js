// The details of the selected event. Changes by other users do not overwrite unsaved text.

import { h, icon } from "../../base/dom.js";
import { isComposing, isSendKey } from "../../base/drafts.js";
import { formatHundredths, toDate, parseOffset, formatPosition, formatRelative } from "../../base/format.js";
import { showToast } from "../../base/notice.js";
import { toKind } from "./kinds.js";
import { getColors, createGlyph, getLookAttributes } from "./lanes.js";
import { markMentions } from "./mentions.js";

/** @typedef {import("./store.js").Shown} Shown */
/**
 * @typedef {object} DetailActs Callbacks of the details.
 * @property {(one: Shown, values: any, base?: any) => Promise<boolean>} change Changes fields of an event. It
 *   returns false after a failure, for example if a value in `base` is outdated.
 * @property {(one: Shown, values: {at?: number, until?: number|null}) => Promise<boolean>} move Moves an event
 *   to times on the shared clock, in seconds; it returns false after a failure.
 * @property {(one: Shown) => void} remove
 * @property {(one: Shown, body: string, draft: string) => Promise<boolean>} reply Sends a reply; `draft` is the
 *   key of the reply's stored draft.
 * @property {(one: Shown, replyId: string) => void} removeReply
 * @property {(one: Shown) => void} draw
 * @property {() => void} close
 * @property {() => number} now Returns the current time on the shared clock, in seconds.
 * @property {(written: {created_by: string|null}) => boolean} canChange
 * @property {() => boolean} canReply
 * @property {() => void} written Runs after the user has sent or discarded text.
 */

const LONGEST = { label: 200, body: 10_000 };
const RESTORED_MS = 5000; // ms within which a field that disappeared must come back to get the focus again
const READING_MS = 2000; // ms for which a changed value must be shown before the user counts as having seen it
const TYPED = /** @type {const} */ (["label", "kind", "at", "until", "body"]);

export class EventDetails {
  #id = "";
  /** @type {Shown|null} */ #one = null;
  /**
   * Field that had the focus when the details of its event were closed.
   * @type {{id: string, name: string, draft: string, leftAt: number, isTaken: boolean}|null}
   */
  #left = null;
  /** @type {Record<string, HTMLInputElement|HTMLTextAreaElement>} */ #fields = {};
  #isSaving = false;
  /** When each saved value last changed, as `performance.now()`. @type {Record<string, number>} */ #changedAt = {};
  /** Event and fields to save after the running save. @type {{id: string, names: string[]}|null} */ #requested = null;

  /**
   * @param {HTMLElement} holder
   * @param {DetailActs} act
   * @param {(id: string) => string} letterOf
   * @param {import("./mentions.js").NameOffers} offers
   * @param {import("../../base/drafts.js").Drafts} drafts
   */
  constructor(holder, act, letterOf, offers, drafts) {
    this.offers = offers;
    this.drafts = drafts;
    this.holder = holder;
    this.act = act;
    this.letterOf = letterOf;
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
      else act.close();
    });
  }

  /** @param {Shown|null} one */
  show(one) {
    if (one?.id !== this.#id) this.#left = this.#focusedField() ?? this.#left;
    this.holder.hidden = one === null;
    this.#one = one;
    if (!one) {
      if (this.#id) this.offers.close();
      this.#id = "";
      this.holder.replaceChildren();
      return;
    }
    if (one.id !== this.#id) this.#build(one);
    this.#id = one.id;
    this.#fill(one);
    this.#restoreFocus(one);
  }

  /** Return the field in which the user is typing. */
  #focusedField() {
    const name = Object.keys(this.#fields).find((key) => this.#fields[key] === document.activeElement);
    if (!name || !this.#one) return null;
    return { id: this.#id, name, draft: this.#draft(name), leftAt: performance.now(), isTaken: false };
  }

  /** Focus the field in which the user was typing before the details were redrawn. @param {Shown} one */
  #restoreFocus(one) {
    const left = this.#left;
    const field = left && this.#fields[left.name];
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
    this.#fields[name]?.focus();
  }

  /** @param {Shown} one */
  #build(one) {
    const readOnly = !this.act.canChange(one.event);
    const field = (
      /** @type {string} */ name,
      /** @type {string} */ label,
      /** @type {any} */ props,
      tag = "input",
    ) => {
      const element = /** @type {HTMLInputElement} */ (
        h(tag, { class: "input", "aria-label": label, autocomplete: "off", disabled: readOnly, ...props })
      );
      this.#fields[name] = element;
      if (name === "color")
        element.addEventListener("change", () => this.#one && this.act.change(this.#one, { color: element.value }));
      else element.addEventListener("input", () => this.#typed(name));
      element.addEventListener("keydown", (event) => {
        if (!isSendKey(event)) return;
        event.preventDefault();
        element.blur();
        this.#save([name]);
      });
      return element;
    };
    this.#fields = {};
    this.head = h("header", { class: "row" });
    this.drawn = h("div", { class: "row wrap" });
    this.thread = h("ol", { class: "thread" });
    this.foot = h("div", { class: "row wrap" });
    const here = (/** @type {string} */ words, /** @type {"at"|"until"} */ edge) =>
      h(
        "button",
        {
          class: "btn icon-only",
          type: "button",
          disabled: readOnly,
          "aria-label": words,
          title: words,
          onclick: () => {
            if (!this.#one) return;
            this.drafts.set(this.#draft(edge), undefined);
            this.act.move(this.#one, { [edge]: this.act.now() });
            this.#fill(this.#one);
          },
        },
        icon("align"),
      );
    this.holder.replaceChildren(
      this.head,
      h(
        "div",
        { class: "event-fields" },
        field("label", "Name", {
          maxlength: LONGEST.label,
          placeholder: "Name",
          dir: "auto",
          data: { words: "" },
        }),
        field("kind", "Kind", { list: "event-kinds", maxlength: 40 }),
        field("color", "Colour", { type: "color", class: "swatch" }),
      ),
      h(
        "div",
        { class: "event-times" },
        field("at", "Time on the shared clock", { class: "input mono" }),
        here("Set the time to the current position", "at"),
        h("span", { class: "faint" }, "to"),
        field("until", "End on the shared clock (leave empty for a single moment)", {
          class: "input mono",
          placeholder: "moment",
        }),
        here("Set the end to the current position", "until"),
      ),
      field(
        "body",
        "Note",
        {
          rows: "2",
          maxlength: LONGEST.body,
          placeholder: "Note (Shift+Enter for a new line)",
          dir: "auto",
          data: { words: "" },
        },
        "textarea",
      ),
      this.#unsaved(),
      this.drawn,
      this.thread,
      this.act.canReply() ? this.#replyForm() : "",
      this.foot,
    );
    for (const name of ["body", "reply"]) if (this.#fields[name]) this.offers.attach(this.#fields[name]);
  }

  #unsaved() {
    this.meanwhile = h("p", { class: "faint text-small anywhere", dir: "auto" });
    this.unsaved = h(
      "div",
      { class: "unsaved col", hidden: true },
      this.meanwhile,
      h(
        "div",
        { class: "row" },
        h("span", { class: "pill" }, "Draft"),
        h("span", { class: "spacer" }),
        h("button", { class: "btn quiet", type: "button", onclick: () => this.#discard() }, "Discard"),
        h("button", { class: "btn primary", type: "button", onclick: () => this.#save() }, "Save"),
      ),
    );
    return this.unsaved;
  }

  /**
   * Return the key of a field's draft. If an event of the shown group has a draft of this field, return that
   * draft's key. Otherwise, return a key for the group's first event.
   * @param {string} name
   */
  #draft(name) {
    const ids = this.#one?.sources.map(({ event }) => event.event_id) ?? [];
    return `${ids.find((id) => this.drafts.get(`${id}/${name}`)) ?? this.#id}/${name}`;
  }

  get #changed() {
    return TYPED.filter((name) => {
      const text = this.drafts.get(this.#draft(name))?.text;
      return text !== undefined && text !== this.#fields[name].dataset.saved;
    });
  }

  /** @param {string} name */
  #typed(name) {
    const { value, dataset } = this.#fields[name];
    const base = this.drafts.get(this.#draft(name))?.base ?? dataset.saved;
    this.#fields[name].removeAttribute("aria-invalid");
    this.drafts.set(this.#draft(name), value === dataset.saved ? undefined : { text: value, base });
    this.#drawUnsaved();
  }

  #drawUnsaved() {
    if (!this.unsaved || !this.meanwhile) return;
    const changed = this.#changed;
    this.unsaved.hidden = !changed.length;
    const lines = changed.flatMap((name) => {
      const { dataset, ariaLabel } = this.#fields[name];
      return this.drafts.get(this.#draft(name)).base === dataset.saved
        ? []
        : [
            `${ariaLabel}: another user has changed this field to “${dataset.saved}”. If you save, you overwrite that change.`,
          ];
    });
    this.meanwhile.hidden = !lines.length;
    this.meanwhile.textContent = lines.join(" ");
  }

  #discard() {
    const discarded = this.#changed.map(
      (name) => /** @type {const} */ ([this.#draft(name), this.drafts.get(this.#draft(name))]),
    );
    for (const name of TYPED) this.drafts.set(this.#draft(name), undefined);
    if (this.#one) this.#fill(this.#one);
    showToast("Changes discarded.", "ok", {
      label: "Undo",
      run: () => discarded.forEach(([key, draft]) => this.drafts.get(key) ?? this.drafts.set(key, draft)),
    });
    this.holder.focus();
    this.act.written();
  }

  #replyForm() {
    let isSending = false;
    const input = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "input",
        "aria-label": "Reply",
        placeholder: "Reply. Type @ to mention someone",
        maxlength: LONGEST.body,
        dir: "auto",
        autocomplete: "off",
        data: { words: "" },
        oninput: () => this.drafts.set(this.#draft("reply"), input.value ? { text: input.value } : undefined),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Enter" || isComposing(event)) return;
          event.preventDefault(); // the browser would send the form, also for Shift+Enter
          if (isSendKey(event)) input.form?.requestSubmit();
        },
      })
    );
    this.#fields.reply = input;
    return h(
      "form",
      {
        class: "row",
        onsubmit: async (/** @type {Event} */ event) => {
          event.preventDefault();
          const sent = input.value;
          const draft = this.#draft("reply");
          if (!sent.trim() || !this.#one || isSending) return;
          isSending = true;
          const isSent = await this.act.reply(this.#one, sent.trim(), draft);
          isSending = false;
          if (!isSent) return;
          // Text typed while the reply was sent becomes the draft of the next reply. Meanwhile, a redraw may have
          // replaced the field.
          const typed = this.drafts.get(draft)?.text;
          if (typed?.startsWith(sent)) {
            const rest = typed.slice(sent.length).trimStart();
            this.drafts.set(draft, rest ? { text: rest } : undefined);
            if (this.#fields.reply?.value === typed) this.#fields.reply.value = rest;
          }
          if (!typed) this.act.written();
        },
      },
      input,
      h("button", { class: "btn" }, "Reply"),
    );
  }

  /** @param {Shown} one */
  #fill(one) {
    const { event, sources, at, until } = one;
    const letters = [...new Set(sources.map((source) => source.event.vod_id))];
    this.head?.replaceChildren(
      h("span", { class: "row", data: getLookAttributes(event), vars: getColors(event) }, createGlyph(event)),
      ...letters.map((id) =>
        id === null
          ? h("span", { class: "faint text-small" }, "all videos")
          : h("span", { class: "letter-badge", data: { letter: this.letterOf(id) } }, this.letterOf(id)),
      ),
      h("span", { class: "faint text-small truncate spacer" }, describeAuthor(event)),
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          "aria-label": "Close the event",
          onclick: () => this.act.close(),
        },
        icon("x"),
      ),
    );
    this.#set("label", event.label);
    this.#set("kind", event.kind);
    this.#set("color", event.color || this.#usualColor());
    this.#set("at", formatPosition(at));
    this.#set("until", until === null ? "" : formatPosition(until));
    this.#set("body", event.body);
    const reply = this.#fields.reply;
    const typed = this.drafts.get(this.#draft("reply"))?.text ?? "";
    if (reply && reply.value !== typed) reply.value = typed;
    this.#drawUnsaved();
    this.#drawDrawing(one);
    this.thread?.replaceChildren(...event.replies.map((reply) => this.#reply(one, reply)));
    this.#drawFoot(one);
  }

  /** Return the default colour of the event's kind, as #rrggbb. */
  #usualColor() {
    const sign = this.head?.querySelector(".glyph");
    const parts = sign ? getComputedStyle(sign).backgroundColor.match(/\d+(\.\d+)?/g) : null;
    if (!parts) return "#888888";
    return `#${parts
      .slice(0, 3)
      .map((part) => Math.round(Number(part)).toString(16).padStart(2, "0"))
      .join("")}`;
  }

  /** @param {string} name @param {string} value */
  #set(name, value) {
    const field = this.#fields[name];
    if (!field) return;
    if (field.dataset.saved !== value) this.#changedAt[name] = performance.now();
    field.dataset.saved = value;
    const text = this.drafts.get(this.#draft(name))?.text;
    // While saving, keep the draft: the page already shows the new value, but the server may still refuse it.
    if (text === value && !this.#isSaving) this.drafts.set(this.#draft(name), undefined);
    const shown = text ?? value;
    if (field.value === shown) return;
    field.value = shown;
    field.removeAttribute("aria-invalid");
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
    const fields = this.#fields;
    const names = this.#changed.filter((name) => wanted.includes(name));
    const wrong = names.find((name) => !isValid(name, fields[name].value));
    for (const name of names) fields[name].setAttribute("aria-invalid", String(name === wrong));
    if (wrong) return fields[wrong].focus();
    const drafts = names.map((name) => {
      const key = this.#draft(name);
      return { name, key, draft: this.drafts.get(key), seen: this.#seen(name, this.drafts.get(key)) };
    });
    this.#isSaving = true;
    for (const { name, key, draft, seen } of drafts) {
      const isSaved = await this.#send(one, name, draft.text.trim(), seen);
      if (isSaved) this.drafts.set(key, this.#remaining(key, draft, fields[name].dataset.saved));
      if (!isSaved) fields[name].setAttribute("aria-invalid", "true");
    }
    this.#isSaving = false;
    if (this.#one) this.#fill(this.#one);
    const requested = this.#requested;
    this.#requested = null;
    if (requested?.id === this.#id) return this.#save(requested.names);
    if (!this.#changed.length) this.act.written();
  }

  /**
   * Return the saved value that the user has seen: the value before typing, or a newer one that was shown long enough.
   * @param {string} name
   * @param {{base: string}} draft
   */
  #seen(name, draft) {
    const isRead = performance.now() - this.#changedAt[name] > READING_MS;
    return isRead ? this.#fields[name].dataset.saved : draft.base;
  }

  /**
   * Return the draft that is left after `sent` was saved: text typed meanwhile, or undefined.
   * @param {string} key
   * @param {any} sent
   * @param {string} [saved]
   */
  #remaining(key, sent, saved) {
    const now = this.drafts.get(key);
    return now === sent || !now ? undefined : { ...now, base: saved };
  }

  /**
   * Save one field; return false if that fails.
   * @param {Shown} one
   * @param {typeof TYPED[number]} name
   * @param {string} text
   * @param {string} [seen] The saved value that the user has seen.
   * @returns {Promise<boolean>}
   */
  #send(one, name, text, seen) {
    if (name === "at" || name === "until") return this.act.move(one, { [name]: text ? parseOffset(text) : null });
    return this.act.change(one, { [name]: name === "kind" ? toKind(text) : text }, { [name]: seen });
  }

  /** @param {Shown} one */
  #drawDrawing(one) {
    const strokes = one.event.drawing?.strokes ?? [];
    if (!this.act.canChange(one.event)) return this.drawn?.replaceChildren();
    this.drawn?.replaceChildren(
      h(
        "button",
        { class: "btn", type: "button", onclick: () => this.act.draw(one) },
        icon("pencil"),
        strokes.length ? "Edit drawing" : "Draw on the frame",
      ),
      strokes.length
        ? h(
            "button",
            {
              class: "btn quiet",
              type: "button",
              onclick: () => this.act.change(one, { drawing: null }, { drawing: one.event.drawing }),
            },
            "Remove drawing",
          )
        : "",
    );
  }

  /** @param {Shown} one @param {any} reply */
  #reply(one, reply) {
    const at = toDate(reply.created_at);
    return h(
      "li",
      {},
      h(
        "p",
        { class: "row text-small" },
        h("b", { class: "truncate" }, reply.created_by_name),
        h("time", { class: "faint", datetime: at.toISOString(), title: at.toLocaleString() }, formatRelative(at)),
        h("span", { class: "spacer" }),
        !this.act.canChange(reply)
          ? ""
          : h(
              "button",
              {
                class: "btn icon-only quiet",
                type: "button",
                "aria-label": `Delete the reply by ${reply.created_by_name}`,
                onclick: () => this.act.removeReply(one, reply.reply_id),
              },
              icon("trash"),
            ),
      ),
      h("p", { class: "anywhere", dir: "auto" }, ...markMentions(reply.body)),
    );
  }

  /** @param {Shown} one */
  #drawFoot(one) {
    if (!this.act.canChange(one.event)) return this.foot?.replaceChildren();
    const { event } = one;
    this.foot?.replaceChildren(
      h(
        "button",
        {
          class: "btn",
          type: "button",
          "aria-pressed": String(event.resolved),
          onclick: () => this.act.change(one, { resolved: !event.resolved }),
        },
        icon("check"),
        event.resolved ? "Done" : "Mark as done",
      ),
      event.color
        ? h(
            "button",
            { class: "btn quiet", type: "button", onclick: () => this.act.change(one, { color: "" }) },
            "Reset to the default colour",
          )
        : "",
      h("span", { class: "spacer" }),
      h(
        "button",
        { class: "btn danger", type: "button", onclick: () => this.act.remove(one) },
        icon("trash"),
        one.sources.length > 1 ? `Delete all ${one.sources.length} events` : "Delete",
      ),
    );
  }
}

/**
 * Return whether the text of a field is valid.
 * @param {typeof TYPED[number]} name
 * @param {string} text
 * @returns {boolean}
 */
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
  const found = {
    highlights: "detected in the picture",
    shots: "detected in the picture",
    sound_peaks: "detected in the sound",
  };
  const origin = found[/** @type {keyof found} */ (event.origin)];
  if (origin) return event.confidence === null ? origin : `${origin}, ${formatHundredths(event.confidence)}`;
  const by = event.origin === "import" ? `imported by ${event.created_by_name}` : event.created_by_name;
  return `${by}, ${time(toDate(event.created_at))}`;
}
