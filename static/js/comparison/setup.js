// The set-up page of a comparison: timer box, readings of the box, and alignment.

import { AlignPanel } from "./alignment.js";
import { sessionApi } from "../base/api.js";
import { debounce, need, pageData, setText } from "../base/dom.js";
import { duration, frameRate, hundredths, position } from "../base/format.js";
import { explain, toast } from "../base/notice.js";
import { Readings } from "./timer-readings.js";
import { RoiBox } from "../base/timer-box.js";
import { midFrame, snap, step } from "../base/frames.js";
import { globalTime, placementOf } from "../base/timeline.js";

const SAVE_PAUSE = 700;

const session = pageData("session");
const api = sessionApi(session.session_id);
const letterOf = (/** @type {string} */ id) =>
  "ABC"[session.vods.findIndex((/** @type {any} */ v) => v.vod_id === id)] ?? "?";
const page = `/compare/${encodeURIComponent(session.session_id)}`;
const stage = need("[data-box-stage]");
const slider = /** @type {HTMLInputElement} */ (need("[data-position]"));
const game = /** @type {HTMLSelectElement} */ (need("[data-game]"));
const nameField = /** @type {HTMLInputElement} */ (need("#name"));
const saved = session.ui_state?.roi ?? null;

/** @type {Map<string, {vod: any, video: HTMLVideoElement, fps: number, time: number}>} */
const videos = new Map(
  session.vods.map((/** @type {any} */ vod) => {
    const [up, down] = vod.fps_fraction ?? [vod.fps, 1];
    const fps = up / down;
    const time = snap(saved?.vod_id === vod.vod_id ? saved.time : vod.duration / 3, fps, vod.duration);
    return [vod.vod_id, { vod, video: need(`[data-video="${CSS.escape(vod.vod_id)}"]`, stage), fps, time }];
  }),
);
let currentId = videos.has(saved?.vod_id) ? saved.vod_id : session.vods[0].vod_id;
let drawn = saved !== null;
const current = () => /** @type {any} */ (videos.get(currentId));

const save = debounce(async () => {
  const ui_state = { ...session.ui_state, game: game.value, ...(drawn ? { roi: roi() } : {}) };
  const name = nameField.value.trim();
  try {
    await api.change(name && name !== session.name ? { name, ui_state } : { ui_state });
    session.name = name || session.name;
    setText(need("[data-saved]"), "Saved");
  } catch (error) {
    setText(need("[data-saved]"), "");
    toast(`The changes could not be saved. ${explain(error)}`, "bad");
  }
}, SAVE_PAUSE);

const readings = new Readings(need("[data-readings]"), {
  vods: session.vods,
  letterOf,
  preview: api.preview,
  onReadings: (all) => {
    const nearest = all
      .filter((r) => r.vod_id === currentId && r.value !== null)
      .sort((a, b) => Math.abs(a.time - current().time) - Math.abs(b.time - current().time))[0];
    box.say(
      nearest && Math.abs(nearest.time - current().time) < 0.5
        ? `${nearest.text} · ${hundredths(nearest.confidence)}`
        : "",
    );
    mark("box", all.some((r) => r.value !== null) ? "done" : "now");
  },
});
const box = new RoiBox(stage, current().video, { box: saved ?? undefined, onChange: changed });
box.element.toggleAttribute("data-suggested", !drawn);
const align = new AlignPanel(
  need("[data-align]"),
  {
    api,
    letterOf,
    primary: true,
    applyLabel: " and open",
    isBoxShown: true,
    session: () => session,
    request: () => ({ roi: drawn ? roi() : null, game: game.value }),
    onApplied: async (changed) => {
      // Open the comparison at the first moment that all videos show.
      const begun = Math.max(...changed.vods.map((/** @type {any} */ vod) => globalTime(0, placementOf(vod))));
      if (changed.global_time === 0 && begun > 0) await api.seek(begun).catch(() => {});
      location.assign(page);
    },
    onHand: (id) => location.assign(`${page}?alone=${encodeURIComponent(id)}`),
    onDraw: (id) => {
      show(id);
      box.element.focus();
    },
    onResult: (isApplied) => {
      const open = need("[data-open]");
      open.className = isApplied ? "btn primary" : "btn quiet";
      setText(open, isApplied ? "Open the comparison" : "Skip alignment");
    },
    onState: (state) => mark("align", state === "done" ? "done" : state === "running" || drawn ? "now" : ""),
  },
  pageData("latest-alignment"),
);

function roi() {
  const { time, vod } = current();
  return { vod_id: currentId, time: Math.min(time, vod.duration), ...box.box };
}

function changed() {
  drawn = true;
  box.element.removeAttribute("data-suggested");
  readings.update(roi());
  align.refresh();
  save();
}

/** @param {string} step @param {string} state */
function mark(step, state) {
  need(`[data-step=${step}]`).className = `step ${state}`.trim();
}

/** @param {string} id */
function show(id) {
  currentId = id;
  const { video, vod, time } = current();
  for (const [other, entry] of videos) entry.video.hidden = other !== id;
  for (const button of need("[data-draw-on]").querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button.value === id));
  for (const slot of document.querySelectorAll("[data-slot]"))
    slot.toggleAttribute("data-on", /** @type {HTMLElement} */ (slot).dataset.slot === id);
  box.video = video;
  slider.max = String(vod.duration);
  slider.setAttribute("aria-label", `Position in ${letterOf(id)}`);
  goTo(time);
  if (drawn) changed();
}

/** @param {number} time */
function goTo(time) {
  const entry = current();
  entry.time = snap(time, entry.fps, entry.vod.duration);
  entry.video.currentTime = entry.time;
  slider.value = String(entry.time);
  slider.setAttribute("aria-valuetext", position(entry.time));
  setText(need("[data-time]"), position(entry.time));
  box.say("");
}

/** @param {number} frames */
function stepBy(frames) {
  const { time, fps, vod } = current();
  goTo(step(time, frames, fps, vod.duration));
  if (drawn) changed();
}

for (const [id, { vod, video, fps, time }] of videos) {
  const slot = need(`[data-slot="${CSS.escape(id)}"]`);
  setText(need("[data-meta]", slot), `${duration(vod.duration)}, ${frameRate(fps)} fps, ${vod.resolution}`);
  video.addEventListener("loadedmetadata", () => (video.currentTime = time || midFrame(0, fps)), { once: true });
  video.addEventListener("seeked", () => need("canvas", slot).getContext("2d")?.drawImage(video, 0, 0, 144, 81), {
    once: true,
  });
  video.addEventListener(
    "error",
    () =>
      toast(
        `${letterOf(id)} cannot be shown in this browser. It can still be aligned, with the box drawn on another video.`,
        "warn",
      ),
    { once: true },
  );
  if (video.readyState >= HTMLMediaElement.HAVE_METADATA) video.currentTime = time;
}

need("[data-draw-on]").addEventListener("click", (/** @type {Event} */ event) => {
  const button = /** @type {Element} */ (event.target).closest("button");
  if (button) show(button.value);
});
need("[data-act=back]").addEventListener("click", () => stepBy(-1));
need("[data-act=on]").addEventListener("click", () => stepBy(1));
slider.addEventListener("input", () => goTo(Number(slider.value)));
slider.addEventListener("change", () => drawn && changed());
nameField.addEventListener("input", save);
game.value = session.ui_state?.game ?? "auto";
game.addEventListener("change", save);
show(currentId);
