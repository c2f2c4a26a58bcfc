// The alignment page of a comparison. If the comparison has no alignment yet, the page starts one. If the proposed
// offsets are wrong, the user draws a box around the timer, checks its readings and aligns again.

import { AlignPanel } from "./alignment.js";
import { sessionUrl } from "../base/api.js";
import { debounce, requireElement, readPageData, setText } from "../base/dom.js";
import { keepTypedText, makeNamePlace } from "../base/drafts.js";
import { formatDuration, formatFrameRate, formatHundredths, formatPosition } from "../base/format.js";
import { explainError, showToast } from "../base/notice.js";
import { Readings } from "./timer-readings.js";
import { RoiBox } from "../base/timer-box.js";
import { frameMiddle, snapToFrame, stepFrames } from "../base/frames.js";
import { toGlobalTime, getPlacement } from "../base/timeline.js";
import { listenToButtons, markButton } from "./button-group.js";

const SAVE_PAUSE = 700;

const session = readPageData("session");
const api = sessionUrl(session.session_id);
const getLetter = (/** @type {string} */ id) =>
  "ABC"[session.vods.findIndex((/** @type {any} */ v) => v.vod_id === id)] ?? "?";
const page = `/compare/${encodeURIComponent(session.session_id)}`;
const stage = requireElement("[data-box-stage]");
const slider = requireElement("[data-position]");
const game = requireElement("[data-game]");
const nameField = requireElement("#name");
const drawOn = requireElement("[data-draw-on]");
const savedNote = requireElement("[data-saved]");
const saved = session.ui_state?.roi ?? null;
const isUnaligned = !session.archived && session.vods.every((/** @type {any} */ { offset }) => offset === 0);

/** @type {Map<string, {vod: any, video: HTMLVideoElement, fps: number, time: number}>} */
const videos = new Map(
  session.vods.map((/** @type {any} */ vod) => {
    const [up, down] = vod.fps_fraction ?? [vod.fps, 1];
    const fps = up / down;
    const time = snapToFrame(saved?.vod_id === vod.vod_id ? saved.time : vod.duration / 3, fps, vod.duration);
    return [vod.vod_id, { vod, video: requireElement(`[data-video="${CSS.escape(vod.vod_id)}"]`, stage), fps, time }];
  }),
);
let currentId = videos.has(saved?.vod_id) ? saved.vod_id : session.vods[0].vod_id;
let drawn = saved !== null;
const getCurrent = () => /** @type {any} */ (videos.get(currentId));

let isLeaving = false;
const forgetName = keepTypedText(makeNamePlace(session.session_id, session.name), { name: nameField });
/** Promise of the latest save. Saves run in turn, so that an older name does not replace a newer one. */
let turn = Promise.resolve();
const save = debounce(() => {
  turn = isLeaving ? saveChanges() : turn.then(saveChanges);
}, SAVE_PAUSE);

async function saveChanges() {
  const ui_state = { ...session.ui_state, game: game.value, ...(drawn ? { roi: getTimerBox() } : {}) };
  const name = nameField.value.trim();
  try {
    await api.change(name && name !== session.name ? { name, ui_state } : { ui_state }, isLeaving);
    session.name = name || session.name;
    const isSaved = nameField.value.trim() === session.name;
    if (isSaved) forgetName();
    setText(savedNote, isSaved ? "Saved" : "");
  } catch (error) {
    setText(savedNote, "");
    showToast(`The changes could not be saved. ${explainError(error)}`, "bad");
  }
}

const readings = new Readings(requireElement("[data-readings]"), {
  vods: session.vods,
  letterOf: getLetter,
  preview: api.preview,
  onReadings: (all) => {
    const read = all.filter(({ value }) => value !== null);
    const distance = (/** @type {{time: number}} */ { time }) => Math.abs(time - getCurrent().time);
    const [nearest] = read
      .filter((reading) => reading.vod_id === currentId && distance(reading) < 0.5)
      .sort((a, b) => distance(a) - distance(b));
    box.say(nearest ? `${nearest.text} · ${formatHundredths(nearest.confidence)}` : "");
  },
});
const box = new RoiBox(stage, getCurrent().video, { box: saved ?? undefined, onChange: onChanged });
box.element.toggleAttribute("data-suggested", !drawn);
const align = new AlignPanel(
  requireElement("[data-align]"),
  {
    api,
    letterOf: getLetter,
    primary: true,
    applyLabel: " and open",
    isBoxShown: true,
    session: () => session,
    request: () => ({ roi: drawn ? getTimerBox() : null, game: game.value }),
    onApplied: async (changed) => {
      // Open the comparison at the first moment that all videos show.
      const begun = Math.max(...changed.vods.map((/** @type {any} */ vod) => toGlobalTime(0, getPlacement(vod))));
      if (changed.global_time === 0 && begun > 0) await api.seek(begun).catch(() => {});
      location.assign(page);
    },
    onHand: (id) => location.assign(`${page}?alone=${encodeURIComponent(id)}`),
    onDraw: (id) => {
      showVideo(id);
      box.element.focus();
    },
    onResult: (isApplied) => {
      const open = requireElement("[data-open]");
      open.className = isApplied ? "btn primary" : "btn quiet";
      setText(open, isApplied ? "Open the comparison" : "Skip alignment");
    },
    onState: (state) => {
      requireElement("[data-step=align]").className = `step ${state === "done" ? state : "now"}`;
    },
    startKey: isUnaligned ? `first-alignment-${session.session_id}` : undefined,
  },
  readPageData("latest-alignment"),
);

function getTimerBox() {
  const { time, vod } = getCurrent();
  return { vod_id: currentId, time: Math.min(time, vod.duration), ...box.box };
}

function onChanged() {
  drawn = true;
  box.element.removeAttribute("data-suggested");
  readings.update(getTimerBox());
  align.refresh();
  save();
}

/** @param {string} id */
function showVideo(id) {
  currentId = id;
  const { video, vod, time } = getCurrent();
  for (const [other, entry] of videos) entry.video.hidden = other !== id;
  markButton(drawOn, id);
  for (const slot of document.querySelectorAll("[data-slot]"))
    slot.toggleAttribute("data-on", slot.getAttribute("data-slot") === id);
  box.video = video;
  slider.max = String(vod.duration);
  slider.setAttribute("aria-label", `Position in ${getLetter(id)}`);
  seekTo(time);
  if (drawn) onChanged();
}

/** @param {number} time */
function seekTo(time) {
  const entry = getCurrent();
  entry.time = snapToFrame(time, entry.fps, entry.vod.duration);
  entry.video.currentTime = entry.time;
  slider.value = String(entry.time);
  slider.setAttribute("aria-valuetext", formatPosition(entry.time));
  setText(requireElement("[data-time]"), formatPosition(entry.time));
  box.say("");
}

/** @param {number} frames */
function stepBy(frames) {
  const { time, fps, vod } = getCurrent();
  seekTo(stepFrames(time, frames, fps, vod.duration));
  if (drawn) onChanged();
}

for (const [id, { vod, video, fps, time }] of videos) {
  const slot = requireElement(`[data-slot="${CSS.escape(id)}"]`);
  const letter = getLetter(id);
  const rest = `Draw the box on another video. Video ${letter} can still be aligned.`;
  const about = `${formatDuration(vod.duration)}, ${formatFrameRate(fps)} fps, ${vod.resolution}`;
  setText(requireElement("[data-meta]", slot), about);
  const drawPicture = () => requireElement("canvas", slot).getContext("2d").drawImage(video, 0, 0, 144, 81);
  video.addEventListener("loadedmetadata", () => (video.currentTime = time || frameMiddle(0, fps)), { once: true });
  video.addEventListener("seeked", drawPicture, { once: true });
  video.addEventListener("error", () => showToast(`This browser cannot play video ${letter}. ${rest}`, "warn"), {
    once: true,
  });
  if (video.readyState >= HTMLMediaElement.HAVE_METADATA) video.currentTime = time;
}

listenToButtons(drawOn, showVideo);
requireElement("[data-act=back]").addEventListener("click", () => stepBy(-1));
requireElement("[data-act=on]").addEventListener("click", () => stepBy(1));
slider.addEventListener("input", () => seekTo(Number(slider.value)));
slider.addEventListener("change", () => drawn && onChanged());
nameField.addEventListener("input", save);
if (nameField.value.trim() !== session.name) save(); // save a name restored from a draft
window.addEventListener("pagehide", () => {
  isLeaving = true;
  save.flush();
});
game.value = session.ui_state?.game ?? "auto";
game.addEventListener("change", save);
showVideo(currentId);
