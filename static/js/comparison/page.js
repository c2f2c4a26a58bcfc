// Entry point of the comparison page, which builds and connects its parts.

import { copyWithFeedback } from "../base/clipboard.js";
import { ApiError, eventsUrl, sessionUrl } from "../base/api.js";
import { AlignPanel } from "./alignment.js";
import { debounce, requireElement, readPageData, setText } from "../base/dom.js";
import { enableShortcuts } from "../base/keys.js";
import { explainError, showToast } from "../base/notice.js";
import { getPlacement } from "../base/timeline.js";
import { Readings } from "./timer-readings.js";
import { RoiBox } from "../base/timer-box.js";
import { SyncController } from "./playback/controller.js";
import { Track } from "./playback/track.js";
import { Actions } from "./actions.js";
import { listenToButtons, markButton } from "./button-group.js";
import { makeBindings } from "./shortcuts.js";
import { Copies } from "./proxies.js";
import { countKinds } from "./events/filters.js";
import { EventsPanel } from "./events/panel.js";
import { Exporting } from "./export-dialog.js";
import { toggleComparisonMenu } from "./session-actions.js";
import { Pane } from "./panes.js";
import { OneByOne } from "./independent-mode.js";
import { People } from "./presence.js";
import { Remote } from "./session-sync.js";
import { Screen } from "./fullscreen.js";
import { openSharing } from "./sharing.js";
import { bindOffsets, bindTabs, History } from "./side-panel.js";
import { TimelineView } from "./timeline-view.js";
import { Transport } from "./transport.js";
import { View } from "./layout.js";

const UI_PAUSE = 1000;
const SIGNED_OUT = 4401;

let session = readPageData("session");
const api = sessionUrl(session.session_id);
const letters = new Map(session.vods.map((/** @type {any} */ v, /** @type {number} */ i) => [v.vod_id, "ABC"[i]]));
const getLetter = (/** @type {string} */ id) => letters.get(id) ?? "?";
const syncModes = requireElement("[data-sync-mode]");
let ui = session.ui_state ?? {};
/**
 * @type {{role: "owner"|"editor"|"viewer", can_comment: boolean, user_id: string, username: string, is_visitor:
 *   boolean}}
 */
let access = readPageData("access");

/** @type {Pane[]} */
const panes = session.vods.map((/** @type {any} */ vod) => {
  const element = requireElement(`[data-pane="${CSS.escape(vod.vod_id)}"]`);
  const [up, down] = vod.fps_fraction ?? [vod.fps, 1];
  const track = new Track({
    id: vod.vod_id,
    video: requireElement("video", element),
    placement: getPlacement(vod),
    duration: vod.duration,
    fps: up / down,
    variable: vod.is_variable_frame_rate,
  });
  return new Pane(element, track, vod);
});
const tracks = panes.map((pane) => pane.track);
const findPane = (/** @type {string} */ id) => panes.find((pane) => pane.id === id);
const controller = new SyncController(tracks);

const saveUi = debounce(() => remote.send(() => api.change({ ui_state: ui })), UI_PAUSE);
const changeUi = (/** @type {any} */ change) => {
  ui = { ...ui, ...change };
  if (!remote.isReadOnly) saveUi();
};

const view = new View(requireElement("[data-stage]"), panes, ui, (state) => {
  changeUi(state);
  redrawControls();
});
const remote = new Remote({
  sessionId: session.session_id,
  api,
  controller,
  onSession: adoptSession,
  onOneByOne: (message) => oneByOne.receive(message),
  onEvents: (message) => events.receive(message),
  onAccess: ({ role, can_comment: canComment }) => {
    if (role === access.role && canComment === access.can_comment) return;
    access = { ...access, role, can_comment: canComment };
    showRights();
  },
  onPeople: (list) => people.show(list),
  onMover: () => people.draw(),
  onTrouble: showTrouble,
  onState: showLive,
});
const oneByOne = new OneByOne({ tracks, controller, api, remote });
const people = new People(requireElement("[data-together]"), { remote });
const timeline = new TimelineView(requireElement("[data-timeline]"), tracks, {
  seek: (T, final) => actions.seek(T, final),
  jump: (seconds) => actions.jump(seconds),
});
const screen = new Screen(() => controller.wanted === "playing");
const actions = new Actions({
  controller,
  oneByOne,
  remote,
  api,
  view,
  panes,
  name: session.name,
  zoomTimeline: (factor) => timeline.zoomBy(factor),
  screen,
});
const transport = new Transport(controller, actions);
const history = new History(requireElement("[data-history]"), api, getLetter, {
  canGoBack: () => !remote.isReadOnly,
  goBack: (id, placement) => actions.restore(id, placement),
});
const showPanel = bindTabs(requireElement("[data-tabs]"), () => {
  showHistory();
  events.drawMentions();
});
const showTab = (/** @type {string} */ id) => {
  screen.showSide();
  showPanel(id);
};
const events = new EventsPanel({
  api: eventsUrl(session.session_id),
  vods: session.vods,
  panes,
  actions,
  view,
  timeline,
  letterOf: getLetter,
  reveal: () => showTab("tab-events"),
  rights: () => ({
    canEdit: !remote.isReadOnly,
    canComment: !session.archived && access.can_comment,
    userId: access.user_id,
  }),
  person: access,
  sessionId: session.session_id,
  nameable: async () => (access.is_visitor ? [] : (await api.people()).people.map((one) => one.username)),
});

const showOffsets = bindOffsets(requireElement("[data-calibrate]"), getLetter, (id, ppm) => actions.setDrift(id, ppm));

/** @type {{box: RoiBox, id: string}|null} */ let timerBox = null;
const readingsHolder = document.createElement("div");
readingsHolder.className = "readings";
readingsHolder.hidden = true;
const readings = new Readings(readingsHolder, { vods: session.vods, letterOf: getLetter, preview: api.preview });
const align = new AlignPanel(
  requireElement("[data-align]"),
  {
    api,
    letterOf: getLetter,
    session: () => session,
    request: () => ({ roi: ui.roi ?? null, game: ui.game ?? "auto" }),
    onApplied: (changed, ids) => {
      closeTimerBox();
      adoptSession(changed);
      const applied = ids.map(getLetter).filter((letter) => letter !== "A");
      showToast(`Offsets applied to ${applied.join(" and ")}.`);
    },
    onDraw: (id) => toggleTimerBox(id),
    onHand: (id) => unlinkVideo(id),
    applyLabel: "",
  },
  readPageData("latest-alignment"),
);
requireElement("[data-align]").before(readingsHolder);

/**
 * Apply a changed session from the server, but keep offset changes of this page that are not confirmed yet.
 * @param {any} next
 */
function adoptSession(next) {
  session = next;
  for (const vod of next.vods) {
    if (actions.unsent.has(vod.vod_id)) continue;
    controller.place(vod.vod_id, getPlacement(vod));
    events.store.place(vod.vod_id, getPlacement(vod));
    findPane(vod.vod_id)?.refreshOffset();
  }
  const { roi, game } = next.ui_state ?? {};
  if (!timerBox) ui = { ...ui, roi: roi ?? ui.roi, game: game ?? ui.game };
  oneByOne.adopt(next);
  showSyncing();
  showName(next.name);
  showRights();
  showOffsets(next.vods);
  showHistory();
  events.store.knows(next.events_revision);
}

function showSyncing() {
  const { resync_interval_ms: interval, drift_tolerance_ms: tolerance } = session.sync_config;
  markButton(syncModes, session.sync_mode);
  for (const [name, value] of Object.entries({ interval, tolerance })) {
    const field = requireElement(`[data-sync-config=${name}]`);
    if (document.activeElement !== field) field.value = String(value);
  }
  controller.keepStep({ interval, tolerance });
}

/** @param {string} name */
function showName(name) {
  const shown = requireElement("[data-name]");
  setText(shown, name);
  shown.title = name;
  document.title = `${name} · VOD Sync`;
}

function showRights() {
  remote.isReadOnly = session.archived || access.role === "viewer";
  requireElement("[data-archived]").hidden = !session.archived;
  const parts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-role]"));
  for (const part of parts) part.dataset.role = access.role;
  const pill = document.querySelector("[data-role-pill]");
  const mayComment = access.can_comment ? "You can comment" : "View only";
  if (pill) setText(pill, access.role === "editor" ? "You can edit" : mayComment);
  requireElement("[data-export]").hidden = access.role === "viewer" || session.archived;
  requireElement("[data-manage]").hidden = access.is_visitor;
  people.draw();
  events.drawRights();
}

function showHistory() {
  if (!requireElement("#panel-history").hidden) history.show(session.revision);
}

/** @param {unknown} error */
function showTrouble(error) {
  if (error instanceof ApiError && error.status === 0 && !navigator.onLine) return;
  showToast(explainError(error), "bad");
}

/** @param {import("../base/live-channel.js").LiveState} state @param {number} [code] */
function showLive(state, code) {
  const texts = {
    polling: "Live updates stopped. The page checks for changes every 5 s instead.",
    closed:
      code === SIGNED_OUT
        ? "Your session has ended. Sign in again in another tab, then reload this page."
        : "This comparison was deleted, or you no longer have access to it.",
  };
  const text = texts[/** @type {keyof texts} */ (state)];
  requireElement("[data-live-state]").hidden = !text;
  if (text) setText(requireElement("[data-live-text]"), text);
  requireElement("[data-copy-drafts]").hidden = state !== "closed" || !events.draftTexts;
  if (state === "closed" && code !== SIGNED_OUT) closePictures();
}

const copyDrafts = requireElement("[data-copy-drafts]");
copyDrafts.addEventListener("click", () =>
  copyWithFeedback(copyDrafts, events.draftTexts, requireElement("[data-drafts]")),
);

/** Unload the videos, because the comparison was deleted or the user has lost access to it. */
function closePictures() {
  controller.pause();
  for (const { video } of tracks) {
    video.removeAttribute("src");
    video.load();
  }
  events.card.close();
  lockPage();
  requireElement(".transport").inert = true;
}

/**
 * Disable the page. A field in which the user is typing stays usable until the user leaves it; its text is kept as a
 * draft.
 */
function lockPage() {
  const main = requireElement("#main");
  const field = /** @type {HTMLElement|null} */ (document.activeElement);
  if (!field?.matches("input, textarea") || !main.contains(field)) {
    main.inert = true;
    return;
  }
  for (let part = field; part !== main && part.parentElement; part = part.parentElement)
    for (const other of part.parentElement.children)
      if (other !== part) /** @type {HTMLElement} */ (other).inert = true;
  field.addEventListener("input", () => (copyDrafts.hidden = !events.draftTexts));
  field.addEventListener("blur", () => (main.inert = true));
}

/** @param {string} id */
function toggleTimerBox(id) {
  const same = timerBox?.id === id;
  closeTimerBox();
  if (same) return;
  if (controller.wanted === "playing") actions.toggle();
  if (view.state.main !== id) actions.makeLarge(id);
  view.set({ mode: "grid" });
  const pane = view.main;
  const roi = () => ({ vod_id: id, time: Math.min(pane.track.time, pane.track.duration), ...box.box });
  const changed = () => {
    changeUi({ roi: roi() });
    readings.update(roi());
    align.refresh();
  };
  const box = new RoiBox(pane.pic, pane.track.video, { box: ui.roi ?? undefined, onChange: changed });
  timerBox = { box, id };
  readingsHolder.hidden = false;
  showTab("tab-calibrate");
  changed();
  box.element.focus();
  redrawControls();
}

/** Unlink a video from the shared clock, so that the user can align it by eye. @param {string} id */
function unlinkVideo(id) {
  const pane = findPane(id);
  if (!pane || remote.isReadOnly) return;
  closeTimerBox();
  view.set({ mode: "grid" });
  if (!pane.track.free) actions.toggleFree(id);
  pane.slider.focus();
}

function closeTimerBox() {
  timerBox?.box.dispose();
  timerBox = null;
  readingsHolder.hidden = true;
  redrawControls();
}

/** Redraw buttons and labels after a user action, a message or a change of the playback status. */
function redrawControls() {
  transport.mark();
  for (const pane of panes) {
    pane.mark({
      main: pane.id === view.state.main,
      over: pane.id === view.state.over && view.state.mode !== "grid",
      audible: pane.id === controller.audibleId,
      free: pane.track.free,
      isOneByOne: oneByOne.isOn,
      isPlaying: oneByOne.isPlaying(pane.id),
      hasTimerBox: timerBox?.id === pane.id,
    });
  }
}

function drawFrame() {
  const T = controller.time;
  const playing = controller.status === "playing";
  const { leader, waitingFor } = controller;
  for (const pane of panes) pane.update({ T, playing, leader, waiting: waitingFor === pane.track });
  transport.update(T);
  timeline.update(T, actions.loop);
  events.update(T);
  actions.keepLoop();
  requestAnimationFrame(drawFrame);
}

const manage = requireElement("[data-manage]");
const afterManaging = {
  onRenamed: (/** @type {string} */ name) => {
    session.name = name;
    showName(name);
  },
  onArchived: () => {}, // do nothing: the server's message updates the page
  onDeleted: () => location.assign("/compare"),
};
manage.addEventListener("click", () => {
  const { session_id: id, name, archived } = session;
  // On phones, CSS hides the buttons of these actions.
  const hidden = [
    { button: document.querySelector("[data-share]"), label: "Share", icon: "user", run: share },
    { button: exportButton, label: "Export", icon: "download", run: openExport },
  ].filter(({ button }) => button && !button.hidden && !button.checkVisibility());
  toggleComparisonMenu(manage, { id, name, archived, role: access.role }, { ...afterManaging, hidden });
});
const share = () => openSharing({ id: session.session_id, name: session.name });
document.querySelector("[data-share]")?.addEventListener("click", share);
document.querySelector("[data-unarchive]")?.addEventListener("click", () => remote.send(() => api.archive(false)));
const exporting = new Exporting({
  api,
  sessionId: session.session_id,
  vods: session.vods,
  controller,
  view,
  loop: () => actions.loop,
  name: () => session.name,
  kinds: () => countKinds(events.store.shown),
});
const exportButton = requireElement("[data-export]");
const openExport = () => exporting.open();
exportButton.addEventListener("click", openExport);
listenToButtons(syncModes, (mode) => {
  if (mode !== session.sync_mode) remote.send(() => api.change({ sync_mode: mode }));
});
for (const [name, key] of Object.entries({ interval: "resync_interval_ms", tolerance: "drift_tolerance_ms" })) {
  const field = requireElement(`[data-sync-config=${name}]`);
  field.addEventListener("change", async () => {
    const sync_config = { ...session.sync_config, [key]: Number(field.value) };
    if (field.checkValidity() && (await remote.send(() => api.change({ sync_config })))) return;
    field.value = String(session.sync_config[key]);
    field.reportValidity();
  });
}
oneByOne.addEventListener("change", () => redrawControls());
showRights();
showSyncing();
for (const pane of panes) pane.connect(actions);
actions.addEventListener("change", redrawControls);
/** @param {string} name @param {(detail: any) => void} act */
const onAction = (name, act) =>
  actions.addEventListener(name, (event) => act(/** @type {CustomEvent} */ (event).detail));
onAction("timerbox", toggleTimerBox);
onAction("placed", (id) => events.store.place(id, controller.track(id).placement));
onAction("done", (edit) => events.store.edits.add(edit));
onAction("reload", () => api.read().then(({ session: now }) => adoptSession(now), showTrouble));
onAction("unplayable", (id) => copies.recover(id));
controller.addEventListener("change", redrawControls);
const copies = new Copies(
  requireElement("[data-copies]"),
  requireElement("[data-copies-offer]"),
  readPageData("copies"),
  controller,
  (id, remedy) => {
    const pane = findPane(id);
    if (pane) pane.remedy = remedy;
  },
);
controller.addEventListener("change", () => copies.apply());
controller.addEventListener("ended", () => remote.leading && remote.played());
controller.addEventListener("soundblocked", () => (requireElement("[data-sound-blocked]").hidden = false));
requireElement("[data-act=sound-on]").addEventListener("click", () => {
  requireElement("[data-sound-blocked]").hidden = true;
  actions.mute();
});
enableShortcuts(makeBindings(actions, view, events));
requireElement("[data-stage]").addEventListener("dblclick", (/** @type {Event} */ event) => {
  const pane = panes.find(({ pic }) => pic.contains(event.target));
  if (pane) actions.makeLarge(pane.id);
});

controller.setMain(view.state.main);
controller.setAudible(view.state.main);
showOffsets(session.vods);
redrawControls();
controller.seek(session.global_time);
oneByOne.adopt(session);
events.store.knows(session.events_revision);
unlinkVideo(new URL(location.href).searchParams.get("alone") ?? "");
requestAnimationFrame(drawFrame);
