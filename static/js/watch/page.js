// The watch page.

import { ApiError, changeJob, fetchFragment } from "../base/api.js";
import { readCatalogueVideo, sendFiles } from "../catalogue/api.js";
import { listMarks, formatViews } from "../catalogue/list-matching.js";
import { copyText } from "../base/clipboard.js";
import { readPageData, requireElement, setIcon, setText } from "../base/dom.js";
import { formatClock, formatFrameRate, formatPercent, formatPosition } from "../base/format.js";
import { openDeleteDialog, restoreVideos } from "../library/delete-dialog.js";
import { openEditDialog } from "../library/edit-dialog.js";
import { isSelectable } from "../library/video-card.js";
import { watchJobs } from "../base/job-updates.js";
import { LiveChannel } from "../base/live-channel.js";
import { toggleMenu } from "../base/menu.js";
import { errorView, showToast } from "../base/notice.js";
import { Sprite } from "../base/sprite.js";
import { html, iconView, mount, repeat } from "../base/view.js";
import { formatBytes, setPoster, formatDay, getDownloadUrl, makeRendition, readVideo } from "../videos/api.js";
import { Controls } from "./controls.js";
import { storeSound, Place, restoreSound } from "../videos/playback-memory.js";
import { drawPictures, drawWaveform } from "./overview.js";
import { Player } from "../videos/player.js";
import { openPublishDialog } from "./publish.js";
import { SeekBar } from "../videos/seek-bar.js";
import { openTracks } from "./tracks-dialog.js";
import { Transcript } from "./transcript.js";

/**
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {Video & Partial<import("../catalogue/api.js").CatalogueVideo>} WatchedVideo
 * @typedef {import("../base/view.js").View} View
 */

const PICTURE_WIDTH = 1280; // maximum width of an uploaded thumbnail, in pixels
const RUNNING = new Set(["queued", "processing", "waiting", "paused"]);
const GONE = 4404;
const STALE = 30_000; // age in ms above which opening the quality menu reloads the video's data
const ASK = 5000; // ms between polls while no quality is playable
const ASK_FOR = 600_000; // polling ends this many ms after the page load or the last job message, unless a job runs

// types of errors that would occur again on a retry
const FINAL = new Set(["malware_found", "video_too_long", "checksum_mismatch", "vod_unreadable"]);

/**
 * Data that the API does not return: exact frame rate, sound tracks, permissions, and whether the video is in the
 * library or the catalogue. Frame rate and sound tracks are unknown until the file is analysed.
 */ let facts = readPageData("facts");
const root = requireElement("[data-player]");
const state = requireElement("[data-state]");
const said = requireElement("[data-said]");
const mark = requireElement("[data-status]");
const listed = facts.place === "catalogue";
const drawNotes = mount(state);
const drawTrouble = mount(requireElement("[data-trouble]", root));
const drawRows = mount(requireElement("[data-details]"));
const drawUses = mount(requireElement("[data-uses]"));
const drawTags = mount(requireElement("[data-tags]"));
const drawMarks = listed ? mount(requireElement("[data-marks]")) : null;

/** @type {WatchedVideo|null} */ let video = null;
/** @type {Player|null} */ let player = null;
/** @type {SeekBar|null} */ let seekBar = null;
/** @type {Controls|null} */ let controls = null;
/** @type {Transcript|null} */ let transcript = null;
/** Latest message of the running job. @type {any} */ let work = null;
let percent = 0; // progress of the job, which never decreases
let hasFailed = false;
/** Note about a failed request. @type {View} */ let problem = null;
/** Functions that update displays of the playback position. @type {(() => void)[]} */ const followers = [];
let readAt = 0;
let pictureJob = ""; // id of the job that makes a chosen frame the poster
let watched = "";
/** @type {Set<string>} */ const shownParts = new Set();
let isGone = false;
const place = new Place(facts.id);

async function loadVideo() {
  showProblem(null);
  try {
    adoptVideo(await fetchVideo());
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return onGone();
    showProblem(errorView("The video could not be loaded.", error, loadVideo));
  }
}

/** @param {View} note */
function showProblem(note) {
  problem = note;
  drawWork();
}

async function fetchVideo() {
  const found = await (listed ? readCatalogueVideo(facts.id) : readVideo(facts.id));
  readAt = Date.now();
  return found;
}

/** @param {WatchedVideo} next */
function adoptVideo(next) {
  const before = video;
  // Ignore a response that is older than a socket message.
  if (Date.parse(next.updated_at ?? "") < Date.parse(before?.updated_at ?? "")) return;
  video = next;
  if (before && before.status !== next.status) {
    problem = null;
    setText(said, `${next.title}: ${next.status}.`);
  }
  if (before && !before.duration_exact && next.duration_exact) reloadFacts();
  drawState();
  drawDetails();
  drawTexts();
  if (next.status !== "failed") showVideo();
  // Watch the job even if it may have ended: its first message shows whether the job still runs.
  if (next.job_id && !watched && !listed) watchJob(next.job_id);
}

/** Load the exact frame rate, which is known once the file is analysed. */
async function reloadFacts() {
  try {
    const fresh = await fetchFragment(location.pathname);
    facts = JSON.parse(requireElement("#facts", fresh).textContent);
  } catch {
    return; // ignore the error: only frame numbers are missing
  }
  player?.know(facts.fps, facts.is_variable_frame_rate);
  drawDetails();
}

function showVideo() {
  if (!video) return;
  if (player) player.adopt(video);
  else createPlayer();
  showOnce("sprite", video.sprite_vtt_url, async (address, on) => {
    const sprite = await Sprite.load(address);
    if (seekBar) seekBar.sprite = sprite;
    return drawPictures(requireElement("[data-strip]"), sprite, on);
  });
  showOnce("peaks", video.peaks_url, (address, on) => drawWaveform(requireElement("[data-wave]"), address, on));
}

/**
 * Show the preview thumbnails or the waveform. After an error, the next change of the video loads them again.
 * @param {string} part
 * @param {string|null|undefined} address
 * @param {(address: string, on: Player) => Promise<() => void>} draw
 */
async function showOnce(part, address, draw) {
  if (!address || !player || shownParts.has(part)) return;
  shownParts.add(part);
  try {
    followers.push(await draw(address, player));
    updateTime();
  } catch {
    shownParts.delete(part);
  }
}

function createPlayer() {
  if (!video?.video_url) return;
  /** @type {HTMLVideoElement} */ const element = requireElement("video", root);
  const fps = facts.fps || video.fps;
  player = new Player(element, video, { fps, variable: facts.is_variable_frame_rate, renew: fetchVideo });
  if (video.poster_url) element.poster = video.poster_url;
  // Remove the poster once the first frame is loaded, so that the picture matches the displayed frame number.
  element.addEventListener("loadeddata", () => element.removeAttribute("poster"));
  seekBar = new SeekBar(requireElement("[data-seek]", root), player);
  const words = new Transcript(root, player, seekBar, facts.id);
  transcript = words;
  element.addEventListener("loadedmetadata", () => seekBar?.showChapters(words.chapters));
  followers.push(() => words.follow());
  words.load();
  controls = new Controls(root, player, { onMenu: refreshQualities, toggleCaptions: () => words.toggle() });
  player.addEventListener("change", redrawControls);
  for (const name of ["timeupdate", "seeked", "loadedmetadata", "loadeddata"])
    element.addEventListener(name, updateTime);
  root.hidden = false;
  restoreSound(element);
  element.addEventListener("volumechange", () => storeSound(element));
  player.begin();
  if (!seekToAddress()) resumePosition();
  requestAnimationFrame(updateEachFrame);
}

/** Seek to the time in the page's URL; return whether there is one. @returns {boolean} */
function seekToAddress() {
  const hash = /^#t=(.+)$/.exec(location.hash);
  const at = parseAddressTime(hash ? hash[1] : (new URL(location.href).searchParams.get("t") ?? ""));
  if (at !== null) player?.seek(at);
  return at !== null;
}
window.addEventListener("hashchange", seekToAddress);

/** Parse a time in a URL, such as `90`, `90.5s` or `1h2m3s`, into seconds. @param {string} text */
function parseAddressTime(text) {
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?$/.exec(text);
  if (!text || !parts) return null;
  const [hours, minutes, rest] = parts.slice(1).map((part) => Number(part ?? 0));
  return 3600 * hours + 60 * minutes + rest;
}

/** Continue at the last position that this browser has stored. */
function resumePosition() {
  const at = place.of(video?.duration_exact ?? 0);
  if (!player || at === null) return;
  player.seek(at);
  showToast(`Continuing at ${formatClock(at)}, where you left off. Press Home to go to the start.`);
}

function updateEachFrame() {
  if (player?.playing) updateTime();
  requestAnimationFrame(updateEachFrame);
}

function updateTime() {
  controls?.update();
  seekBar?.update();
  for (const follower of followers) follower();
  if (player) place.note(player.time, player.duration);
}
window.addEventListener("pagehide", () => place.keep());

function redrawControls() {
  if (!player) return;
  controls?.mark();
  updateTime();
  pollWhileWaiting(); // start or stop polling the video here, because no job message reports a playback failure
  requireElement("[data-trouble]", root).hidden = player.trouble === null;
  drawTrouble(player.trouble && troubleView(player.trouble));
}

/** @param {{title: string, text: string, mayMake: boolean}} trouble */
const troubleView = ({ title, text, mayMake }) => html`
  ${iconView("alert")}<b role="alert">${title}</b>
  <p class="text-small">${text}</p>
  <div class="row wrap">
    ${
      mayMake && facts.may_change
        ? html`<button class="btn" type="button" @click=${requestCopy}>${iconView("film")}Make a copy</button>`
        : html`<button class="btn" type="button" @click=${() => player?.again()}>${iconView("retry")}Try again</button>`
    }
    ${video?.video_url ? downloadView(video) : null}
  </div>`;

/** @param {Video} one */
const downloadView = (one) => html`<a class="btn" href=${getDownloadUrl(one)}>${iconView("download")}Download</a>`;

/** Fetch the video again, to find new renditions. */
async function refreshQualities() {
  if (Date.now() - readAt < STALE) return;
  readAt = Date.now();
  try {
    adoptVideo(await fetchVideo());
  } catch {}
}

async function requestCopy() {
  showProblem(null);
  try {
    const { job_id } = await makeRendition(facts.id, "proxy");
    if (!job_id) return adoptVideo(await fetchVideo());
    showToast("Making a copy that every browser can play.");
    watchJob(job_id);
  } catch (error) {
    showProblem(errorView("The copy could not be made.", error, requestCopy));
  }
}

async function retryJob() {
  const job = video?.job_id;
  if (!job) return;
  try {
    work = await changeJob(job, "retry");
    watchJob(job);
    drawState();
  } catch (error) {
    showProblem(errorView("Processing could not be restarted.", error, loadVideo));
  }
}

function drawState() {
  if (!video) return;
  // After a retry, the video's status stays "failed" until the job starts.
  hasFailed = video.status === "failed" && !work;
  const isDeleted = Boolean(video.deleted_at);
  if (isDeleted) player?.pause();
  root.hidden = hasFailed || isDeleted || !player;
  drawWork();
}

function drawWork() {
  const had = state.contains(document.activeElement);
  drawNotes([video && noteView(video), problem]);
  if (had && !state.contains(document.activeElement)) focusHeading();
  if (!video) return;
  const [tone, picture, word] = describeStatus(video);
  mark.className = `status ${tone}`;
  setText(requireElement("span", mark), word);
  setIcon(mark, picture);
  requireElement(".icon", mark).classList.toggle("spin", picture === "run");
}

/** @param {Video} one */
function noteView(one) {
  if (one.deleted_at)
    return html`
      <div class="note warn">
        ${iconView("trash")}
        <div class="spacer">
          <b>This video has been deleted.</b>
          <p class="text-small">Nobody can watch it. An administrator can restore it.</p>
        </div>
      </div>`;
  if (hasFailed) return failedView(one);
  if (one.status === "ready") return null;
  const waits = work?.status === "queued" ? "Waiting to start." : "Waiting to be processed.";
  const runs = work && work.status !== "queued";
  return html`
    <div class="note">
      ${iconView("run", "spin")}
      <div class="spacer col">
        <b>${one.video_url ? "Processing the video" : "Finishing the upload"}</b>
        <p class="text-small" data-work>
          ${runs ? `${work.message || "Processing"}, ${formatPercent(work.progress)}` : waits}
        </p>
        <progress class="bar" max="100" .value=${percent} aria-label="Processing ${one.title}"></progress>
      </div>
    </div>`;
}

/** @param {Video} one */
function failedView(one) {
  const { error, job_id, source, video_url } = one;
  const type = error?.type ?? "";
  const again = facts.may_change && Boolean(job_id) && !FINAL.has(type);
  const retry = html`<button class="btn" type="button" @click=${retryJob}>${iconView("retry")}Try again</button>`;
  const isStored = source === "stored" && video_url && type !== "malware_found";
  return html`
    <div class="note bad" role="alert">
      ${iconView("alert")}
      <div class="spacer">
        <b class="anywhere" dir="auto">${error?.message ?? "The video could not be processed."}</b>
        <p class="text-small">${listed ? "Upload another file on the edit page." : adviseOnError(type, again)}</p>
      </div>
      ${again ? retry : null}
      ${!listed && isStored ? downloadView(one) : null}
      ${listed ? null : html`<a class="btn" href="/upload">${iconView("upload")}Upload another video</a>`}
    </div>`;
}

function focusHeading() {
  const heading = requireElement("h1");
  heading.tabIndex = -1;
  heading.focus();
}

/** Return the class, icon and text of the video's status. @param {Video} one */
function describeStatus({ status }) {
  if (status === "failed") return ["bad", "alert", "Failed"];
  if (!work && status === "ready") return ["ok", "check", "Ready"];
  if (!work || status !== "ready") return ["run", "run", "Processing"];
  const what = work.kind === "ingest" ? "preview thumbnails" : work.id === pictureJob ? "the thumbnail" : "a copy";
  return ["run", "run", `Creating ${what}, ${formatPercent(work.progress)}`];
}

function drawDetails() {
  if (!video) return;
  const { width, height, fps, codec, duration_exact, file_size, mime_type, renditions, source, tags } = video;
  const rungs = renditions.filter((one) => one.kind === "hls").map((one) => `${one.height}p`);
  const proxy = renditions.some((one) => one.kind === "proxy") ? ["quick copy"] : [];
  const silent = renditions.some((one) => one.kind === "silent") ? ["without sound"] : [];
  const rate = `${facts.is_variable_frame_rate ? "about " : ""}${formatFrameRate(fps)} fps`;
  const rows = [
    ["Length", duration_exact > 0 && formatPosition(duration_exact).replace(/^00:0?/, "")],
    ["Picture", width && `${width} × ${height}, ${rate}${codec && !listed ? `, ${codec}` : ""}`],
    ["Size", file_size > 0 && formatBytes(file_size)],
  ];
  // Hide the details of the file if this is a catalogue video.
  const ofFile = [
    ["Sound", duration_exact > 0 && describeSound()],
    ["Type", mime_type !== "application/octet-stream" && mime_type],
    ["Qualities", video.video_url && [...new Set(["original", ...rungs, ...proxy, ...silent])].join(", ")],
    ["Location", source === "reference" ? "Folder on the server" : "Your storage"],
  ];
  drawRows(
    [...rows, ...(listed ? [] : ofFile)]
      .filter(([, value]) => value)
      .map(([label, value]) => html`<dt>${label}</dt><dd class="mono">${value}</dd>`),
  );
  const add = html`
    <button class="btn quiet text-small slim" type="button" data-part="tags" @click=${() => openEdit("tags")}>
      ${iconView("plus")}Add tag
    </button>`;
  drawTags([repeat(tags, (tag) => tag, tagView), facts.may_change ? add : null]);
}

/** @param {string} tag */
function tagView(tag) {
  const list = listed ? "/catalogue?search=" : "/library?tag=";
  return html`<a class="pill" href="${list}${encodeURIComponent(tag)}" dir="auto" data-part="tag ${tag}">${tag}</a>`;
}

function describeSound() {
  const tracks = facts.audio_tracks;
  if (!video?.has_audio) return "none";
  if (!tracks.length) return "yes";
  const first = tracks[0];
  const rate = first.sample_rate ? ` ${formatFrameRate(first.sample_rate / 1000)} kHz` : "";
  return `${first.codec ?? "sound"}${rate}${tracks.length > 1 ? `, ${tracks.length} tracks` : ""}`;
}

function drawTexts() {
  if (!video) return;
  document.title = `${video.title} · VOD Sync`;
  setText(requireElement("h1"), video.title);
  root.setAttribute("aria-label", `Player, ${video.title}`);
  const came = new Date(video.created_at);
  const time = requireElement("[data-came]");
  setText(
    time,
    formatDay(came).replace(/^[TY]/, (letter) => letter.toLowerCase()),
  );
  time.title = came.toLocaleString();
  const text = requireElement("[data-description]");
  setText(text, video.description);
  text.hidden = !video.description;
  drawUses(facts.is_signed_in && isSelectable(video) ? usesView(video) : null);
  requireElement("[data-more]").hidden = false;
  if (!listed) return;
  setText(requireElement("[data-views]"), formatViews(video.view_count ?? 0));
  const category = requireElement("[data-category]");
  category.hidden = !video.category;
  setText(category, video.category ?? "");
  category.href = `/catalogue?category=${encodeURIComponent(video.category ?? "")}`;
  drawMarks?.(
    listMarks(/** @type {any} */ (video)).map(
      ({ tone, icon, word }) => html`<span class="status ${tone}">${iconView(icon)}${word}</span>`,
    ),
  );
}

/** @param {Video} one */
function usesView({ id, status }) {
  const wait = status === "ready" ? "" : "Available when the video has been processed.";
  const plan = facts.has_pro ? "" : "Your plan does not include Pro segments.";
  const ofOwner = html`
    ${useView(`/analysis?new&video=${id}`, "analysis", "Analyse", wait)}
    ${useView(`/pro?video=${id}`, "pro", "Pro segments", plan || wait)}`;
  return html`
    <a class="btn primary" href="/compare?new&video=${id}">${iconView("compare")}Compare with…</a>
    ${facts.may_change ? ofOwner : null}
    ${facts.may_change && (plan || wait) ? html`<p class="hint" id="use-hint">${[plan, wait].filter(Boolean).join(" ")}</p>` : null}`;
}

/**
 * Return a link to a page that uses the video. `obstacle` is why it cannot be used; empty if it can.
 * @param {string} href @param {string} icon @param {string} label @param {string} obstacle
 */
const useView = (href, icon, label, obstacle) =>
  obstacle
    ? html`<a class="btn" role="link" tabindex="0" aria-disabled="true" aria-describedby="use-hint" title=${obstacle}
        >${iconView(icon)}${label}</a>`
    : html`<a class="btn" href=${href}>${iconView(icon)}${label}</a>`;

/** @param {"title"|"description"|"tags"} [first] */
function openEdit(first = "title") {
  const onSaved = (/** @type {Video} */ changed) => {
    adoptVideo(changed);
    setText(said, "Saved.");
  };
  if (video) openEditDialog(video, onSaved, first);
}

/** Make the displayed frame the poster. */
async function choosePoster() {
  try {
    const { job_id } = await setPoster(facts.id, Number((player?.time ?? 0).toFixed(3)));
    showToast("Setting this frame as the thumbnail.");
    if (!job_id) return;
    pictureJob = job_id;
    watchJob(job_id);
  } catch (error) {
    showToast(error instanceof ApiError ? error.sentence : "The thumbnail was not changed. Try again.", "bad");
  }
}

/** Upload the displayed frame as thumbnail. */
async function takePicture() {
  /** @type {HTMLVideoElement} */ const element = requireElement("video", root);
  const scale = Math.min(1, PICTURE_WIDTH / element.videoWidth);
  const [width, height] = [element.videoWidth, element.videoHeight].map((side) => Math.round(side * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  try {
    canvas.getContext("2d")?.drawImage(element, 0, 0, width, height);
    /** @type {Blob|null} */
    const frame = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
    if (!frame) throw new Error("The browser could not turn the frame into a JPEG file.");
    const thumbnail = new File([frame], "frame.jpg", { type: "image/jpeg" });
    adoptVideo(await sendFiles(facts.id, { thumbnail }, () => {}, new AbortController().signal));
    showToast("Thumbnail saved.");
  } catch (error) {
    const isElsewhere = /** @type {Error} */ (error).name === "SecurityError";
    const own = isElsewhere
      ? "This frame cannot be used, because the video is stored on another server. Upload a thumbnail on the edit page."
      : "This browser could not read the frame. Upload a thumbnail on the edit page.";
    showToast(error instanceof ApiError ? error.sentence : own, "bad");
  }
}

requireElement("[data-more]").addEventListener("click", () => {
  if (!video) return;
  const one = video;
  const { may_change, is_signed_in, may_edit, may_publish } = facts;
  const hasProxy = one.renditions.some((rendition) => rendition.kind === "proxy");
  const isReady = one.status === "ready";
  const isShown = isReady && player !== null;
  const link = isShown ? `Copy link at ${formatClock(player?.time ?? 0)}` : "Copy link";
  const report = `/catalogue?report=${one.id}`;
  const remove = () => openDeleteDialog([one], (_, isFinal) => (isFinal ? onGone() : onBinned(one)));
  const items = [
    may_change && { label: "Edit details…", icon: "pencil", run: () => openEdit() },
    { label: link, icon: "copy", run: copyLink },
    may_publish && isReady && { label: "Publish to the catalogue…", icon: "film", run: () => openPublishDialog(one) },
    one.video_url && { label: "Download", icon: "download", href: getDownloadUrl(one) },
    may_change &&
      isReady &&
      !hasProxy && { label: "Make a quick copy for fast seeking", icon: "film", run: requestCopy },
    ...((may_change || may_edit) && isShown
      ? [
          { label: "Captions and chapters…", icon: "captions", run: () => openTracksDialog(one) },
          { label: "Use this frame as thumbnail", icon: "camera", run: listed ? takePicture : choosePoster },
        ]
      : []),
    listed && is_signed_in && !may_edit && { label: "Report", icon: "alert", apart: true, href: report },
    may_change && { label: "Delete", icon: "trash", danger: true, apart: true, run: remove },
  ];
  toggleMenu(requireElement("[data-more]"), `More actions for ${one.title}`, items.filter(Boolean));
});

/** @param {Video} one */
function openTracksDialog(one) {
  openTracks(one, {
    tracks: () => transcript?.tracks ?? [],
    chapters: () => transcript?.chapters ?? [],
    onChanged: async () => transcript?.load(),
  });
}

async function copyLink() {
  const at = Number((player?.time ?? 0).toFixed(3));
  const address = `${location.origin}${location.pathname}${at > 0 ? `#t=${at}` : ""}`;
  if (await copyText(address)) showToast(at > 0 ? `Link at ${formatClock(at)} copied.` : "Link copied.");
  else showToast(`This browser does not allow copying. Copy the link from here: ${address}`, "warn");
}

/** @param {string} type @param {boolean} again */
function adviseOnError(type, again) {
  if (type === "malware_found")
    return "Nobody can download this video. Delete it, and scan the computer that it came from for malware.";
  if (type === "video_too_long") return "Trim the video, or upload it in parts.";
  if (type === "checksum_mismatch") return "The file was damaged during the upload. Upload it again.";
  if (again) return "The file is already on the server. Try again; you do not need to upload it again.";
  return "Check that the file plays on your computer. If not, export it again and upload the new file. You can delete this video.";
}

function onGone() {
  if (isGone) return;
  place.forget();
  const text = listed ? "The video is no longer in the catalogue." : "The video has been deleted.";
  const way = listed
    ? html`<a class="btn" href="/catalogue">Go to the catalogue</a>`
    : html`<a class="btn" href="/library">Go to the library</a>`;
  showGone("search", "Video not found", text, way);
}

/** @param {Video} one */
function onBinned(one) {
  const restore = () => restoreVideos([one], () => location.reload());
  const ways = html`
    <button class="btn primary" type="button" @click=${restore}>${iconView("undo")}Restore</button>
    <a class="btn" href="/library">Go to the library</a>`;
  showGone("trash", "Moved to the bin", `“${one.title}” can be restored until it is deleted for good.`, ways);
}

/**
 * Replace the page by a message.
 * @param {string} symbol
 * @param {string} title
 * @param {string} text
 * @param {View} ways
 */
function showGone(symbol, title, text, ways) {
  isGone = true;
  player?.pause();
  live?.close();
  pollWhileWaiting();
  mount(requireElement("[data-whole-page]"))(html`
    <div class="panel empty">
      ${iconView(symbol)}
      <h1>${title}</h1>
      <p class="anywhere" dir="auto">${text}</p>
      <div class="row wrap">${ways}</div>
    </div>`);
  focusHeading();
}

/** @type {{close: () => void}|null} */ let live = null;

/** @param {string} job */
function watchJob(job) {
  watched = job;
  percent = 0;
  live?.close();
  const updates = watchJobs({ id: job, onJob: onJobChanged, onGone: () => updates.close() });
  live = updates;
  let wasHeard = "";

  /** @param {any} now */
  async function onJobChanged(now) {
    if (isGone) return;
    const runs = RUNNING.has(now.status);
    work = runs ? now : null;
    percent = Math.max(percent, now.progress);
    workedAt = Date.now();
    drawWork();
    if (!runs) updates.close();
    if (now.status === "failed" && now.id === pictureJob) showToast("The thumbnail was not changed. Try again.", "bad");
    // Reload the video after each step of the job, which may have changed the video.
    const parts = `${runs} ${now.message} ${Math.floor(now.progress / 15)}`;
    if (parts === wasHeard) return;
    wasHeard = parts;
    await reloadVideo();
  }
}

let isUnread = false;
let isReading = false;
let hasChanged = false;

/** Reload the video. Any number of calls during a request cause a single further request. */
async function reloadVideo() {
  hasChanged = true;
  if (isReading) return;
  isReading = true;
  while (hasChanged && !isGone) {
    hasChanged = isUnread = false;
    try {
      adoptVideo(await fetchVideo());
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) onGone();
      else isUnread = true;
    }
  }
  isReading = false;
}

/** Subscribe to live changes of a catalogue video. */
function watchCatalogue() {
  live = new LiveChannel(`/ws/videos/${facts.id}/`, {
    onMessage: (message) => {
      if (message.event === "DELETE") onGone();
      else if (message.new) adoptVideo(message.new);
    },
    snapshot: fetchVideo,
    onSnapshot: adoptVideo,
    isSilent: true,
    // Once connected, fetch missed changes. After code 4404, fetch the video again, because the viewer may have lost
    // access.
    onState: (now, code) => (now === "live" || (now === "closed" && code === GONE)) && reloadVideo(),
  });
}

let workedAt = Date.now();
let asking = 0;

/** Poll until a quality is playable, because jobs started on other pages send no messages here. */
function pollWhileWaiting() {
  const wanted = !isGone && player !== null && !player.quality && (work !== null || Date.now() - workedAt < ASK_FOR);
  const ask = () => document.visibilityState === "visible" && reloadVideo().then(pollWhileWaiting);
  if (!wanted) {
    clearInterval(asking);
    asking = 0;
  } else asking ||= window.setInterval(ask, ASK);
}

loadVideo().then(() => listed && !isGone && watchCatalogue());
for (const event of ["online", "signedin"]) {
  window.addEventListener(event, () => {
    if (!video) loadVideo();
    else if (isUnread) reloadVideo();
    if (player?.trouble) player.again();
  });
}
