// The printable list of events with their frames, captured from the players one event at a time.

import { eventsUrl } from "../base/api.js";
import { h, requireElement, readPageData, setText } from "../base/dom.js";
import { formatCount, formatPosition } from "../base/format.js";
import { explainError } from "../base/notice.js";
import { getPlacement } from "../base/timeline.js";
import { describeAuthor } from "./events/details.js";
import { getLook } from "./events/kinds.js";
import { getColors, createGlyph, getLookAttributes } from "./events/lanes.js";
import { markMentions } from "./events/mentions.js";
import { createPicture } from "./events/strokes.js";
import { Track } from "./playback/track.js";

const WIDEST = 960;
const QUALITY = 0.9;
const MOST = 300;
const LETTERS = "ABC";

const session = readPageData("session");
/** @type {Map<string, string>} */ const copies = new Map(
  readPageData("copies").map((/** @type {any} */ copy) => [copy.vod_id, copy.proxy_url ?? copy.stream_url]),
);
const state = requireElement("[data-state]");
const list = requireElement("[data-events]");
const button = /** @type {HTMLButtonElement} */ (requireElement("[data-print]"));
const writtenOnly = /** @type {HTMLInputElement} */ (requireElement("[data-written-only]"));
/** @type {any[]} */ let events = [];
let turn = 0;

/** @type {Track[]} */ const tracks = session.vods.map((/** @type {any} */ vod) => {
  const video = /** @type {HTMLVideoElement} */ (h("video", { muted: true, playsinline: true, preload: "auto" }));
  video.muted = true;
  video.src = copies.get(vod.vod_id) ?? vod.stream_url;
  return new Track({
    id: vod.vod_id,
    video,
    placement: getPlacement(vod),
    duration: vod.duration,
    fps: vod.fps,
    variable: vod.is_variable_frame_rate,
  });
});

/** @param {any} event @returns {boolean} */
const isPrinted = (event) => Boolean(event.body || event.drawing || event.replies.length);

/**
 * Return a video's frame at a time on the shared clock (seconds) as an image; null if the frame cannot be read.
 * @param {Track} track
 * @param {number} at
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
  const words = `${formatPosition(track.mediaTime ?? track.time)}, frame ${track.frame}`;
  // A few hundred uncompressed canvases would exceed a phone's memory; JPEG images need less.
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (!blob) return null;
  const image = /** @type {HTMLImageElement} */ (h("img", { alt: words, src: URL.createObjectURL(blob) }));
  await image.decode();
  return { image, words, aspect: video.videoWidth / video.videoHeight };
}

/** @param {Track} track @param {any} event */
async function createFigure(track, event) {
  const at = event.global_time;
  const isOwn = event.sources.some((/** @type {any} */ source) => source.vod_id === track.id);
  if (!isOwn && (at < track.begin || at >= track.end)) return null;
  const found = await frameAt(track, at).catch(() => null); // memory may run out
  const letter = LETTERS[tracks.indexOf(track)];
  const strokes = event.drawing?.strokes ?? [];
  const isDrawnOn = event.vod_id === track.id || (event.vod_id === null && track === tracks[0]);
  const frame = h("div", { class: "frame", data: { frameOf: letter } }, found?.image ?? "");
  if (found && isDrawnOn && strokes.length) frame.append(createPicture(strokes, found.aspect));
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
async function waitUntilVisible() {
  while (document.hidden)
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}

/** @param {any} event @param {HTMLElement} frames */
function createEntry(event, frames) {
  const name = event.label || getLook(event.kind).name;
  const by = describeAuthor(event, (at) => at.toLocaleString());
  return h(
    "li",
    {},
    h(
      "h2",
      { data: getLookAttributes(event), vars: getColors(event) },
      createGlyph(event),
      h("span", { class: "mono" }, formatPosition(event.global_time)),
      h("span", { class: "anywhere", dir: "auto" }, name),
      h("span", { class: "faint text-small" }, `${getLook(event.kind).name}${event.resolved ? ", done" : ""}`),
    ),
    event.body ? h("p", { class: "anywhere", dir: "auto" }, ...markMentions(event.body)) : "",
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
              h("p", { class: "anywhere", dir: "auto" }, ...markMentions(reply.body)),
            ),
          ),
        )
      : "",
  );
}

async function drawPages() {
  const mine = ++turn;
  button.disabled = true;
  const all = writtenOnly.checked ? events.filter(isPrinted) : events;
  const shown = all.slice(0, MOST);
  const holders = shown.map(() => h("div", { class: "print-frames" }));
  for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  list.replaceChildren(...shown.map((event, index) => createEntry(event, holders[index])));
  for (const [index, event] of shown.entries()) {
    setText(state, `Loading the frames of event ${index + 1} of ${shown.length}`);
    await waitUntilVisible();
    const figures = await Promise.all(tracks.map((track) => createFigure(track, event)));
    if (mine !== turn) return;
    holders[index].replaceChildren(...figures.filter((figure) => figure !== null));
  }
  const rest = all.length - shown.length;
  state.classList.toggle("controls", rest === 0);
  setText(state, rest ? `Showing the first ${MOST} of ${all.length} events` : formatCount(shown.length, "event"));
  button.disabled = shown.length === 0;
}

writtenOnly.addEventListener("change", drawPages);
button.addEventListener("click", () => window.print());
eventsUrl(session.session_id)
  .joined()
  .then(
    (/** @type {any} */ answer) => {
      events = answer.events;
      writtenOnly.checked = events.some(isPrinted);
      drawPages();
    },
    (/** @type {unknown} */ error) => setText(state, explainError(error)),
  );
