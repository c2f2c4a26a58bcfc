// The printable list of events with their frames, captured from the players one event at a time.

import { eventsApi } from "../base/api.js";
import { h, need, pageData, setText } from "../base/dom.js";
import { counted, position } from "../base/format.js";
import { explain } from "../base/notice.js";
import { placementOf } from "../base/timeline.js";
import { whoAndWhen } from "./events/details.js";
import { lookOf } from "./events/kinds.js";
import { colors, glyph, looks } from "./events/lanes.js";
import { marked } from "./events/mentions.js";
import { picture } from "./events/strokes.js";
import { Track } from "./playback/track.js";

const WIDEST = 960;
const QUALITY = 0.9;
const MOST = 300;
const LETTERS = "ABC";

const session = pageData("session");
/** @type {Map<string, string>} */ const copies = new Map(
  pageData("copies").map((/** @type {any} */ copy) => [copy.vod_id, copy.proxy_url ?? copy.stream_url]),
);
const state = need("[data-state]");
const list = need("[data-events]");
const button = /** @type {HTMLButtonElement} */ (need("[data-print]"));
const writtenOnly = /** @type {HTMLInputElement} */ (need("[data-written-only]"));
/** @type {any[]} */ let events = [];
let turn = 0;

/** @type {Track[]} */ const tracks = session.vods.map((/** @type {any} */ vod) => {
  const video = /** @type {HTMLVideoElement} */ (h("video", { muted: true, playsinline: true, preload: "auto" }));
  video.muted = true;
  video.src = copies.get(vod.vod_id) ?? vod.stream_url;
  return new Track({
    id: vod.vod_id,
    video,
    placement: placementOf(vod),
    duration: vod.duration,
    fps: vod.fps,
    variable: vod.is_variable_frame_rate,
  });
});

/** @param {any} event @returns {boolean} */
const isWritten = (event) => Boolean(event.body || event.drawing || event.replies.length);

/**
 * Return a video's frame at a session time as an image; null if the frame cannot be read.
 * @param {Track} track
 * @param {number} at Session time in seconds.
 */
async function frameAt(track, at) {
  track.mediaTime = null;
  const { video } = track;
  if (!(await track.seek(track.placeAt(at))) || video.seeking || video.readyState < 2 || !video.videoWidth) return null;
  const width = Math.min(video.videoWidth, WIDEST);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.round((width * video.videoHeight) / video.videoWidth);
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  const words = `${position(track.mediaTime ?? track.time)}, frame ${track.frame}`;
  // A few hundred uncompressed canvases would exceed a phone's memory; JPEG images need less.
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (!blob) return null;
  const image = /** @type {HTMLImageElement} */ (h("img", { alt: words, src: URL.createObjectURL(blob) }));
  await image.decode();
  return { image, words, aspect: video.videoWidth / video.videoHeight };
}

/** @param {Track} track @param {any} event */
async function take(track, event) {
  const at = event.global_time;
  const isOwn = event.sources.some((/** @type {any} */ source) => source.vod_id === track.id);
  if (!isOwn && (at < track.begin || at >= track.end)) return null;
  const found = await frameAt(track, at).catch(() => null); // memory may run out
  const letter = LETTERS[tracks.indexOf(track)];
  const strokes = event.drawing?.strokes ?? [];
  const isDrawnOn = event.vod_id === track.id || (event.vod_id === null && track === tracks[0]);
  const frame = h("div", { class: "frame", data: { frameOf: letter } }, found?.image ?? "");
  if (found && isDrawnOn && strokes.length) frame.append(picture(strokes, found.aspect));
  return h(
    "figure",
    {},
    frame,
    h(
      "figcaption",
      {},
      h("span", { class: "letter-badge", data: { letter } }, letter),
      h("span", { class: "mono" }, found?.words ?? "This video could not be read."),
    ),
  );
}

/** Wait until the page is visible, because hidden pages get no video frames. */
async function seen() {
  while (document.hidden)
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}

/** @param {any} event @param {HTMLElement} frames */
function entry(event, frames) {
  const name = event.label || lookOf(event.kind).name;
  const by = whoAndWhen(event, (at) => at.toLocaleString());
  return h(
    "li",
    {},
    h(
      "h2",
      { data: looks(event), vars: colors(event) },
      glyph(event),
      h("span", { class: "mono" }, position(event.global_time)),
      h("span", { class: "anywhere", dir: "auto" }, name),
      h("span", { class: "faint text-small" }, `${lookOf(event.kind).name}${event.resolved ? ", done" : ""}`),
    ),
    event.body ? h("p", { class: "anywhere", dir: "auto" }, ...marked(event.body)) : "",
    frames,
    h("p", { class: "faint text-small" }, by),
    event.replies.length
      ? h(
          "ol",
          { class: "thread" },
          ...event.replies.map((/** @type {any} */ reply) =>
            h(
              "li",
              {},
              h("b", { class: "text-small" }, reply.created_by_name),
              h("p", { class: "anywhere", dir: "auto" }, ...marked(reply.body)),
            ),
          ),
        )
      : "",
  );
}

async function draw() {
  const mine = ++turn;
  button.disabled = true;
  const all = writtenOnly.checked ? events.filter(isWritten) : events;
  const shown = all.slice(0, MOST);
  const holders = shown.map(() => h("div", { class: "print-frames" }));
  for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  list.replaceChildren(...shown.map((event, index) => entry(event, holders[index])));
  for (const [index, event] of shown.entries()) {
    setText(state, `Loading the frames of event ${index + 1} of ${shown.length}`);
    await seen();
    const figures = await Promise.all(tracks.map((track) => take(track, event)));
    if (mine !== turn) return;
    holders[index].replaceChildren(...figures.filter((figure) => figure !== null));
  }
  const rest = all.length - shown.length;
  state.classList.toggle("controls", rest === 0);
  setText(state, rest ? `The first ${MOST} of ${all.length} events` : counted(shown.length, "event"));
  button.disabled = shown.length === 0;
}

writtenOnly.addEventListener("change", draw);
button.addEventListener("click", () => window.print());
eventsApi(session.session_id)
  .joined()
  .then(
    (/** @type {any} */ answer) => {
      events = answer.events;
      writtenOnly.checked = events.some(isWritten);
      draw();
    },
    (/** @type {unknown} */ error) => setText(state, explain(error)),
  );
