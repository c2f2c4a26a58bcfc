// The page that edits a reel: moments are trimmed in the score chart, reordered in the list, and previewed in the player.

import { ApiError } from "../base/api.js";
import { readPageData, requireElement, setText } from "../base/dom.js";
import { formatClock, formatCount, formatHundredths, formatMoment, formatTenths, parseMoment } from "../base/format.js";
import { bind } from "../base/keys.js";
import { toggleMenu } from "../base/menu.js";
import { errorView, showToast } from "../base/notice.js";
import { followPointer } from "../base/pointer.js";
import { html, iconView, live, mount, nothing, repeat } from "../base/view.js";
import { cutReel, newKey, readResults, readSession } from "./api.js";
import { findNextBest, findOffers, findRoomAround, findTotalError, LEAST, MOST, toMoment } from "./chosen-moments.js";
import { formatRange } from "./labels.js";
import * as edit from "./reel-draft.js";
import { ReelPreview } from "./reel-preview.js";
import { findHighlightsOf } from "./reel-times.js";
import { bindKeys, makeSourceFilm, openScreen } from "./result-player.js";
import { makeScoreLanes } from "./score-lanes.js";
import { TimeChart } from "./time-chart.js";
import { pictureView } from "./views.js";

/**
 * @typedef {edit.ReelMoment} ReelMoment
 * @typedef {"start"|"end"|"both"} Edge
 */

const SAME_EDIT = 800; // ms within which further changes of the same kind are undone together
const MAX_ZOOM = 16;
const DRAG_PIXELS = 4; // movement of the pointer from which a press is a drag
/** @type {Record<string, number>} */ const ARROWS = { ArrowUp: -1, ArrowDown: 1 };

/** @type {import("./api.js").Session} */ const session = readPageData("analysis-session");
const { fps } = readPageData("facts");
const drafts = edit.openReelDrafts(session.sessionId);
const drawTotals = mount(requireElement("[data-totals]"));
const drawProblem = mount(requireElement("[data-problem]"));
const drawList = mount(requireElement("[data-moments]"));
const drawParts = mount(requireElement("[data-parts]"));
const NO_MOMENTS = html`
  <li class="nothing muted">
    The reel has no moments. Add the best segment, or a moment at the playhead. In the chart, + adds a segment that
    reaches the minimum score.
  </li>`;
const NEEDS_MOMENT = "[data-films] [value=preview], [data-act=in], [data-act=out], [data-act=split]";
const getKey = (/** @type {ReelMoment} */ { key }) => key;

try {
  startEditor((await readResults(session.sessionId)).data);
} catch (error) {
  drawProblem(errorView("The result could not be loaded.", error, () => location.reload()));
}

/** @param {import("./api.js").Highlights} data */
function startEditor(data) {
  const { duration, segments } = data;
  const inReel = data.highlights.map((/** @type {any} */ one) => edit.toReelMoment({ ...one, ...toMoment(one) }));
  /** In the order of the reel. @type {ReelMoment[]} */
  let moments = drafts.get("reel")?.moments.map(edit.toReelMoment) ?? inReel;
  let current = moments[0]?.key ?? 0;
  /** @type {ReelMoment[][]} */ let past = [];
  /** @type {ReelMoment[][]} */ let future = [];
  let last = { name: "", at: 0 };
  let zoom = 1;
  let requestKey = newKey();
  let isSending = false;
  let isDragged = false;
  /** The wrong time that was typed last. @type {{key: number, edge: string, typed: string, text: string}|null} */
  let wrongTime = null;

  const read = () => readSession(session.sessionId);
  const screen = /** @type {import("./result-player.js").Screen} */ (
    openScreen(requireElement("main"), [makeSourceFilm("source", session, duration, read)])
  );
  screen.player.know(fps, false);
  const preview = new ReelPreview(screen, () => moments);
  const makeLanes = makeScoreLanes(data);
  let least = Number(session.params.min_score ?? 0);
  const getCurrent = () => moments.find(({ key }) => key === current);
  const getNumber = (/** @type {ReelMoment} */ moment) => moments.indexOf(moment) + 1;
  const describe = (/** @type {ReelMoment} */ moment) => edit.describeMoment(moment, data);
  const getRange = (/** @type {ReelMoment} */ { start, end }) => `${formatMoment(start)} to ${formatMoment(end)}`;

  const chart = new TimeChart(requireElement("[data-chart]"), {
    duration,
    label: "Position in the video (score chart)",
    stops: segments.map((one) => one.start_time),
    say: formatMoment,
    seek: (time) => preview.seek(time),
    lanes: () => {
      const shown = moments.map(({ start, end }) => ({ start_time: start, end_time: end }));
      return makeLanes((one) => findHighlightsOf(/** @type {any} */ (shown), one).length > 0, least);
    },
    overlay: (drawn) => [
      findOffers(moments, segments, least, duration).map((offer) => offerView(offer, drawn)),
      repeat(moments, getKey, (moment) => bandView(moment, drawn)),
    ],
  });

  /**
   * Replace the moments.
   * @param {ReelMoment[]} next @param {string} [name] Kind of the change.
   * @param {number} [together] Time in ms within which changes of this kind are undone together.
   */
  function change(next, name = "", together = SAME_EDIT) {
    replace(next, name, together);
    store();
  }

  /**
   * Replace the moments without storing them.
   * @param {ReelMoment[]} next @param {string} name @param {number} [together] As for `change`.
   */
  function replace(next, name, together = SAME_EDIT) {
    const isSame = name && name === last.name && Date.now() - last.at < together;
    if (!isSame) past = [...past, moments];
    last = { name, at: Date.now() };
    future = [];
    moments = next;
    requestKey = newKey();
  }

  const listStored = () => moments.map(({ key, ...moment }) => moment);

  function store() {
    drafts.set("reel", { moments: listStored() });
    wrongTime = null;
    draw();
  }

  // Show what another tab changes in the draft: otherwise, the next change in this tab would undo it. Do not store it
  // again, because the other tab may have changed more meanwhile.
  drafts.addEventListener("change", () => {
    const stored = drafts.get("reel")?.moments;
    if (stored && JSON.stringify(stored) !== JSON.stringify(listStored())) {
      const adopt = (/** @type {ReelMoment} */ one, /** @type {number} */ index) => {
        const moment = edit.toReelMoment(one);
        return { ...moment, key: moments[index]?.key ?? moment.key };
      };
      replace(stored.map(adopt), "other tab");
    }
    draw();
  });

  /** @param {1|-1} by */
  function stepHistory(by) {
    const next = by < 0 ? past.at(-1) : future.at(-1);
    if (!next) return;
    if (by < 0) [past, future] = [past.slice(0, -1), [...future, moments]];
    else [past, future] = [[...past, moments], future.slice(0, -1)];
    last = { name: "", at: 0 };
    moments = next;
    requestKey = newKey();
    store();
  }

  /** @param {ReelMoment} moment @param {boolean} [seeks] */
  function select(moment, seeks = true) {
    if (current !== moment.key) wrongTime = null;
    current = moment.key;
    if (!seeks) return draw();
    if (preview.isOn) preview.goTo(moments.indexOf(moment));
    else preview.seek(moment.start);
    draw();
  }

  /**
   * @param {ReelMoment} moment @param {Edge} edge @param {number} time
   * @param {string} [drag] Name of the drag, which is undone as one change.
   */
  function trim(moment, edge, time, drag) {
    const now = moments.find(({ key }) => key === moment.key);
    if (!now) return;
    current = now.key;
    const next = edit.trimMoment(moments, now, edge, time, duration);
    change(next, drag ?? `${edge} ${now.key}`, drag ? Infinity : SAME_EDIT);
    const { start, end } = getCurrent() ?? now;
    screen.seek(edge === "end" ? Math.max(start, end - 1 / fps) : start);
  }

  /** @param {"start"|"end"} edge */
  function setAtPlayhead(edge) {
    const moment = getCurrent();
    if (!moment) return;
    const { time } = screen.player;
    const problem = edit.findTimeError(moments, moment, edge, time, duration);
    if (problem) return showToast(`The ${edge} of moment ${getNumber(moment)} was not changed. ${problem}`, "warn");
    change(edit.trimMoment(moments, moment, edge, time, duration));
  }

  /** @param {ReelMoment} moment @param {"start"|"end"} edge @param {string} typed */
  function setTime(moment, edge, typed) {
    const time = parseMoment(typed);
    const text =
      time === null
        ? "Enter a time such as 0:38.600 or 38.6."
        : edit.findTimeError(moments, moment, edge, time, duration);
    if (time !== null && !text) return trim(moment, edge, time);
    wrongTime = { key: moment.key, edge, typed, text };
    draw();
  }

  /** @param {import("./chosen-moments.js").Moment|null} found @param {string} [problem] */
  function add(found, problem = "") {
    if (moments.length >= MOST) return showToast(`A reel can have at most ${MOST} moments. Remove some.`, "warn");
    if (!found) return showToast(problem, "warn");
    const moment = edit.toReelMoment(found);
    const { length } = moments;
    // A new moment comes before the first moment that is later in the video.
    const later = moments.findIndex(({ start }) => start > moment.start);
    change(edit.moveItem(moments, moment, later < 0 ? length : later));
    select(moment);
  }

  function split() {
    const moment = getCurrent();
    const next = moment && edit.splitMoment(moments, moment, screen.player.time);
    if (next) change(next);
    else showToast(`Go to a place inside the selected moment, at least ${LEAST} s from its ends.`, "warn");
  }

  /** @param {ReelMoment} moment @param {number} to */
  function reorder(moment, to) {
    change(edit.moveItem(moments, moment, to));
    setText(requireElement("[data-said]"), `Moment ${getNumber(moment)} of ${moments.length}.`);
    document.getElementById(`hold-${moment.key}`)?.focus(); // a moved element loses the focus
  }

  /** @param {ReelMoment} moment */
  function remove(moment) {
    const at = moments.indexOf(moment);
    change(moments.filter((one) => one !== moment));
    const next = moments[Math.min(at, moments.length - 1)];
    if (next) select(next, false);
    (next ? requireElement(`#hold-${next.key}`) : requireElement("[data-act=add]")).focus();
  }

  /** Replace one moment's title or transition. @param {ReelMoment} moment @param {Partial<ReelMoment>} values */
  const set = (moment, values) =>
    change(
      moments.map((one) => (one === moment ? { ...moment, ...values } : one)),
      `${Object.keys(values)} ${moment.key}`,
    );

  async function make() {
    const length = edit.placeMoments(moments).at(-1)?.end ?? 0;
    const fault = findTotalError(moments.length, length);
    if (fault) return drawProblem(html`<p class="note bad" role="alert">${fault}</p>`);
    if (isSending) return;
    isSending = true;
    const sent = moments;
    try {
      const { job_id: job } = await cutReel(session.sessionId, sent, requestKey);
      // The job deletes the draft, unless the user has changed the draft during the request.
      if (moments === sent) drafts.set("reel", { moments: listStored(), job });
      return location.assign(`/analysis/${encodeURIComponent(session.sessionId)}`);
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) requestKey = newKey();
      drawProblem(errorView("The reel could not be created.", error));
    }
    isSending = false;
  }

  /** Drag an edge, or a moment, in the chart. @param {PointerEvent} event @param {ReelMoment} moment @param {Edge} edge */
  function drag(event, moment, edge) {
    if (event.button !== 0) return;
    const from = edge === "end" ? moment.end : moment.start;
    const name = `drag ${event.timeStamp}`;
    const redoable = future;
    let hasMoved = false;
    const cancel = () => {
      stepHistory(-1);
      future = redoable; // the cancelled drag cannot be redone
      draw();
    };
    const move = (/** @type {PointerEvent} */ { clientX }) => {
      hasMoved ||= Math.abs(clientX - event.clientX) > DRAG_PIXELS;
      if (hasMoved) trim(moment, edge, from + ((clientX - event.clientX) / chart.lanes.clientWidth) * duration, name);
    };
    followPointer(event, move, (isReleased) => !isReleased && last.name === name && cancel());
  }

  /** @param {KeyboardEvent} event @param {ReelMoment} moment @param {Edge} edge */
  function nudge(event, moment, edge) {
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (event.key === "Delete") return remove(moment);
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    trim(moment, edge, (edge === "end" ? moment.end : moment.start) + step * (event.shiftKey ? 1 : 1 / fps));
  }

  /** @param {ReelMoment} moment @param {TimeChart} drawn */
  function bandView(moment, drawn) {
    const n = getNumber(moment);
    const isCurrent = moment.key === current;
    const edgeView = (/** @type {"start"|"end"} */ edge) => html`
      <i class="edge ${edge}" role="slider" tabindex="0" aria-label="${edge === "start" ? "Start" : "End"} of moment ${n}"
        aria-valuemin="0" aria-valuemax=${duration.toFixed(3)} aria-valuenow=${moment[edge].toFixed(3)}
        aria-valuetext=${formatMoment(moment[edge])} data-edge=${edge}
        @pointerdown=${(/** @type {PointerEvent} */ event) => drag(event, moment, edge)}
        @keydown=${(/** @type {KeyboardEvent} */ event) => nudge(event, moment, edge)}>
        <b aria-hidden="true">${formatMoment(moment[edge])}</b>
      </i>`;
    return html`
      <div class="span" .style=${`--x: ${drawn.share(moment.start)}; --w2: ${drawn.share(moment.end - moment.start)}`}>
        <button class="band" type="button" aria-current=${isCurrent ? "true" : nothing}
          aria-label="${n}: moment, ${getRange(moment)}, score ${formatHundredths(describe(moment).score)}"
          @pointerdown=${(/** @type {PointerEvent} */ event) => drag(event, moment, "both")}
          @keydown=${(/** @type {KeyboardEvent} */ event) => nudge(event, moment, "both")}
          @click=${() => select(moment)}><b>${n}</b></button>
        ${isCurrent ? [edgeView("start"), edgeView("end")] : null}
      </div>`;
  }

  /** @param {ReturnType<typeof findOffers>[number]} offer @param {TimeChart} drawn */
  function offerView({ start, end, score }, drawn) {
    const words = `Add ${formatRange(start, end)}, score ${formatHundredths(score)}`;
    const addOffer = () => {
      add({ start, end });
      document.getElementById(`hold-${current}`)?.focus(); // the offer's button is gone
    };
    return html`
      <div class="span offered" .style=${`--x: ${drawn.share(start)}; --w2: ${drawn.share(end - start)}`}>
        <button type="button" aria-label=${words} title=${words} @click=${addOffer}>+</button>
      </div>`;
  }

  /** @param {ReelMoment} moment @param {"start"|"end"} edge */
  function timeView(moment, edge) {
    const wrong = wrongTime?.key === moment.key && wrongTime.edge === edge ? wrongTime : null;
    return html`
      <input class="input mono" type="text" autocomplete="off" spellcheck="false"
        aria-label="${edge === "start" ? "Start" : "End"} time of moment ${getNumber(moment)}"
        aria-invalid=${String(Boolean(wrong))} aria-describedby=${wrong ? "wrong-time" : nothing}
        .value=${live(wrong?.typed ?? formatMoment(moment[edge]))}
        @change=${(/** @type {any} */ { target }) => setTime(moment, edge, target.value)} />`;
  }

  /** @param {ReelMoment} moment */
  function rowView(moment) {
    const n = getNumber(moment);
    const { score, description, thumbnail_url: picture } = describe(moment);
    const isFade = moment.transition === "fade";
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      const { key, altKey, target } = event;
      const isHold = /** @type {HTMLElement} */ (target).matches("[data-hold]");
      if (key === "Delete" && !(target instanceof HTMLInputElement)) remove(moment);
      else if (key in ARROWS && (altKey || isHold)) reorder(moment, n - 1 + ARROWS[key]);
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    const openMenu = (/** @type {Event} */ { currentTarget }) =>
      isDragged ||
      toggleMenu(/** @type {HTMLElement} */ (currentTarget), `Move moment ${n}`, [
        { label: "Move up", icon: "up", run: () => reorder(moment, n - 2) },
        { label: "Move down", icon: "down", run: () => reorder(moment, n) },
      ]);
    return html`
      <li aria-current=${moment.key === current ? "true" : nothing} data-key=${moment.key} @keydown=${onKey}>
        ${
          n === 1
            ? null
            : html`<button class="between" type="button" aria-pressed=${String(isFade)}
            aria-label="${isFade ? `Fade ${edit.FADE_SECONDS} s` : "Cut"} before moment ${n}"
            @click=${() => set(moment, { transition: isFade ? "cut" : "fade" })}>
            ${isFade ? `Fade ${edit.FADE_SECONDS} s` : "Cut"}
          </button>`
        }
        <div class="moment">
          <button class="hold" type="button" id="hold-${moment.key}" data-hold title="Drag, or use the arrow keys"
            aria-label="Move moment ${n}" aria-haspopup="menu" aria-expanded="false" @click=${openMenu}
            @pointerdown=${(/** @type {PointerEvent} */ event) => dragRow(event, moment)}>${iconView("grip")}</button>
          <button class="segment-number" type="button" aria-label="${n}: go to moment, ${getRange(moment)}"
            @click=${() => select(moment)}>${n}</button>
          ${pictureView(picture)}
          <div class="words" @click=${() => moment.key === current || select(moment)}>
            <p class="truncate" title=${description} dir="auto">${description}</p>
            ${
              moment.key === current
                ? html`<p class="times">${timeView(moment, "start")}–${timeView(moment, "end")}</p>`
                : html`<p class="mono text-small faint">${formatMoment(moment.start)}–${formatMoment(moment.end)}</p>`
            }
          </div>
          <p class="mono length">${formatTenths(moment.end - moment.start)}<br />
            <span class="text-small faint">${formatHundredths(score)}</span></p>
          <input class="input" type="text" .value=${live(moment.title)} placeholder="No title card" autocomplete="off"
            maxlength=${edit.MAX_TITLE} aria-label="Title card before moment ${n}" dir="auto"
            @input=${(/** @type {any} */ { target }) => set(moment, { title: target.value })} />
          <button class="btn icon-only quiet" type="button" aria-label="Remove moment ${n}" title="Remove"
            @click=${() => remove(moment)}>${iconView("x")}</button>
        </div>
        ${
          wrongTime?.key === moment.key
            ? html`<p class="field-error" id="wrong-time" role="alert">${iconView("alert")}${wrongTime.text}</p>`
            : null
        }
      </li>`;
  }

  /** Drag a row of the list to another place. @param {PointerEvent} event @param {ReelMoment} moment */
  function dragRow(event, moment) {
    if (event.button !== 0) return;
    const rows = /** @type {HTMLElement[]} */ ([...requireElement("[data-moments]").children]);
    const at = moments.indexOf(moment);
    let to = at;
    const move = (/** @type {PointerEvent} */ { clientY }) => {
      isDragged ||= Math.abs(clientY - event.clientY) > DRAG_PIXELS;
      if (!isDragged) return;
      const below = rows.findIndex((row) => {
        const { top, height } = row.getBoundingClientRect();
        return clientY < top + height / 2;
      });
      to = below < 0 ? rows.length : below;
      for (const [index, row] of rows.entries()) {
        row.toggleAttribute("data-dragged", index === at);
        row.toggleAttribute("data-drop", index === to);
        row.toggleAttribute("data-drop-after", to === rows.length && index === to - 1);
      }
      rows[Math.min(to, rows.length - 1)].scrollIntoView({ block: "nearest" });
    };
    followPointer(event, move, (isDropped) => {
      for (const row of rows) for (const name of ["dragged", "drop", "drop-after"]) row.removeAttribute(`data-${name}`);
      if (isDropped && isDragged && moments.includes(moment) && to !== at && to !== at + 1)
        reorder(moment, to > at ? to - 1 : to);
      setTimeout(() => {
        isDragged = false; // after the click that follows the release
      });
    });
  }

  function draw() {
    const placed = edit.placeMoments(moments);
    const titles = placed.filter(({ card, start }) => start > card).length;
    const length = placed.at(-1)?.end ?? 0;
    const stored = drafts.all.find(([key]) => key === "reel")?.[1];
    drawTotals(html`
      <span>${formatCount(moments.length, "moment")}, <span class="mono">${formatTenths(length)}</span>
        ${titles ? `with ${formatCount(titles, "title card")}` : ""}</span>
      ${
        stored &&
        html`<span class="status ok">${iconView("check")}<span>Draft saved
          ${new Date(stored.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}</span></span>`
      }`);
    drawProblem(null);
    if (!getCurrent()) current = moments[0]?.key ?? 0;
    drawList(moments.length ? repeat(moments, getKey, rowView) : NO_MOMENTS);
    chart.draw();
    const order = requireElement("#order");
    order.value = ["time", "score"].find((by) => sortMoments(by).every((one, n) => one === moments[n])) ?? "own";
    requireElement("[data-act=undo]").disabled = !past.length;
    requireElement("[data-act=redo]").disabled = !future.length;
    for (const button of document.querySelectorAll(NEEDS_MOMENT)) button.toggleAttribute("disabled", !moments.length);
    requireElement("[data-act=found]").hidden = !data.found;
    requireElement("[data-act=discard]").hidden = !stored;
    drawPlace();
  }

  /** @param {string} by */
  const sortMoments = (by) =>
    [...moments].sort((one, other) =>
      by === "score" ? describe(other).score - describe(one).score : one.start - other.start,
    );

  function drawPlace() {
    const { player } = screen;
    const placed = edit.placeMoments(moments);
    const length = placed.at(-1)?.end ?? 0;
    const index = preview.isOn
      ? preview.index
      : moments.findIndex(({ start, end }) => player.time >= start && player.time < end);
    const playing = moments[index];
    chart.update(player.time);
    setText(requireElement("[data-where]"), playing ? `${index + 1} ${describe(playing).description}` : "");
    const times = preview.isOn ? [preview.time, length] : [player.time, duration];
    setText(requireElement("[data-time]"), times.map(formatMoment).join(" / "));
    setText(requireElement("[data-act=add] span"), `Add at ${formatClock(player.time)}`);
    drawParts(
      placed.map(({ moment, card, start }, n) => [
        start > card ? html`<i class="card" title="Title card"></i>` : null,
        html`<button type="button" aria-label="${n + 1}: play moment, ${formatRange(moment.start, moment.end)}"
          aria-current=${n === index ? "true" : nothing} .style=${`--grow: ${Math.max(1, moment.end - moment.start)}`}
          @click=${() => preview.goTo(n, true)}>${n + 1}</button>`,
      ]),
    );
  }

  function mark() {
    for (const button of requireElement("[data-films]").querySelectorAll("button"))
      button.setAttribute("aria-pressed", String((button.value === "preview") === preview.isOn));
    requireElement("[data-source-time]").hidden = !preview.isOn;
    drawPlace();
  }

  const usual = Number(session.params.segment_length) || 10;
  const goBy = (/** @type {1|-1} */ by) => {
    const at = moments.findIndex(({ key }) => key === current);
    const next = moments[Math.max(0, Math.min(moments.length - 1, at + by))];
    if (next) select(next);
  };
  const acts = {
    undo: () => stepHistory(-1),
    redo: () => stepHistory(1),
    make,
    prev: () => goBy(-1),
    next: () => goBy(1),
    back: () => screen.player.frame(-1),
    forward: () => screen.player.frame(1),
    in: () => setAtPlayhead("start"),
    out: () => setAtPlayhead("end"),
    split,
    loop: () => {
      preview.isLooping = !preview.isLooping;
      requireElement("[data-act=loop]").setAttribute("aria-pressed", String(preview.isLooping));
    },
    add: () => add(findRoomAround(moments, screen.player.time, usual, duration), "There is no room for a moment here."),
    best: () => add(findNextBest(moments, segments, duration), "No other segment can be added to the reel."),
    found: () => change((data.found ?? []).map((one) => edit.toReelMoment(toMoment(one)))),
    discard: () => {
      change(inReel);
      drafts.set("reel", undefined);
      draw();
    },
    "zoom-in": () => setZoom(zoom * 2),
    "zoom-out": () => setZoom(zoom / 2),
    "zoom-all": () => setZoom(1),
  };
  const setZoom = (/** @type {number} */ next) => {
    zoom = Math.max(1, Math.min(MAX_ZOOM, next));
    chart.zoom(zoom);
  };
  for (const [name, run] of Object.entries(acts))
    requireElement(`[data-act=${name}]`).addEventListener("click", () => run());
  requireElement("[data-films]").addEventListener("click", (/** @type {any} */ { target }) => {
    if (target.closest("button")?.value === "preview") preview.goTo(Math.max(0, preview.index), true);
    else preview.stop();
  });
  requireElement("#order").addEventListener("change", (/** @type {any} */ { target }) => {
    if (target.value !== "own") change(sortMoments(target.value));
  });
  const minimum = requireElement("[data-minimum]");
  const showMinimum = () => setText(requireElement("[data-minimum-value]"), formatHundredths(least));
  minimum.value = String(least);
  minimum.addEventListener("input", () => {
    least = Number(minimum.value);
    showMinimum();
    chart.draw();
  });
  showMinimum();
  bindKeys(screen, chart, (time) => preview.seek(time), [
    bind("in", acts.in),
    bind("out", acts.out),
    bind("split", acts.split),
    bind("previous", acts.prev),
    bind("next", acts.next),
    bind("back", acts.back),
    bind("forward", acts.forward),
    bind("undo", acts.undo),
    bind("redo", acts.redo),
  ]);
  screen.addEventListener("time", drawPlace);
  preview.addEventListener("change", mark);
  requireElement("[data-editor]").hidden = false;
  draw();
  if (moments[0]) preview.seek(moments[0].start);
}
