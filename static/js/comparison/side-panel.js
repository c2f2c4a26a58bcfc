// The side panel: tabs, current offsets, and the history of changes.

import { h, icon, requireElement } from "../base/dom.js";
import { describeConfidence, toDate, formatCount, formatOffset, formatPpm } from "../base/format.js";
import { createErrorNote } from "../base/notice.js";

const SHOWN = 100;
const SOURCES = { manual: "manual", timer_ocr: "aligned by timer", audio: "aligned by sound" };

/**
 * @param {HTMLElement} list
 * @param {(id: string) => void} onShow
 * @returns {(id: string) => void}
 */
export function bindTabs(list, onShow) {
  const all = /** @type {HTMLButtonElement[]} */ ([...list.querySelectorAll("[role=tab]")]);
  const show = (/** @type {HTMLButtonElement} */ tab, focus = false) => {
    for (const other of all) {
      const on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      requireElement(`#${other.getAttribute("aria-controls")}`).hidden = !on;
    }
    if (focus) tab.focus();
    onShow(tab.id);
  };
  list.addEventListener("click", (event) => {
    const tab = /** @type {Element} */ (event.target).closest("[role=tab]");
    if (tab) show(/** @type {HTMLButtonElement} */ (tab));
  });
  list.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const now = all.findIndex((t) => t.getAttribute("aria-selected") === "true");
    show(all[(now + by + all.length) % all.length], true);
  });
  return (id) => show(/** @type {HTMLButtonElement} */ (requireElement(`#${id}`, list)));
}

/**
 * @param {HTMLElement} holder
 * @param {any[]} vods
 * @param {(id: string) => string} letterOf
 * @param {(id: string, ppm: number) => void} onDrift
 */
export function showOffsets(holder, vods, letterOf, onDrift) {
  // Do not overwrite a field that the user is editing.
  if (holder.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement) return;
  const rows = vods.map((vod, i) => {
    const how =
      i === 0 && vod.offset === 0
        ? "reference"
        : vod.offset_source === "manual"
          ? vod.offset_history.length
            ? SOURCES.manual
            : "not set"
          : `${SOURCES[/** @type {keyof SOURCES} */ (vod.offset_source)]}, ${describeConfidence(vod.offset_confidence).number}`;
    return h(
      "div",
      { data: { letter: letterOf(vod.vod_id) } },
      h("dt", {}, h("span", { class: "letter-badge" }, letterOf(vod.vod_id))),
      h("dd", {}, h("span", { class: "mono" }, formatOffset(vod.offset)), h("span", { class: "faint truncate" }, how)),
      i === 0 && vod.drift_ppm === 0 ? null : createDriftField(vod, letterOf(vod.vod_id), onDrift),
    );
  });
  holder.replaceChildren(
    h(
      "div",
      { class: "row" },
      h("h2", { class: "cap" }, "Offsets"),
      h("span", { class: "spacer" }),
      h("a", { class: "text-small", href: "?setup" }, "Open the alignment page"),
    ),
    h("dl", { class: "offsets-list" }, ...rows),
  );
}

/**
 * @param {any} vod
 * @param {string} letter
 * @param {(id: string, ppm: number) => void} onDrift
 */
function createDriftField(vod, letter, onDrift) {
  const field = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input mono",
      type: "number",
      step: "0.1",
      min: "-1000",
      max: "1000",
      value: vod.drift_ppm,
      "aria-label": `Clock drift of ${letter}, in ppm`,
      onchange: () => {
        if (!field.validity.rangeOverflow && !field.validity.rangeUnderflow && field.value !== "") {
          const ppm = Number(field.value);
          field.blur();
          onDrift(vod.vod_id, ppm);
        } else field.setAttribute("aria-invalid", "true");
      },
    })
  );
  return h(
    "dd",
    { class: "drift" },
    h("span", { class: "faint" }, "Drift"),
    field,
    h("span", { class: "faint" }, "ppm"),
  );
}

export class History {
  #revision = -1;

  /**
   * @param {HTMLElement} holder
   * @param {ReturnType<typeof import("../base/api.js").sessionUrl>} api
   * @param {(id: string) => string} letterOf
   * @param {object} act
   * @param {() => boolean} act.canGoBack
   * @param {(id: string, placement: import("../base/timeline.js").Placement) => void} act.goBack
   */
  constructor(holder, api, letterOf, act) {
    this.holder = holder;
    this.api = api;
    this.letterOf = letterOf;
    this.act = act;
  }

  /** @param {number} revision */
  async show(revision) {
    if (revision === this.#revision) return;
    this.#revision = revision;
    try {
      const { history, total } = await this.api.history(SHOWN);
      this.#draw(history, total);
    } catch (error) {
      this.#revision = -1;
      this.holder.replaceChildren(
        h(
          "div",
          { class: "pad" },
          createErrorNote("The history could not be loaded.", error, () => this.show(revision)),
        ),
      );
    }
  }

  /** @param {any[]} history @param {number} total */
  #draw(history, total) {
    if (!history.length) {
      this.holder.replaceChildren(
        h(
          "div",
          { class: "empty" },
          icon("clock"),
          h("h2", {}, "No changes yet"),
          h("p", { class: "text-small" }, "Changes to offsets appear here with the name of the person who made them."),
        ),
      );
      return;
    }
    /** @type {Map<string, any>} */ const last = new Map();
    for (const row of history) if (!last.has(row.vod_id)) last.set(row.vod_id, row);
    this.holder.replaceChildren(
      h("ol", { class: "hist" }, ...history.map((row) => this.#row(row, last.get(row.vod_id) === row))),
      total > history.length
        ? h(
            "p",
            { class: "pad text-small faint" },
            `Showing the latest ${history.length} of ${formatCount(total, "change")}.`,
          )
        : "",
    );
  }

  /** @param {any} row @param {boolean} isNow */
  #row(row, isNow) {
    const letter = this.letterOf(row.vod_id);
    const at = toDate(row.timestamp);
    const how =
      row.confidence === null
        ? SOURCES.manual
        : `${SOURCES[/** @type {keyof SOURCES} */ (row.source)]}, ${describeConfidence(row.confidence).number}`;
    return h(
      "li",
      { data: { letter } },
      h("span", { class: "letter-badge" }, letter),
      h(
        "span",
        { class: "mono truncate", title: `from ${formatOffset(row.old_offset)}` },
        formatOffset(row.new_offset),
      ),
      h(
        "time",
        { class: "faint mono", datetime: at.toISOString() },
        at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
      ),
      h("span", { class: "faint truncate" }, `from ${formatOffset(row.old_offset)}${describeDriftChange(row)}, ${how}`),
      h("span", { class: "faint truncate" }, row.changed_by_name ?? row.changed_by),
      !isNow &&
        this.act.canGoBack() &&
        h(
          "button",
          {
            class: "btn quiet",
            type: "button",
            "aria-label": `Restore ${formatOffset(row.new_offset)} as the offset of ${letter}`,
            onclick: () =>
              this.act.goBack(row.vod_id, {
                offset: row.new_offset,
                driftPpm: row.new_drift_ppm ?? 0,
                anchor: row.new_drift_anchor ?? 0,
              }),
          },
          icon("undo"),
          "Restore",
        ),
    );
  }
}

/**
 * Return the end of a sentence about a change of clock drift: `, clock 0 ppm to +12.5 ppm`.
 * @param {any} row
 * @returns {string}
 */
function describeDriftChange({ old_drift_ppm: before, new_drift_ppm: after }) {
  return after === null || before === after ? "" : `, clock ${formatPpm(before ?? 0)} to ${formatPpm(after)}`;
}
