// The printable list of events with their frames, captured from the players one event at a time.

import { eventsUrl } from "../base/api.js";
import { requireElement, readPageData, setText } from "../base/dom.js";
import { formatCount, formatPosition } from "../base/format.js";
import { explainError } from "../base/notice.js";
import { getPlacement } from "../base/timeline.js";
import { guard, html, mount } from "../base/view.js";
import { describeAuthor } from "./events/details.js";
import { getLook } from "./events/kinds.js";
import { createGlyph, getLookAttributes } from "./events/lanes.js";
import { markMentions } from "./events/mentions.js";
import { createPicture } from "./events/strokes.js";
import { Track } from "./playback/track.js";

const WIDEST = 960;
const QUALITY = 0.9;
const MOST = 300;

const session = readPageData("session");
/** @type {Map<string, string>} */ const copies = new Map(
  readPageData("copies").map((/** @type {any} */ copy) => [copy.vod_id, copy.proxy_url ?? copy.stream_url]),
);
const state = requireElement("[data-state]");
const list = requireElement("[data-events]");
const drawList = mount(list);
const button = requireElement("[data-print]");
const writtenOnly = requireElement("[data-written-only]");
/** @type {any[]} */ let events = [];
/** @type {any[]} */ let shown = [];
/** Pictures of each event's moment. @type {Map<any, import("../base/view.js").View[]>} */ const figures = new Map();
let turn = 0;

/** @type {Track[]} */ const tracks = session.vods.map((/** @type {any} */ vod) => {
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.preload = "auto";
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
  // A few hundred uncompressed canvases would exceed a phone's memory; JPEG images need less.
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (!blob) return null;
  const image = new Image();
  image.alt = `${formatPosition(track.mediaTime ?? track.time)}, frame ${track.frame}`;
  image.src = URL.createObjectURL(blob);
  await image.decode();
  return { image, aspect: video.videoWidth / video.videoHeight };
}

/** @param {Track} track @param {any} event */
async function takeFigure(track, event) {
  const at = event.global_time;
  const isOwn = event.sources.some((/** @type {any} */ source) => source.vod_id === track.id);
  if (!isOwn && (at < track.begin || at >= track.end)) return null;
  const found = await frameAt(track, at).catch(() => null); // memory may run out
  const letter = "ABC"[tracks.indexOf(track)];
  const strokes = event.drawing?.strokes ?? [];
  const isDrawnOn = event.vod_id === track.id || (event.vod_id === null && track === tracks[0]);
  return html`<figure>
    <div class="frame" data-frame-of=${letter}>${found?.image}${
      found && isDrawnOn && strokes.length ? createPicture(strokes, found.aspect) : null
    }</div>
    <figcaption>
      <span class="letter-badge" data-letter=${letter}>${letter}</span>
      <span class="mono">${found?.image.alt ?? "This video could not be read."}</span>
    </figcaption>
  </figure>`;
}

/** Wait until the page is visible, because hidden pages get no video frames. */
async function waitUntilVisible() {
  while (document.hidden)
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}

/** @param {any} event */
function entryView(event) {
  const { name } = getLook(event.kind);
  const { tone, shape } = getLookAttributes(event);
  const text = (/** @type {string} */ body) => html`<p class="anywhere" dir="auto">${markMentions(body)}</p>`;
  return html`<li>
    <h2 data-tone=${tone} data-shape=${shape} .style=${event.color ? `--kind: ${event.color}` : ""}>
      ${createGlyph(event)}
      <span class="mono">${formatPosition(event.global_time)}</span>
      <span class="anywhere" dir="auto">${event.label || name}</span>
      <span class="faint text-small">${name}${event.resolved ? ", done" : ""}</span>
    </h2>
    ${event.body ? text(event.body) : null}
    <div class="print-frames">${figures.get(event)}</div>
    <p class="faint text-small">${describeAuthor(event, (at) => at.toLocaleString())}</p>
    ${
      event.replies.length
        ? html`<ol class="thread">
            ${event.replies.map(
              (/** @type {any} */ reply) => html`<li>
                <b class="text-small">${reply.created_by_name}</b>${text(reply.body)}
              </li>`,
            )}
          </ol>`
        : null
    }
  </li>`;
}

function draw() {
  drawList(shown.map((event) => guard([event, figures.get(event)], () => entryView(event))));
}

async function drawPages() {
  const mine = ++turn;
  button.disabled = true;
  const all = writtenOnly.checked ? events.filter(isPrinted) : events;
  shown = all.slice(0, MOST);
  for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  figures.clear();
  draw();
  for (const [index, event] of shown.entries()) {
    setText(state, `Loading the frames of event ${index + 1} of ${shown.length}`);
    await waitUntilVisible();
    const taken = await Promise.all(tracks.map((track) => takeFigure(track, event)));
    if (mine !== turn) return;
    figures.set(event, taken);
    draw();
  }
  const rest = all.length - shown.length;
  state.classList.toggle("controls", rest === 0);
  setText(state, rest ? `Showing the first ${MOST} of ${all.length} events` : formatCount(shown.length, "event"));
  button.disabled = shown.length === 0;
}

writtenOnly.addEventListener("change", drawPages);
button.addEventListener("click", () => window.print());
try {
  ({ events } = await eventsUrl(session.session_id).joined());
  writtenOnly.checked = events.some(isPrinted);
  drawPages();
} catch (error) {
  setText(state, explainError(error));
}
