// The event that is looked at: its name, kind, times and note, what was drawn, and what was said to it. Fields are saved
// when they are left; one that is being typed in is not overwritten by what others do.

import { h, icon } from "../../base/dom.js";
import { instant, parseOffset, position, relative } from "../../base/format.js";
import { kindOf, lookOf } from "./kinds.js";
import { colors, glyph, looks } from "./lanes.js";
import { marked } from "./mentions.js";

/** @typedef {import("./store.js").Shown} Shown */
/**
 * @typedef {object} DetailActs
 * @property {(one: Shown, values: any) => Promise<boolean>} change fields of all that is shown as one; whether it was done
 * @property {(one: Shown, values: {at?: number, until?: number|null}) => void} move on the shared clock, seconds
 * @property {(one: Shown) => void} remove
 * @property {(one: Shown, body: string) => Promise<boolean>} reply
 * @property {(one: Shown, replyId: string) => void} removeReply
 * @property {(one: Shown) => void} draw
 * @property {() => void} close
 * @property {() => number} now seconds of the clock
 * @property {(written: {created_by: string|null}) => boolean} canChange an event or a reply
 * @property {() => boolean} canReply
 */

const LONGEST = { label: 200, body: 10_000 };

export class EventDetails {
  #id = "";
  /** @type {Shown|null} */ #one = null;
  /** @type {Record<string, HTMLInputElement|HTMLTextAreaElement>} */ #fields = {};

  /**
   * @param {HTMLElement} holder
   * @param {DetailActs} act
   * @param {(id: string) => string} letterOf
   * @param {import("./mentions.js").NameOffers} offers
   */
  constructor(holder, act, letterOf, offers) {
    this.offers = offers;
    this.holder = holder;
    this.act = act;
    this.letterOf = letterOf;
    holder.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      const field = /** @type {HTMLElement} */ (event.target).closest("input, textarea");
      // In a field it keeps what is typed, and closes when it is pressed again.
      if (field) this.holder.focus();
      else act.close();
    });
  }

  /** @param {Shown|null} one */
  show(one) {
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
      element.addEventListener("change", () => this.#save(name));
      element.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (tag === "input" || event.ctrlKey)) element.blur();
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
          onclick: () => this.#one && this.act.move(this.#one, { [edge]: this.act.now() }),
        },
        icon("align"),
      );
    this.holder.replaceChildren(
      this.head,
      h(
        "div",
        { class: "event-fields" },
        field("label", "Name", { maxlength: LONGEST.label, placeholder: "Name", dir: "auto" }),
        field("kind", "Kind", { list: "event-kinds", maxlength: 40 }),
        field("color", "Colour", { type: "color", class: "swatch" }),
      ),
      h(
        "div",
        { class: "event-times" },
        field("at", "Time on the shared clock", { class: "input mono" }),
        here("Set the time to now", "at"),
        h("span", { class: "faint" }, "to"),
        field("until", "End on the shared clock; empty for a moment", { class: "input mono", placeholder: "moment" }),
        here("Set the end to now", "until"),
      ),
      field("body", "Note", { rows: "2", maxlength: LONGEST.body, placeholder: "Note", dir: "auto" }, "textarea"),
      this.drawn,
      this.thread,
      this.act.canReply() ? this.#replyForm() : "",
      this.foot,
    );
    for (const name of ["body", "reply"]) if (this.#fields[name]) this.offers.attach(this.#fields[name]);
  }

  #replyForm() {
    const input = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "input",
        "aria-label": "Reply",
        placeholder: "Reply, @ to name somebody",
        maxlength: LONGEST.body,
        dir: "auto",
        autocomplete: "off",
      })
    );
    this.#fields.reply = input;
    return h(
      "form",
      {
        class: "row",
        onsubmit: async (/** @type {Event} */ event) => {
          event.preventDefault();
          const body = input.value.trim();
          if (!body || !this.#one || input.readOnly) return;
          input.readOnly = true;
          if (await this.act.reply(this.#one, body)) input.value = "";
          input.readOnly = false;
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
      h("span", { class: "row", data: looks(event), vars: colors(event) }, glyph(event)),
      ...letters.map((id) =>
        id === null
          ? h("span", { class: "faint text-small" }, "of all")
          : h("span", { class: "letter-badge", data: { letter: this.letterOf(id) } }, this.letterOf(id)),
      ),
      h("span", { class: "faint text-small truncate spacer" }, whoAndWhen(event)),
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
    this.#set("at", position(at));
    this.#set("until", until === null ? "" : position(until));
    this.#set("body", event.body);
    this.#drawDrawing(one);
    this.thread?.replaceChildren(...event.replies.map((reply) => this.#reply(one, reply)));
    this.#drawFoot(one);
  }

  /** What the event's kind is drawn in, as #rrggbb. */
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
    if (!field || field.dataset.saved === value) return;
    if (document.activeElement === field && field.value !== field.dataset.saved) return;
    field.value = value;
    field.dataset.saved = value;
    field.removeAttribute("aria-invalid");
  }

  /** @param {string} name */
  async #save(name) {
    const field = this.#fields[name];
    const one = this.#one;
    if (!one || field.value === field.dataset.saved) return;
    const value = field.value.trim();
    if (name === "at" || name === "until") {
      const seconds = value ? parseOffset(value) : null;
      const isWrong = value ? seconds === null : name === "at";
      field.setAttribute("aria-invalid", String(isWrong));
      if (!isWrong) this.act.move(one, { [name]: seconds });
      return;
    }
    const kept = name === "kind" ? kindOf(value) : value;
    field.setAttribute("aria-invalid", String(name === "kind" && !kept));
    if (name === "kind" && !kept) return;
    const before = field.dataset.saved;
    field.dataset.saved = field.value = kept;
    if (await this.act.change(one, { [name]: kept })) return;
    // What was typed is not lost with the connection.
    field.value = kept;
    field.dataset.saved = before;
    field.setAttribute("aria-invalid", "true");
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
        strokes.length ? "Change the drawing" : "Draw on the frame",
      ),
      strokes.length
        ? h(
            "button",
            { class: "btn quiet", type: "button", onclick: () => this.act.change(one, { drawing: null }) },
            "Remove the drawing",
          )
        : "",
    );
  }

  /** @param {Shown} one @param {any} reply */
  #reply(one, reply) {
    const at = instant(reply.created_at);
    return h(
      "li",
      {},
      h(
        "p",
        { class: "row text-small" },
        h("b", { class: "truncate" }, reply.created_by_name),
        h("time", { class: "faint", datetime: at.toISOString(), title: at.toLocaleString() }, relative(at)),
        h("span", { class: "spacer" }),
        !this.act.canChange(reply)
          ? ""
          : h(
              "button",
              {
                class: "btn icon-only quiet",
                type: "button",
                "aria-label": `Take back what ${reply.created_by_name} said`,
                onclick: () => this.act.removeReply(one, reply.reply_id),
              },
              icon("trash"),
            ),
      ),
      h("p", { class: "anywhere", dir: "auto" }, ...marked(reply.body)),
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
            `Colour of ${lookOf(event.kind).name.toLowerCase()}`,
          )
        : "",
      h("span", { class: "spacer" }),
      h(
        "button",
        { class: "btn danger", type: "button", onclick: () => this.act.remove(one) },
        icon("trash"),
        one.sources.length > 1 ? `Delete all ${one.sources.length}` : "Delete",
      ),
    );
  }
}

/**
 * @param {import("./store.js").SessionEvent} event
 * @param {(at: Date) => string} [time] how the time is written
 * @returns {string}
 */
export function whoAndWhen(event, time = relative) {
  const found = {
    highlights: "found in the picture",
    shots: "found in the picture",
    sound_peaks: "found in the sound",
  };
  const origin = found[/** @type {keyof found} */ (event.origin)];
  if (origin) return event.confidence === null ? origin : `${origin}, ${event.confidence.toFixed(2)}`;
  const by = event.origin === "import" ? `imported by ${event.created_by_name}` : event.created_by_name;
  return `${by}, ${time(instant(event.created_at))}`;
}
