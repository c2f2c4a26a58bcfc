// The side panel: tabs, current offsets, and the history of changes.

import { requireElement } from "../base/dom.js";
import { describeConfidence, toDate, formatCount, formatOffset, formatPpm } from "../base/format.js";
import { errorView } from "../base/notice.js";
import { html, iconView, live, mount, nothing } from "../base/view.js";

const SHOWN = 100;
const SOURCES = { manual: "manual", timer_ocr: "aligned by timer", audio: "aligned by sound" };
const CLOCK = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** @param {HTMLElement} list @param {(id: string) => void} onShow @returns {(id: string) => void} */
export function bindTabs(list, onShow) {
  const all = /** @type {HTMLButtonElement[]} */ ([...list.querySelectorAll("[role=tab]")]);
  const show = (/** @type {HTMLButtonElement|undefined} */ tab) => {
    if (!tab) return;
    for (const other of all) {
      const on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      requireElement(`#${other.getAttribute("aria-controls")}`).hidden = !on;
    }
    onShow(tab.id);
  };
  list.addEventListener("click", ({ target }) => show(all.find((tab) => tab.contains(/** @type {Node} */ (target)))));
  list.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const now = all.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const next = all[(now + by + all.length) % all.length];
    show(next);
    next.focus();
  });
  return (id) => show(all.find((tab) => tab.id === id));
}

/** @param {string} source @param {number|null} confidence */
const describeSource = (source, confidence) =>
  confidence === null
    ? SOURCES.manual
    : `${SOURCES[/** @type {keyof SOURCES} */ (source)]}, ${describeConfidence(confidence).number}`;

/**
 * Return a function that shows the offsets of videos.
 * @param {HTMLElement} holder
 * @param {(id: string) => string} letterOf
 * @param {(id: string, ppm: number) => void} onDrift
 * @returns {(vods: any[]) => void}
 */
export function bindOffsets(holder, letterOf, onDrift) {
  const root = mount(holder);
  return (vods) => {
    // Do not overwrite a field that the user is editing.
    if (document.activeElement instanceof HTMLInputElement && holder.contains(document.activeElement)) return;
    root(html`
      <div class="row">
        <h2 class="cap">Offsets</h2>
        <span class="spacer"></span>
        <a class="text-small" href="?setup">Open the alignment page</a>
      </div>
      <dl class="offsets-list">
        ${vods.map((vod, at) => {
          const letter = letterOf(vod.vod_id);
          const isReference = at === 0 && vod.offset === 0;
          const isUnset = vod.offset_source === "manual" && !vod.offset_history.length;
          const confidence = vod.offset_source === "manual" ? null : vod.offset_confidence;
          const how = isUnset ? "not set" : describeSource(vod.offset_source, confidence);
          return html`<div data-letter=${letter}>
            <dt><span class="letter-badge">${letter}</span></dt>
            <dd>
              <span class="mono">${formatOffset(vod.offset)}</span>
              <span class="faint truncate">${isReference ? "reference" : how}</span>
            </dd>
            ${at === 0 && vod.drift_ppm === 0 ? null : driftView(vod, letter, onDrift)}
          </div>`;
        })}
      </dl>`);
  };
}

/** @param {any} vod @param {string} letter @param {(id: string, ppm: number) => void} onDrift */
function driftView(vod, letter, onDrift) {
  const change = (/** @type {any} */ { currentTarget: field }) => {
    const { rangeOverflow, rangeUnderflow } = field.validity;
    if (rangeOverflow || rangeUnderflow || field.value === "") return field.setAttribute("aria-invalid", "true");
    field.blur();
    onDrift(vod.vod_id, Number(field.value));
  };
  return html`<dd class="drift">
    <span class="faint">Drift</span>
    <input class="input mono" type="number" step="0.1" min="-1000" max="1000" .value=${live(String(vod.drift_ppm))}
      aria-label="Clock drift of ${letter}, in ppm" aria-invalid=${live(nothing)} @change=${change} />
    <span class="faint">ppm</span>
  </dd>`;
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
    this.draw = mount(holder);
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
      this.draw(history.length ? this.#listView(history, total) : NO_CHANGES);
    } catch (error) {
      this.#revision = -1;
      const retry = () => this.show(revision);
      this.draw(html`<div class="pad">${errorView("The history could not be loaded.", error, retry)}</div>`);
    }
  }

  /** @param {any[]} history @param {number} total */
  #listView(history, total) {
    const isNow = (/** @type {any} */ row) => row === history.find(({ vod_id }) => vod_id === row.vod_id);
    return html`
      <ol class="hist">${history.map((row) => this.#rowView(row, isNow(row)))}</ol>
      ${
        total > history.length
          ? html`<p class="pad text-small faint">
              Showing the latest ${history.length} of ${formatCount(total, "change")}.
            </p>`
          : null
      }`;
  }

  /** @param {any} row @param {boolean} isNow True if the row has the video's current offset. */
  #rowView(row, isNow) {
    const letter = this.letterOf(row.vod_id);
    const at = toDate(row.timestamp);
    const [before, after] = [row.old_offset, row.new_offset].map(formatOffset);
    const placement = { offset: row.new_offset, driftPpm: row.new_drift_ppm ?? 0, anchor: row.new_drift_anchor ?? 0 };
    const how = describeSource(row.source, row.confidence);
    return html`<li data-letter=${letter}>
      <span class="letter-badge">${letter}</span>
      <span class="mono truncate" title="from ${before}">${after}</span>
      <time class="faint mono" datetime=${at.toISOString()}>${at.toLocaleTimeString([], CLOCK)}</time>
      <span class="faint truncate">from ${before}${describeDriftChange(row)}, ${how}</span>
      <span class="faint truncate">${row.changed_by_name ?? row.changed_by}</span>
      ${
        isNow || !this.act.canGoBack()
          ? null
          : html`<button class="btn quiet" type="button" aria-label="Restore ${after} as the offset of ${letter}"
              @click=${() => this.act.goBack(row.vod_id, placement)}>${iconView("undo")}Restore</button>`
      }
    </li>`;
  }
}

const NO_CHANGES = html`<div class="empty">
  ${iconView("clock")}
  <h2>No changes yet</h2>
  <p class="text-small">Changes to offsets appear here with the name of the person who made them.</p>
</div>`;

/**
 * Return the end of a sentence about a change of clock drift: `, clock 0 ppm to +12.5 ppm`.
 * @param {any} row
 * @returns {string}
 */
function describeDriftChange({ old_drift_ppm: before, new_drift_ppm: after }) {
  return after === null || before === after ? "" : `, clock ${formatPpm(before ?? 0)} to ${formatPpm(after)}`;
}
