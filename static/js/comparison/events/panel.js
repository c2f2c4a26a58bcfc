// The events of the comparison page. List, timeline and details share one store and one set of filters.

import { ApiError, makeIdempotencyKey } from "../../base/api.js";
import { askToDelete } from "../../base/dialog.js";
import { requireElement, setText } from "../../base/dom.js";
import { discardButtonView } from "../../base/draft-list.js";
import { Drafts, getText, isComposing, isSendKey } from "../../base/drafts.js";
import { formatCount, formatPosition } from "../../base/format.js";
import { labelButton } from "../../base/keys.js";
import { toggleMenu } from "../../base/menu.js";
import { errorView, explainError, showToast } from "../../base/notice.js";
import { toVideoTime } from "../../base/timeline.js";
import { html, mount, repeat } from "../../base/view.js";
import { EventDetails } from "./details.js";
import { DrawingLayer, SHOWN_SECONDS, Sketch } from "./drawings.js";
import { filterEvents, countKinds, findLastBegun, makeEmptyFilters, listPeople } from "./filters.js";
import { NOTE, OFFERED, toKind, getLook } from "./kinds.js";
import { Finding } from "./auto-detect.js";
import { EventLanes, HoverCard, glyphView } from "./lanes.js";
import { EventList } from "./event-list.js";
import { NameOffers } from "./name-offers.js";
import { EventStore, getEventName } from "./store.js";

const UPRIGHT_PHONE = "(max-width: 640px) and (orientation: portrait)";
const LONGEST_COMMENT = 10_000; // characters
const LONGEST_NAME = 200;
const LOST_TYPING_MS = 1000;
const CAUGHT_KEYS = ["Backspace", "Enter", "Shift", "CapsLock", "Dead"];
const TYPED_ON_MS = 500; // A key that is pressed within this time after Enter continues the sent text.
const SHORTEST = 0.05; // A span lasts at least this many seconds.
// If the user adds an event less than this many seconds from an unsent draft, the draft is reopened instead. Drafts of
// comments are reopened only for new comments, and other drafts only for other events.
const SAME_MOMENT = 2;
const NEW = "new/";
const REACHED = 0.02; // the clock counts as being at an event if it is less than this many seconds from its start

/**
 * @typedef {import("./store.js").Shown} Shown
 * @typedef {import("./strokes.js").Stroke} Stroke
 * @typedef {import("../panes.js").Pane} Pane
 *
 * @typedef {object} NewDraft The draft of a new event.
 * @property {string} kind
 * @property {string} [offered] The kind that the form offered at first.
 * @property {string} vodId
 * @property {number} at The event's time on the shared clock, in seconds.
 * @property {number} time The position in the event's video, in seconds.
 * @property {boolean} isOfAll
 * @property {string} text
 * @property {boolean} isOpen
 * @property {Stroke[]} [strokes] The strokes of an unsaved drawing.
 * @property {string} [eventId] The id of the event that has the drawing; empty for a new event.
 * @property {Stroke[]} [saved] The event's strokes when the user began to draw.
 */

export class EventsPanel {
  #filters = makeEmptyFilters();
  /** Events that match the filters. @type {Shown[]} */ #shown = [];
  #selected = "";
  #kind = "mark";
  #rightsDrawn = "";
  /** Ids of events with unsent text. @type {Set<string>} */ #withDraft = new Set();
  /** @type {Set<string>} */ #sentDrafts = new Set();
  /** Draft in the form for a new event. @type {{key: string, draft: NewDraft}|null} */ #marked = null;
  /** @type {{sketch: Sketch, eventId: string, draft: string, isStored: () => boolean}|null} */ #sketch = null;
  #isSketching = false;

  /**
   * @param {object} parts @param {ReturnType<typeof import("../../base/api.js").eventsUrl>} parts.api
   * @param {any[]} parts.vods @param {Pane[]} parts.panes @param {import("../actions.js").Actions} parts.actions
   * @param {import("../layout.js").View} parts.view @param {import("../timeline-view.js").TimelineView} parts.timeline
   * @param {(id: string) => string} parts.letterOf @param {() => void} parts.reveal
   * @param {() => {canEdit: boolean, canComment: boolean, userId: string}} parts.rights
   * @param {{username: string, user_id: string, is_visitor: boolean}} parts.person @param {string} parts.sessionId
   * @param {() => Promise<string[]>} parts.nameable Function that loads the names of users that can be mentioned.
   */
  constructor({ api, vods, panes, actions, view, timeline, letterOf, reveal, rights, person, sessionId, nameable }) {
    this.api = api;
    this.vods = vods;
    this.panes = panes;
    this.actions = actions;
    this.view = view;
    this.reveal = reveal;
    this.letterOf = letterOf;
    this.rights = rights;
    this.username = person.username;
    this.offers = new NameOffers(nameable);
    this.store = new EventStore(api, vods, person.username, person.user_id);
    this.naming = requireElement("[data-naming]");
    const part = (/** @type {string} */ name) => requireElement(`[data-naming-${name}]`);
    const send = part("send");
    this.fields = { letter: part("letter"), name: part("name"), kind: part("kind"), all: part("all"), send };
    this.filters = requireElement("[data-kind-filters]");
    this.people = requireElement("[data-filter=person]");
    this.state = requireElement("[data-event-state]");
    this.sketchButton = requireElement("[data-act=sketch]");
    this.drawRows = mount(requireElement("[data-drafts]"));
    this.drawKinds = mount(this.filters);
    this.drawPeople = mount(this.people);
    this.drawState = mount(this.state);
    this.layers = new Map(panes.map((pane) => [pane.id, new DrawingLayer(pane)]));
    this.drafts = new Drafts(person.user_id, `comparison/${sessionId}`);
    this.list = new EventList(requireElement("[data-event-list]"), this);
    this.details = new EventDetails(requireElement("[data-event-details]"), this);
    this.offers.attach(this.fields.name, () => toKind(this.fields.kind.value) === NOTE);
    this.finding = new Finding(requireElement("[data-finding]"), this);
    this.card = new HoverCard(requireElement("[data-hover-card]"), panes);
    this.lanes = new EventLanes(requireElement("[data-event-layer]"), timeline, this);
    this.store.addEventListener("change", () => this.#draw());
    this.store.addEventListener("rename", (event) => {
      const { from, to } = /** @type {CustomEvent} */ (event).detail;
      this.drafts.move(from, to);
    });
    this.drafts.addEventListener("change", () => this.#drawDrafts());
    const warn = () => showToast("This browser cannot store drafts. Save your text before you close this tab.", "warn");
    this.drafts.addEventListener("unstored", warn, { once: true });
    document.addEventListener("visibilitychange", () => this.drawMentions());
    this.store.edits.addEventListener("change", () => this.#drawEdits());
    this.#listen();
    this.#drawEdits();
  }

  /** Apply a message about changed events. @param {{by: string, named?: Record<string, string[]>}} message */
  receive(message) {
    this.store.receive(/** @type {any} */ (message));
    const mine = Object.entries(message.named ?? {}).filter(([, users]) => users.includes(this.username));
    // A mention in the open event needs no notice, because it is already marked as read.
    if (mine.some(([id]) => this.store.unseen.has(id) || !this.store.isLoaded))
      showToast(`${message.by} mentioned you.`);
  }

  /** Texts of all drafts, separated by blank lines; empty if there are none. */
  get draftTexts() {
    return this.drafts.all
      .map(([, { value }]) => getText(value))
      .filter(Boolean)
      .join("\n\n");
  }

  // Display

  /** Update list and drawings, once per animation frame. @param {number} T Time on the shared clock, in seconds. */
  update(T) {
    this.list.update(T);
    for (const layer of this.layers.values()) layer.update(T, this.#sketch?.eventId ?? "");
  }

  #draw() {
    const { store } = this;
    const all = store.shown;
    this.#withDraft = new Set(this.drafts.all.map(([key]) => key.split("/")[0]));
    const filters = this.#filters;
    this.#shown = filterEvents(all, filters);
    const selected = this.#selected ? store.withEvent(this.#selected) : undefined;
    this.#selected = selected?.id ?? "";
    this.list.show(this.#shown, this.#selected);
    this.lanes.show(this.#shown, this.#selected);
    this.details.show(selected ?? null);
    this.#keepLostTyping();
    this.#drawFilters(all);
    setText(requireElement("[data-event-count]"), all.length ? String(all.length) : "");
    this.state.hidden = this.#shown.length > 0 && !store.failure;
    requireElement("[data-event-list]").hidden = this.#shown.length === 0;
    this.drawState(this.#stateView(all.length));
    this.#drawDraftRows();
    this.drawMentions(selected);
    const drawn = [...store.all].filter(
      (event) => event.drawing?.strokes?.length && !filters.hiddenKinds.has(event.kind),
    );
    for (const [id, layer] of this.layers)
      layer.show(drawn.filter(({ vod_id: vod }) => vod === id || (vod === null && id === this.view.state.main)));
  }

  /** Redraw after a draft changed in this or another tab. */
  #drawDrafts() {
    if (this.#sketch) {
      const strokes = this.drafts.get(this.#sketch.draft)?.strokes;
      if (strokes) this.#sketch.sketch.follow(strokes);
      else if (this.#sketch.isStored()) this.#sketch.sketch.close();
    }
    const { name } = this.fields;
    if (this.#marked && name.value.trim()) {
      const draft = this.drafts.get(this.#marked.key);
      if (draft && draft.text !== name.value) name.value = draft.text;
      else if (draft) return this.#draw();
      else this.#hideNaming();
    }
    this.#draw();
  }

  /**
   * If the field in which the user is typing has disappeared, add the next keys to the field's draft. Otherwise, the
   * keys would run shortcuts. Stop once the user has pressed no key for a second.
   */
  #keepLostTyping() {
    const draft = this.details.takeLostDraft();
    if (!draft || isTyping()) return;
    if (this.drafts.get(draft)?.text)
      showToast("The field that you were typing in was closed. Your text is kept as a draft.", "warn");
    this.#catchKeys(draft, {}, LOST_TYPING_MS);
  }

  /**
   * Add the next keys to a draft, instead of running shortcuts. Stop once the user has pressed no key for a second.
   * @param {string} draft Key of the draft. @param {object} place Other values of the draft, if it is new.
   * @param {number} ms Time in which the first key must be pressed.
   * @param {string} [notice] Text that is shown after the first key.
   */
  #catchKeys(draft, place, ms, notice) {
    const text = () => this.drafts.get(draft)?.text ?? "";
    const end = new AbortController();
    let unsaid = notice;
    let timer = setTimeout(() => end.abort(), ms);
    const keep = (/** @type {KeyboardEvent} */ event) => {
      if (isTyping() || event.ctrlKey || event.metaKey || event.altKey) return end.abort();
      if (event.key.length > 1 && !CAUGHT_KEYS.includes(event.key)) return end.abort();
      if (event.key === " " && !text()) return end.abort(); // the user starts playback
      if (unsaid) showToast(unsaid, "warn");
      unsaid = "";
      event.preventDefault();
      event.stopImmediatePropagation();
      clearTimeout(timer);
      timer = setTimeout(() => end.abort(), LOST_TYPING_MS);
      const typed =
        event.key === "Backspace" ? text().slice(0, -1) : text() + (event.key.length === 1 ? event.key : "");
      this.drafts.set(draft, typed ? { ...place, ...this.drafts.get(draft), text: typed } : undefined);
      this.#drawDraftRows();
    };
    window.addEventListener("keydown", keep, { capture: true, signal: end.signal });
    window.addEventListener("pointerdown", () => end.abort(), { capture: true, signal: end.signal });
  }

  #drawDraftRows() {
    const { store } = this;
    const { canComment } = this.rights();
    const isListed = (/** @type {string} */ key) =>
      key.startsWith(NEW)
        ? key === this.#marked?.key || key === this.#sketch?.draft
        : (canComment || !key.endsWith("/reply")) && (!store.isLoaded || store.get(key.split("/")[0]));
    const rows = this.drafts.all.filter(([key]) => !isListed(key));
    this.drawRows(repeat(rows, getKey, ([key, { value }]) => this.#draftRowView(key, value)));
  }

  /** @param {string} key @param {any} value */
  #draftRowView(key, value) {
    const isNew = key.startsWith(NEW);
    const text = value.strokes ? "Drawing" : value.text || getLook(value.kind).name;
    const open = () => (isNew ? this.#continue(key, value) : this.#rescue(key, value.text));
    const discard = () => {
      this.drafts.set(key, undefined);
      this.actions.playAfterWriting();
      return () => this.drafts.get(key) ?? this.drafts.set(key, value);
    };
    const place = isNew ? formatPosition(value.at) : this.store.get(key.split("/")[0]) ? "reply" : "deleted";
    return html`
      <li class="row">
        <button class="btn quiet spacer" type="button" @click=${open}
          title=${isNew ? "Continue this draft" : "Use this text in a new comment"}>
          <span class="pill">Draft</span>
          <span class="mono text-small">${place}</span>
          <span class="truncate" dir="auto">${text}</span>
        </button>
        ${discardButtonView(text, discard)}
      </li>`;
  }

  /** @param {string} key @param {NewDraft} draft */
  #continue(key, draft) {
    if (draft.strokes) return this.draw(undefined, [key, draft]);
    this.actions.seek(draft.at);
    this.#openNaming(key, draft);
    this.fields.name.focus();
  }

  /** Continue text written for a deleted event as a new comment. @param {string} key @param {string} text */
  #rescue(key, text) {
    this.#closeNaming();
    this.mark(NOTE);
    if (!this.#marked) return;
    const { name } = this.fields;
    name.value = [name.value, text].filter(Boolean).join("\n");
    this.#keepNaming();
    this.drafts.set(key, undefined);
  }

  /** Mark mentions in the open event as read, and show the number of unread mentions. @param {Shown} [selected] */
  drawMentions(selected = this.store.withEvent(this.#selected)) {
    const { unseen } = this.store;
    const isLookedAt = document.visibilityState === "visible" && !requireElement("#panel-events").hidden;
    for (const { event } of (isLookedAt && selected?.sources) || [])
      if (unseen.delete(event.event_id)) this.api.seen(event.event_id).catch(() => {});
    const count = [...unseen].filter((id) => this.store.get(id)).length;
    const button = requireElement("[data-mentions]");
    button.hidden = count === 0;
    setText(button, `@ ${count}`);
    const words =
      count === 1 ? "event mentions you. Show the event" : "events mention you. Show the next event that mentions you";
    button.setAttribute("aria-label", `@ ${count} ${words}`);
  }

  #showMention() {
    const { unseen } = this.store;
    const one = this.store.shown.find(({ sources }) => sources.some(({ event }) => unseen.has(event.event_id)));
    if (!one) return;
    this.open(one);
    // Move the focus, because the pressed button may be hidden now.
    requireElement("[data-event-details]").focus();
  }

  /** Return the template of the text that is shown without events. @param {number} total Number of all events. */
  #stateView(total) {
    const { store } = this;
    if (store.failure) return errorView("The events could not be loaded.", store.failure, () => store.load());
    if (!store.isLoaded) return html`<p class="pad faint">Loading the events</p>`;
    const showAll = () => this.#filter(makeEmptyFilters());
    if (total)
      return html`
        <p class="pad faint">No events match the filters. </p>
        <button class="btn" type="button" @click=${showAll}>Show all events</button>`;
    return html`
      <div class="empty">
        <h2>No events yet</h2>
        <p class="text-small">
          Press M to mark a moment and name it. Use Comment to write about a moment, and Draw to draw on a frame.
        </p>
      </div>`;
  }

  /** @param {Shown[]} all */
  #drawFilters(all) {
    const { vodId, person, origin } = this.#filters;
    const active = /** @type {HTMLElement} */ (document.activeElement);
    this.drawKinds(repeat(countKinds(all), getKey, ([kind, count]) => this.#kindView(kind, count)));
    if (this.filters.contains(active)) active.focus(); // a button that has moved has lost the focus
    if (active !== this.people)
      this.drawPeople(html`
        <option value="">Everyone</option>
        ${listPeople(all).map((name) => html`<option value=${name}>${name}</option>`)}`);
    for (const [name, value] of Object.entries({ vodId, person, origin }))
      requireElement(`[data-filter=${name}]`).value = value;
    requireElement("[data-more-filters]").setAttribute("aria-pressed", String(Boolean(vodId || person || origin)));
  }

  /** @param {string} kind @param {number} count */
  #kindView(kind, count) {
    const { hiddenKinds } = this.#filters;
    const { name, tone, shape } = getLook(kind);
    const toggle = () => {
      const hidden = new Set(hiddenKinds);
      if (!hidden.delete(kind)) hidden.add(kind);
      this.#filter({ ...this.#filters, hiddenKinds: hidden });
    };
    return html`<button type="button" aria-pressed=${String(!hiddenKinds.has(kind))} aria-label="${name}, ${count}"
      title=${name} data-kind-filter=${kind} data-tone=${tone} data-shape=${shape} @click=${toggle}
      >${glyphView({ kind })}${count}</button>`;
  }

  #drawEdits() {
    const { undo, redo } = this.store.edits.labels;
    for (const [words, label] of Object.entries({ Undo: undo, Redo: redo })) {
      const button = requireElement(`[data-act=${words.toLowerCase()}]`);
      button.disabled = label === null;
      labelButton(button, label ? `${words}: ${label}` : words);
    }
  }

  /** @param {import("./filters.js").Filters} filters */
  #filter(filters) {
    this.#filters = filters;
    this.#draw();
  }

  /** Show only the controls that the user may use. */
  drawRights() {
    const { canEdit, canComment } = this.rights();
    const said = `${canEdit} ${canComment}`;
    if (said === this.#rightsDrawn) return;
    const open = !this.#rightsDrawn && this.#newDrafts.find(([, draft]) => draft.isOpen);
    if (open) this.#openNaming(...open);
    this.#rightsDrawn = said;
    this.fields.kind.readOnly = !canEdit;
    requireElement("[data-act=mark]").disabled = !canEdit;
    requireElement("[data-act=comment]").disabled = this.sketchButton.disabled = !canComment;
    this.#draw();
  }

  /** Return whether the user may change an event or a reply. @param {{created_by: string|null}} written */
  canChange(written) {
    const { canEdit, canComment, userId } = this.rights();
    return canEdit || (canComment && written.created_by === userId);
  }

  /** Return whether the user may change all events of a group. @param {Shown} one */
  canChangeAll = ({ sources }) => sources.every(({ event }) => this.canChange(event));

  /** Return whether a group has unsent text. @param {Shown} one */
  hasDraft = ({ sources }) => sources.some(({ event }) => this.#withDraft.has(event.event_id));

  // Actions

  /** Select an event. @param {string} id The event's id; an empty id deselects the event. */
  select(id) {
    this.#selected = id;
    this.#draw();
    if (id) this.list.reveal(id);
  }

  /** @param {Shown} one */
  open(one) {
    this.reveal();
    this.select(one.id);
    this.actions.seek(one.at);
    // On an upright phone, the thread is below the videos.
    if (matchMedia(UPRIGHT_PHONE).matches) this.details.holder.scrollIntoView({ block: "nearest" });
  }

  /** Show the list of events on a phone, where it is below the videos. */
  #showList() {
    this.select(""); // an open event takes the place of the list
    this.reveal();
    requireElement(".side").scrollIntoView();
  }

  closeDetails() {
    const id = this.#selected;
    this.select("");
    this.list.focus(id);
  }

  /** Open the next visible event (`by` is 1) or the previous one (`by` is -1). @param {number} by */
  step(by) {
    const T = this.actions.controller.time;
    const chosen = this.#shown.findIndex(({ id }) => id === this.#selected);
    // Several events may start at the same time, so continue from the selected event if the clock is at its start.
    const isThere =
      chosen >= 0 && Math.abs(Math.max(this.actions.controller.start, this.#shown[chosen].at) - T) < REACHED;
    const byTime = by > 0 ? findLastBegun(this.#shown, T + REACHED) + 1 : findLastBegun(this.#shown, T - REACHED);
    const one = this.#shown[isThere ? chosen + by : byTime];
    if (one) this.open(one);
    else showToast(by > 0 ? "There is no later event." : "There is no earlier event.", "warn");
  }

  /** @param {string} [kind] */
  mark(kind = this.#kind) {
    const { canEdit, canComment } = this.rights();
    const isNote = kind === NOTE;
    if (!canEdit && !(canComment && isNote))
      return showToast(
        canComment
          ? "You can comment on this comparison, but not add other events. Press C to comment."
          : "You cannot add events to this comparison.",
        "warn",
      );
    const at = this.actions.controller.time;
    const begun = this.#newDrafts.find(
      ([key, draft]) =>
        !this.#sentDrafts.has(key) && (draft.kind === NOTE) === isNote && Math.abs(draft.at - at) < SAME_MOMENT,
    );
    const { touched } = this.actions;
    const runs = (/** @type {Pane} */ { track }) => track.runsAt(at);
    const pane = touched.track.free ? touched : ([touched, ...this.panes].find(runs) ?? touched);
    const place = { vodId: pane.id, at, time: getVideoTime(pane.track, at), isOfAll: this.fields.all.checked };
    const [key, draft] = begun ?? [`${NEW}${makeIdempotencyKey()}`, { kind, ...place, text: "", isOpen: true }];
    this.#openNaming(key, draft);
    this.reveal();
    this.fields.name.focus();
  }

  /** Drafts of new events without a drawing, with their keys, newest first. @returns {[string, NewDraft][]} */
  get #newDrafts() {
    const all = this.drafts.all.filter(([key, { value }]) => key.startsWith(NEW) && !value.strokes);
    return all.map(([key, { value }]) => [key, value]);
  }

  /** Show the form for a new event. Text of an open form is kept. @param {string} key @param {NewDraft} draft */
  #openNaming(key, draft) {
    if (this.#marked?.key === key) return;
    const { kind, isOfAll, text } = draft;
    const pane = this.panes.find(({ id }) => id === draft.vodId) ?? this.panes[0];
    this.#closeNaming();
    this.#marked = { key, draft: { offered: kind, ...draft, vodId: pane.id } };
    this.naming.hidden = false;
    const isNote = kind === NOTE;
    const { letter, name, send } = this.fields;
    letter.textContent = letter.dataset.letter = pane.letter;
    this.fields.kind.value = kind;
    this.fields.kind.hidden = isNote;
    this.fields.all.checked = isOfAll;
    name.maxLength = isNote ? LONGEST_COMMENT : LONGEST_NAME;
    name.value = text;
    name.setAttribute("aria-label", isNote ? "Comment" : "Name of the event");
    name.placeholder = isNote ? "Write a comment (Shift+Enter for a new line)" : "Describe what happens";
    send.textContent = isNote ? "Send" : "Save";
    this.#showBusy();
    this.#drawDraftRows();
  }

  /** Store the contents of the form for a new event, as a draft. */
  #keepNaming(isOpen = true) {
    if (!this.#marked) return;
    const { key, draft } = this.#marked;
    const text = this.fields.name.value;
    const kind = toKind(this.fields.kind.value) || this.#kind;
    const isChanged = text.trim() || kind !== draft.offered;
    this.drafts.set(key, isChanged ? { ...draft, kind, isOfAll: this.fields.all.checked, text, isOpen } : undefined);
  }

  /** @param {boolean} [byKey] True if the user has pressed Enter, and may go on typing. */
  async #saveMark(byKey = false) {
    const marked = this.#marked;
    if (!marked || this.#sentDrafts.has(marked.key)) return;
    const { name, all } = this.fields;
    const typed = this.fields.kind.value.trim();
    const kind = toKind(typed) || this.#kind;
    if (typed && !toKind(typed)) {
      showToast("The kind of event must contain at least one letter from a to z or one digit.", "bad");
      return this.fields.kind.focus();
    }
    const isNote = kind === NOTE;
    const text = isNote ? name.value.trim() : toOneLine(name.value);
    if (isNote && !text) return name.focus();
    if (!isNote) this.#kind = kind;
    const place = all.checked
      ? { global_time: roundToMicroseconds(marked.draft.at) }
      : { vod_id: marked.draft.vodId, time: roundToMicroseconds(marked.draft.time) };
    const values = { ...place, kind, [isNote ? "body" : "label"]: text };
    this.#sentDrafts.add(marked.key);
    this.#showBusy();
    if (isNote && byKey) {
      const { vodId, at, time } = marked.draft;
      const next = { kind: NOTE, vodId, at, time, isOfAll: all.checked, isOpen: false };
      const notice = "What you typed after Enter is kept as a draft.";
      this.#catchKeys(`${NEW}${makeIdempotencyKey()}`, next, TYPED_ON_MS, notice);
    }
    const isSent = await this.#attempt(async () => {
      const event = await this.#create(marked.key, values);
      if (this.#marked === marked) this.#hideNaming();
      if (!isTyping()) this.select(event.event_id);
      this.actions.playAfterWriting();
    });
    this.#sentDrafts.delete(marked.key);
    this.#showBusy();
    if (!isSent && this.#marked === marked && !isTyping()) name.focus();
  }

  /** Create an event from a draft. @param {string} draft @param {any} values */
  #create(draft, values) {
    return this.drafts.send(
      draft,
      values,
      (given, key, isCancelled) => this.store.create(given, key, isCancelled),
      (event, given) => this.store.takeBack(event, given),
    );
  }

  /** Lock the form for a new event while its draft is being sent. A form with another draft stays editable. */
  #showBusy() {
    const isBusy = this.#marked !== null && this.#sentDrafts.has(this.#marked.key);
    this.naming.setAttribute("aria-busy", String(isBusy));
    this.fields.name.readOnly = isBusy;
    if (isBusy) blurWithin(this.naming); // take the focus from the locked field, so that key presses run shortcuts
  }

  /** Close the form for a new event; its text is kept as a draft. */
  #closeNaming() {
    this.#keepNaming(false);
    this.#hideNaming();
  }

  #hideNaming() {
    this.#marked = null;
    blurWithin(this.naming); // remove the focus: a hidden field with focus would receive all keys
    this.naming.hidden = true;
    this.#drawDraftRows();
  }

  /** @param {Shown} one */
  async remove(one) {
    const events = one.sources.map(({ event }) => event);
    const replies = events.reduce((sum, event) => sum + event.replies.length, 0);
    if (!replies) {
      if (!(await this.#attempt(() => this.store.remove(events)))) return;
      this.select("");
      return showToast(`${events.length > 1 ? `${events.length} events` : "Event"} deleted. Press Ctrl+Z to undo.`);
    }
    askToDelete({
      heading: `Delete ${getEventName(one.event)}?`,
      words: `This also deletes ${formatCount(replies, "reply", "replies")}. Deleted replies cannot be restored.`,
      remove: () => this.store.remove(events),
      onDeleted: () => this.select(""),
    });
  }

  /** Send a reply; return false if that fails. @param {Shown} one @param {string} body @param {string} draft Key. */
  reply({ id }, body, draft) {
    /** @type {(text: string, key: string, isCancelled: boolean) => Promise<string|undefined>} */
    const send = (text, key, isCancelled) => this.store.reply(id, text, key, isCancelled);
    const takeBack = async (/** @type {string|undefined} */ made) => made && this.store.removeReply(id, made);
    return this.#attempt(() => this.drafts.send(draft, body, send, takeBack));
  }

  /** Delete a reply, after a question. @param {Shown} one @param {string} replyId */
  removeReply(one, replyId) {
    const reply = one.event.replies.find((other) => other.reply_id === replyId);
    if (!reply) return;
    const isOwn = reply.created_by === this.rights().userId;
    askToDelete({
      heading: isOwn ? "Delete your reply?" : `Delete the reply by ${reply.created_by_name}?`,
      words: "Deleted replies cannot be restored.",
      remove: () => this.store.removeReply(one.id, replyId),
      onDeleted: () => {},
    });
  }

  async undo() {
    if (this.#sketch) return this.#sketch.sketch.undo();
    await this.#attempt(async () => {
      await this.actions.flush();
      const label = await this.store.edits.undo();
      if (label) showToast(`Undone: ${label}.`);
    });
  }

  async redo() {
    if (this.#sketch) return this.#sketch.sketch.redo();
    await this.#attempt(async () => {
      const label = await this.store.edits.redo();
      if (label) showToast(`Redone: ${label}.`);
    });
  }

  /**
   * Let the user edit a drawing. If the user is already editing a drawing, save that drawing instead.
   * @param {Shown} [one] The event whose drawing is edited. Without an event or draft, the user draws on the
   *   current frame.
   * @param {[string, NewDraft]} [begun] The key and content of an unsaved drawing that the user continues.
   */
  async draw(one, begun) {
    if (this.#sketch) return this.#sketch.sketch.keep();
    if (!this.rights().canComment)
      return showToast("You cannot draw in this comparison. Unsaved drawings are kept as drafts.", "warn");
    if (this.#isSketching) return;
    this.#isSketching = true;
    await this.#beginSketch(one, begun);
    this.#isSketching = false;
  }

  /** @param {Shown} [one] @param {[string, NewDraft]} [begun] */
  async #beginSketch(one, begun) {
    const key = begun?.[0] ?? `${NEW}${makeIdempotencyKey()}`;
    const kept = begun?.[1];
    const { controller } = this.actions;
    if (controller.wanted === "playing") await this.actions.toggle();
    const from = one?.at ?? kept?.at;
    if (from !== undefined) await this.actions.seek(from);
    const source = one?.sources[0].event ?? this.store.get(kept?.eventId ?? "");
    const vodId = kept?.vodId ?? source?.vod_id;
    const pane = this.panes.find(({ id }) => id === vodId) ?? (one ? this.view.main : this.actions.touched);
    if (this.view.state.mode !== "grid") this.view.set({ mode: "grid" });
    if (this.view.state.main !== pane.id) this.actions.makeLarge(pane.id);
    const at = kept?.at ?? controller.time;
    const { track } = pane;
    const time = kept?.time ?? getVideoTime(track, at);
    let eventId = source?.event_id ?? "";
    let saved = kept?.saved ?? getStrokes(source);
    // Another tab may have saved the drawing as an event.
    const readTarget = () => {
      const draft = this.drafts.get(key);
      if (draft) [eventId, saved] = [draft.eventId, draft.saved];
    };

    let isStored = Boolean(kept);
    const changed = (/** @type {Stroke[]} */ strokes) => {
      readTarget();
      const isSame = JSON.stringify(strokes) === JSON.stringify(saved);
      isStored = !isSame;
      const draft = { kind: NOTE, vodId: pane.id, at, time, isOfAll: false, text: "", isOpen: false };
      this.drafts.set(key, isSame ? undefined : { ...draft, strokes, eventId, saved });
    };

    const create = async (/** @type {{strokes: Stroke[]}} */ drawing) => {
      const end = Math.min(time + SHOWN_SECONDS, track.duration);
      const span = end - time > SHORTEST ? { end: roundToMicroseconds(end) } : {};
      const place = { vod_id: pane.id, time: roundToMicroseconds(time), ...span };
      const event = await this.#create(key, { ...place, kind: NOTE, drawing });
      eventId = event.event_id;
      this.reveal();
      if (isTyping()) return;
      this.select(eventId);
      const write = () => this.details.focus("body");
      // On an upright phone, the field and the keyboard would cover the new drawing.
      if (matchMedia(UPRIGHT_PHONE).matches) showToast("Drawing saved.", "ok", { label: "Add a note", run: write });
      else write();
    };

    // Delete the draft of saved strokes, unless another tab has added strokes to it.
    const endDraft = (/** @type {Stroke[]} */ strokes) => {
      const draft = this.drafts.get(key);
      const isSame = JSON.stringify(draft?.strokes ?? strokes) === JSON.stringify(strokes);
      isStored = false;
      this.drafts.set(key, isSame ? undefined : { ...draft, eventId, saved: strokes });
    };

    // Save the strokes; return false after an error.
    const save = async (/** @type {Stroke[]} */ strokes) => {
      readTarget();
      const source = this.store.get(eventId);
      const drawing = strokes.length ? { strokes } : null;
      const base = { drawing: saved.length ? { strokes: saved } : null };
      try {
        const change = { id: eventId, values: { drawing }, base };
        if (source) await this.store.change([change], `drew on ${getEventName(source)}`);
        else if (drawing) await create(drawing);
        endDraft(strokes);
        return true;
      } catch (error) {
        if (!(error instanceof ApiError && error.type === "event_changed" && source)) {
          showToast(explainError(error), "bad");
          return false;
        }
        await this.store.load();
        showToast(
          "Another user has changed this drawing. It now shows their changes and yours. Check it, then save again.",
          "warn",
        );
        const now = getStrokes(this.store.get(eventId));
        const before = saved;
        saved = now;
        const draft = this.drafts.get(key);
        if (draft) this.drafts.set(key, { ...draft, saved });
        sketch.merge(now, before);
        return false;
      }
    };

    const done = async (/** @type {Stroke[]|null} */ strokes) => {
      if (strokes && !(await save(strokes))) return false;
      this.#sketch = null;
      this.sketchButton.setAttribute("aria-pressed", "false");
      this.#drawDraftRows();
      return true;
    };

    const sketch = new Sketch(pane, kept?.strokes ?? saved, { changed, done });
    this.#sketch = { sketch, eventId, draft: key, isStored: () => isStored };
    this.#drawDraftRows();
    this.sketchButton.setAttribute("aria-pressed", "true");
  }

  /**
   * Change fields of an event. Return false after a failure, for example if a value in `base` is outdated.
   * @param {Shown} one @param {any} values
   * @param {any} [base] The values that the user saw in the changed fields before the change.
   */
  change(one, values, base) {
    // Name, kind and colour apply to all events of a group; other values, such as a note, only to the first event.
    const isShared = Object.keys(values).every((name) => ["kind", "label", "color"].includes(name));
    const sources = isShared ? one.sources : one.sources.slice(0, 1);
    // The server refuses to change an event whose values differ from `base`. For the group's main event, always send
    // `base`, so that conflicts are noticed. Other events may have had different values from the start; send `base` only
    // for those that had the same.
    const isSeen = (/** @type {any} */ event) => Object.keys(base ?? {}).every((name) => event[name] === base[name]);
    const changes = sources.map(({ event }) => {
      return { id: event.event_id, values, base: event === one.event || isSeen(event) ? base : undefined };
    });
    return this.#attempt(() => this.store.change(changes, `changed ${getEventName(one.event)}`));
  }

  /**
   * Move a group of events, or the end of its span, on the shared clock; return false after a failure.
   * @param {Shown} one
   * @param {{at?: number, until?: number|null}} to The new start (`at`) and end (`until`) on the shared clock,
   *   in seconds. With `until: null`, the group becomes a moment without an end.
   */
  move(one, { at, until }) {
    if (at !== undefined) return this.#shift(one, one.sources, "move", at - one.at);
    if (until === null) {
      const changes = one.sources.map(({ event }) => ({ id: event.event_id, values: { end: null } }));
      return this.#attempt(() => this.store.change(changes, `made ${getEventName(one.event)} a moment`));
    }
    return this.#shift(one, one.sources, "end", /** @type {number} */ (until) - (one.until ?? one.at));
  }

  /**
   * Move an event, or one end of its span, by a number of seconds.
   * @param {Shown} one @param {string|null} vodId @param {import("./lanes.js").Hold} hold @param {number} by
   */
  drag(one, vodId, hold, by) {
    const sources = vodId === null ? one.sources : one.sources.filter(({ event }) => event.vod_id === vodId);
    this.#shift(one, sources, hold, by);
  }

  /**
   * Shift events, or one end of their spans.
   * @param {Shown} one @param {import("./store.js").Source[]} sources
   * @param {import("./lanes.js").Hold} hold The part to shift: the event ("move"), or the start or end of its span.
   * @param {number} by The shift in seconds.
   */
  #shift(one, sources, hold, by) {
    const changes = sources.map(({ event, at, until }) => {
      const pane = this.panes.find((other) => other.id === event.vod_id);
      const longest = pane ? pane.track.duration : Number.POSITIVE_INFINITY;
      // Convert a time on the shared clock to the event's own time, within limits.
      const place = (/** @type {number} */ T, low = 0, high = longest) =>
        Math.min(Math.max(pane ? toVideoTime(T, pane.track.placement) : T, low), high);
      const length = event.end === null ? 0 : event.end - event.time;
      /** @type {Record<string, number>} */ const values = {};
      if (hold === "start") values.time = place(at + by, 0, (event.end ?? longest) - SHORTEST);
      if (hold === "move") values.time = place(at + by, 0, longest - length);
      if (hold === "move" && event.end !== null) values.end = values.time + length;
      if (hold === "end") values.end = place((until ?? at) + by, event.time + SHORTEST);
      for (const name of Object.keys(values)) values[name] = roundToMicroseconds(values[name]);
      return { id: event.event_id, values };
    });
    return this.#attempt(() => this.store.change(changes, `moved ${getEventName(one.event)}`));
  }

  /** Make a change; if it fails, show the error and return false. @param {() => Promise<unknown>} change */
  async #attempt(change) {
    try {
      await change();
      return true;
    } catch (error) {
      showToast(explainError(error), "bad");
      return false;
    }
  }

  /** @param {HTMLElement} button */
  #menu(button) {
    const choose = () => requireElement("[data-event-file]").click();
    const { canEdit } = this.rights();
    const file = { icon: "download", download: "" };
    toggleMenu(button, "Find, import and export events", [
      ...(canEdit && !this.finding.progress.isRunning
        ? [{ label: "Find events in the videos", icon: "search", run: () => this.finding.open() }]
        : []),
      { label: "Export as CSV", href: this.api.file("csv"), ...file },
      { label: "Export as JSON", href: this.api.file("json"), ...file },
      { label: "Export as a timeline for video editors", href: this.api.timeline, note: "OTIO", ...file },
      { label: "Print", icon: "list", href: "?print", note: "with frames and drawings" },
      ...(canEdit ? [{ label: "Import from a file", icon: "upload", apart: true, run: choose }] : []),
    ]);
  }

  /** @param {File} file */
  async #import(file) {
    await this.#attempt(async () => {
      const { created } = await this.api.import(file);
      showToast(`${formatCount(created, "event")} added.`);
      await this.store.load();
    });
  }

  /** Pause playback while the user writes in the panel. @param {HTMLElement} panel */
  #listenToWriting(panel) {
    const isWords = (/** @type {Event} */ { target }) => "words" in /** @type {HTMLElement} */ (target).dataset;
    panel.addEventListener("input", (event) => isWords(event) && this.actions.pauseToWrite());
    panel.addEventListener("focusout", (event) => {
      const { value, dataset } = /** @type {HTMLInputElement} */ (event.target);
      if (isWords(event) && (!value.trim() || value === dataset.saved)) this.actions.playAfterWriting();
    });
    const choice = requireElement("[data-pause-to-write]");
    choice.checked = this.actions.pausesToWrite;
    choice.addEventListener("change", () => (this.actions.pausesToWrite = choice.checked));
  }

  #listen() {
    /** @type {Record<string, () => void>} */
    const acts = {
      mark: () => this.mark(),
      comment: () => this.mark(NOTE),
      sketch: () => this.draw(),
      list: () => this.#showList(),
      undo: () => this.undo(),
      redo: () => this.redo(),
      "next-event": () => this.step(1),
      "previous-event": () => this.step(-1),
    };
    const onClick = (/** @type {string} */ part, /** @type {(event: any) => void} */ act) =>
      requireElement(`[data-${part}]`).addEventListener("click", act);
    for (const [name, act] of Object.entries(acts)) onClick(`act=${name}`, act);
    onClick("mentions", () => this.#showMention());
    onClick("event-menu", ({ currentTarget }) => this.#menu(currentTarget));
    onClick("naming-cancel", () => this.#closeNaming());
    onClick("more-filters", ({ currentTarget: more }) => {
      const choices = requireElement("[data-filter-choices]");
      choices.hidden = !choices.hidden;
      more.setAttribute("aria-expanded", String(!choices.hidden));
    });
    const file = /** @type {HTMLInputElement} */ (requireElement("[data-event-file]"));
    file.addEventListener("change", () => {
      if (file.files?.[0]) this.#import(file.files[0]);
      file.value = "";
    });
    this.naming.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#saveMark();
    });
    this.naming.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (isComposing(event)) return;
      if (event.key === "Escape") this.#closeNaming();
      else if (event.key !== "Enter" || event.target instanceof HTMLButtonElement) return;
      else if (isSendKey(event)) this.#saveMark(true);
      else if (event.target === this.fields.name && this.fields.kind.hidden) return; // a new line in a comment
      event.preventDefault(); // the browser would send the form, also for Shift+Enter
      event.stopPropagation();
    });
    this.naming.addEventListener("input", () => this.#keepNaming());
    this.#listenToWriting(requireElement("#panel-events"));
    for (const select of document.querySelectorAll("[data-filter]"))
      select.addEventListener("change", () => {
        const { value, dataset } = /** @type {HTMLSelectElement} */ (select);
        this.#filter({ ...this.#filters, [dataset.filter ?? ""]: value });
      });
    const offered = OFFERED.map((kind) => html`<option value=${kind}>${getLook(kind).name}</option>`);
    mount(requireElement("#event-kinds"))(offered);
  }
}

/** @param {[string, any]} entry */
const getKey = ([key]) => key;

/** Return the position of a video at a time on the shared clock. @param {Pane["track"]} track @param {number} at */
const getVideoTime = (track, at) => Math.min(Math.max(track.free ? track.time : track.timeAt(at), 0), track.duration);

/** Round to 1 µs, the server's precision. @param {number} seconds @returns {number} */
const roundToMicroseconds = (seconds) => Math.round(seconds * 1e6) / 1e6;

/** @param {string} text */
const toOneLine = (text) => text.trim().replaceAll(/\s*\n\s*/g, " ");

const isTyping = () => Boolean(document.activeElement?.matches("input, textarea"));

/** @param {HTMLElement} form */
function blurWithin(form) {
  if (form.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
}

/** @param {import("./store.js").SessionEvent|undefined} event @returns {Stroke[]} */
const getStrokes = (event) => event?.drawing?.strokes ?? [];
