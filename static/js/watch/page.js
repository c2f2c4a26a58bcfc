// The watch page.

import { ApiError, callApi, changeJob, fetchFragment } from "../base/api.js";
import { readCatalogueVideo, sendFiles } from "../catalogue/api.js";
import { listMarks, formatViews } from "../catalogue/list-matching.js";
import { copyText } from "../base/clipboard.js";
import { h, icon, requireElement, readPageData, setText } from "../base/dom.js";
import { makeFinder } from "../base/focus.js";
import { formatClock, formatFrameRate, formatPercent, formatPosition } from "../base/format.js";
import { openDeleteDialog, restoreVideos } from "../library/delete-dialog.js";
import { openEditDialog } from "../library/edit-dialog.js";
import { isSelectable } from "../library/video-card.js";
import { LiveChannel } from "../base/live-channel.js";
import { toggleMenu } from "../base/menu.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { Sprite } from "../base/sprite.js";
import { formatBytes, setPoster, formatDay, getDownloadUrl, makeRendition, readVideo } from "../videos/api.js";
import { Controls } from "./controls.js";
import { storeSound, Place, restoreSound } from "../videos/playback-memory.js";
import { drawPictures, drawWaveform } from "./overview.js";
import { Player } from "../videos/player.js";
import { openPublishDialog } from "./publish.js";
import { SeekBar } from "../videos/seek-bar.js";
import { openTracks } from "./tracks-dialog.js";
import { Transcript } from "./transcript.js";

/** @typedef {import("../videos/api.js").Video} Video */

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
const listed = facts.place === "catalogue";

/** @type {(Video & Partial<import("../catalogue/api.js").CatalogueVideo>)|null} */ let video = null;
/** @type {Player|null} */ let player = null;
/** @type {SeekBar|null} */ let seekBar = null;
/** @type {Controls|null} */ let controls = null;
/** @type {Transcript|null} */ let transcript = null;
/** @type {any} */ let work = null;
/** Functions that update displays of the playback position. @type {(() => void)[]} */ const followers = [];
let readAt = 0;
let pictureJob = ""; // id of the job that makes a chosen frame the poster
let watched = "";
const drawn = { sprite: "", peaks: "", state: "", details: "", tags: "" };
let isGone = false;
const place = new Place(facts.id);

async function loadVideo() {
  try {
    adoptVideo(await fetchVideo());
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return onGone();
    state.replaceChildren(
      createErrorNote("The video could not be loaded.", error, () => {
        state.replaceChildren();
        loadVideo();
      }),
    );
  }
}

async function fetchVideo() {
  const found = await (listed ? readCatalogueVideo(facts.id) : readVideo(facts.id));
  readAt = Date.now();
  return found;
}

/** @param {Video & Partial<import("../catalogue/api.js").CatalogueVideo>} next */
function adoptVideo(next) {
  const before = video;
  // Ignore a response that is older than a socket message.
  if (Date.parse(next.updated_at ?? "") < Date.parse(before?.updated_at ?? "")) return;
  video = next;
  if (before && before.status !== next.status) setText(said, `${next.title}: ${next.status}.`);
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
  showSprite();
  showPeaks();
}

function createPlayer() {
  if (!video?.video_url) return;
  const element = /** @type {HTMLVideoElement} */ (requireElement("video", root));
  player = new Player(element, video, {
    fps: facts.fps || video.fps,
    variable: facts.is_variable_frame_rate,
    renew: fetchVideo,
  });
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

/**
 * Parse a time in a URL, such as `90`, `90.5s` or `1h2m3s`, into seconds.
 * @param {string} text
 * @returns {number|null}
 */
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
  const trouble = requireElement("[data-trouble]", root);
  trouble.hidden = player.trouble === null;
  const words = player.trouble ? `${player.trouble.title}${work?.status}` : "";
  if (trouble.dataset.words === words) return;
  trouble.dataset.words = words;
  if (!player.trouble) return trouble.replaceChildren();
  const { title, text, mayMake } = player.trouble;
  trouble.replaceChildren(
    icon("alert"),
    h("b", { role: "alert" }, title),
    h("p", { class: "text-small" }, text),
    h(
      "div",
      { class: "row wrap" },
      mayMake && facts.may_change
        ? h("button", { class: "btn", type: "button", onclick: requestCopy }, icon("film"), "Make a copy")
        : h("button", { class: "btn", type: "button", onclick: () => player?.again() }, icon("retry"), "Try again"),
      video?.video_url && h("a", { class: "btn", href: getDownloadUrl(video) }, icon("download"), "Download"),
    ),
  );
}

async function showSprite() {
  const address = video?.sprite_vtt_url;
  if (!address || !player || drawn.sprite) return;
  drawn.sprite = address;
  try {
    const sprite = await Sprite.load(address);
    if (seekBar) seekBar.sprite = sprite;
    followers.push(drawPictures(requireElement("[data-strip]"), sprite, player));
    updateTime();
  } catch {
    drawn.sprite = ""; // ignore the error: the next change of the video loads the pictures again
  }
}

async function showPeaks() {
  const address = video?.peaks_url;
  if (!address || !player || drawn.peaks) return;
  drawn.peaks = address;
  try {
    followers.push(await drawWaveform(requireElement("[data-wave]"), address, player));
    updateTime();
  } catch {
    drawn.peaks = "";
  }
}

/** Fetch the video again, to find new renditions. */
async function refreshQualities() {
  if (Date.now() - readAt < STALE) return;
  readAt = Date.now();
  try {
    adoptVideo(await fetchVideo());
  } catch {}
}

async function requestCopy() {
  state.querySelector("[data-copy-trouble]")?.remove();
  try {
    const { job_id } = await makeRendition(facts.id, "proxy");
    if (!job_id) return adoptVideo(await fetchVideo());
    showToast("Making a copy that every browser can play.");
    watchJob(job_id);
  } catch (error) {
    const note = createErrorNote("The copy could not be made.", error, requestCopy);
    note.dataset.copyTrouble = "";
    state.append(note);
  }
}

async function retryJob() {
  const job = video?.job_id;
  if (!job) return;
  try {
    work = await changeJob(job, "retry");
    drawState();
    watchJob(job);
  } catch (error) {
    state.append(createErrorNote("Processing could not be restarted.", error, loadVideo));
  }
}

function drawState() {
  if (!video) return;
  // After a retry, the video's status stays "failed" until the job starts.
  const failed = video.status === "failed" && !work;
  const isDeleted = Boolean(video.deleted_at);
  if (isDeleted) player?.pause();
  root.hidden = failed || isDeleted || !player;
  // Redraw the state only if it changes, to keep the focus.
  const shown = JSON.stringify([
    failed,
    failed && video.error,
    video.status === "ready",
    Boolean(video.video_url),
    video.deleted_at,
  ]);
  if (shown !== drawn.state) {
    drawn.state = shown;
    const had = state.contains(document.activeElement);
    state.replaceChildren(...createNotes(failed));
    if (had) focusHeading();
  }
  drawWork();
}

/** @param {boolean} failed @returns {HTMLElement[]} */
function createNotes(failed) {
  if (!video) return [];
  const { error } = video;
  if (video.deleted_at)
    return [
      h(
        "div",
        { class: "note warn" },
        icon("trash"),
        h(
          "div",
          { class: "spacer" },
          h("b", {}, "This video has been deleted."),
          h("p", { class: "text-small" }, "Nobody can watch it. An administrator can restore it."),
        ),
      ),
    ];
  if (failed) {
    const type = error?.type ?? "";
    const again = facts.may_change && video.job_id && !FINAL.has(type);
    return [
      h(
        "div",
        { class: "note bad", role: "alert" },
        icon("alert"),
        h(
          "div",
          { class: "spacer" },
          h("b", { class: "anywhere", dir: "auto" }, error?.message ?? "The video could not be processed."),
          h(
            "p",
            { class: "text-small" },
            listed ? "Upload another file on the edit page." : adviseOnError(type, Boolean(again)),
          ),
        ),
        again && h("button", { class: "btn", type: "button", onclick: retryJob }, icon("retry"), "Try again"),
        !listed &&
          video.source === "stored" &&
          video.video_url &&
          type !== "malware_found" &&
          h("a", { class: "btn", href: getDownloadUrl(video) }, icon("download"), "Download"),
        !listed && h("a", { class: "btn", href: "/upload" }, icon("upload"), "Upload another video"),
      ),
    ];
  }
  if (video.status === "ready") return [];
  const bar = h("progress", { class: "bar", value: "0", max: "100", "aria-label": `Processing ${video.title}` });
  return [
    h(
      "div",
      { class: "note" },
      icon("run", "spin"),
      h(
        "div",
        { class: "spacer col" },
        h("b", {}, video.video_url ? "Processing the video" : "Finishing the upload"),
        h("p", { class: "text-small", data: { work: "" } }),
        bar,
      ),
    ),
  ];
}

function focusHeading() {
  const heading = /** @type {HTMLElement} */ (requireElement("h1"));
  heading.tabIndex = -1;
  heading.focus();
}

function drawWork() {
  const words = state.querySelector("[data-work]");
  if (words)
    setText(
      words,
      work
        ? work.status === "queued"
          ? "Waiting to start."
          : `${work.message || "Processing"}, ${formatPercent(work.progress)}`
        : "Waiting to be processed.",
    );
  const bar = /** @type {HTMLProgressElement|null} */ (state.querySelector("progress"));
  if (bar && work) bar.value = Math.max(bar.value, work.progress);
  const mark = requireElement("[data-status]");
  const [tone, picture, word] =
    video?.status === "failed"
      ? ["bad", "alert", "Failed"]
      : work
        ? [
            "run",
            "run",
            video?.status === "ready"
              ? `Creating ${work.kind === "ingest" ? "preview thumbnails" : work.id === pictureJob ? "the thumbnail" : "a copy"}, ${formatPercent(work.progress)}`
              : "Processing",
          ]
        : video?.status === "ready"
          ? ["ok", "check", "Ready"]
          : ["run", "run", "Processing"];
  mark.className = `status ${tone}`;
  setText(requireElement("span", mark), word);
  replaceIcon(mark, picture);
}

/** @param {HTMLElement} holder @param {string} picture */
function replaceIcon(holder, picture) {
  const old = /** @type {Element} */ (holder.firstElementChild);
  const fresh = icon(picture, picture === "run" ? "spin" : "");
  if (old.outerHTML !== fresh.outerHTML) old.replaceWith(fresh);
}

function drawDetails() {
  if (!video) return;
  const { width, height, fps, codec, duration_exact, file_size, mime_type, renditions, source, tags } = video;
  const rungs = renditions.filter((one) => one.kind === "hls").map((one) => `${one.height}p`);
  const others = [
    renditions.some((one) => one.kind === "proxy") && "quick copy",
    renditions.some((one) => one.kind === "silent") && "without sound",
  ].filter(Boolean);
  /** @type {[string, string][]} */ const rows = [
    ["Length", duration_exact > 0 ? formatPosition(duration_exact).replace(/^00:0?/, "") : ""],
    [
      "Picture",
      width
        ? `${width} × ${height}, ${facts.is_variable_frame_rate ? `about ${formatFrameRate(fps)}` : formatFrameRate(fps)} fps${codec && !listed ? `, ${codec}` : ""}`
        : "",
    ],
    ["Size", file_size > 0 ? formatBytes(file_size) : ""],
  ];
  // Hide the details of the file if this is a catalogue video.
  /** @type {[string, string][]} */ const ofFile = [
    ["Sound", duration_exact > 0 ? describeSound() : ""],
    ["Type", mime_type === "application/octet-stream" ? "" : mime_type],
    ["Qualities", video.video_url ? [...new Set(["original", ...rungs, ...others])].join(", ") : ""],
    ["Location", source === "reference" ? "Folder on the server" : "Your storage"],
  ];
  if (!listed) rows.push(...ofFile);
  const shown = JSON.stringify(rows);
  if (shown !== drawn.details) {
    drawn.details = shown;
    requireElement("[data-details]").replaceChildren(
      ...rows
        .filter(([, value]) => value)
        .flatMap(([label, value]) => [h("dt", {}, label), h("dd", { class: "mono" }, value)]),
    );
  }
  if (JSON.stringify(tags) === drawn.tags) return;
  drawn.tags = JSON.stringify(tags);
  const holder = requireElement("[data-tags]");
  const focused = holder.contains(document.activeElement) ? makeFinder(document.activeElement) : null;
  holder.replaceChildren(
    ...tags.map((tag) =>
      h(
        "a",
        {
          class: "pill",
          href: listed ? `/catalogue?search=${encodeURIComponent(tag)}` : `/library?tag=${encodeURIComponent(tag)}`,
          dir: "auto",
          data: { part: `tag ${tag}` },
        },
        tag,
      ),
    ),
  );
  if (facts.may_change)
    holder.append(
      h(
        "button",
        { class: "btn quiet text-small slim", type: "button", data: { part: "tags" }, onclick: () => openEdit("tags") },
        icon("plus"),
        tags.length ? "Add tag" : "Add tag",
      ),
    );
  focused?.()?.focus();
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
  const compare = requireElement("[data-compare]");
  compare.href = `/library?select=${video.id}`;
  compare.hidden = !facts.is_signed_in || !isSelectable(video);
  requireElement("[data-more]").hidden = false;
  if (!listed) return;
  setText(requireElement("[data-views]"), formatViews(video.view_count ?? 0));
  const category = requireElement("[data-category]");
  category.hidden = !video.category;
  setText(category, video.category ?? "");
  category.href = `/catalogue?category=${encodeURIComponent(video.category ?? "")}`;
  requireElement("[data-marks]").replaceChildren(
    ...listMarks(/** @type {any} */ (video)).map((mark) =>
      h("span", { class: `status ${mark.tone}` }, icon(mark.icon), mark.word),
    ),
  );
}

/** @param {"title"|"description"|"tags"} [first] */
function openEdit(first = "title") {
  if (video)
    openEditDialog(
      video,
      (changed) => {
        adoptVideo(changed);
        setText(said, "Saved.");
      },
      first,
    );
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
  const element = /** @type {HTMLVideoElement} */ (requireElement("video", root));
  const scale = Math.min(1, PICTURE_WIDTH / element.videoWidth);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(element.videoWidth * scale);
  canvas.height = Math.round(element.videoHeight * scale);
  try {
    canvas.getContext("2d")?.drawImage(element, 0, 0, canvas.width, canvas.height);
    const frame = await new Promise((resolve, reject) =>
      canvas.toBlob(
        (blob) => (blob ? resolve(blob) : reject(new Error("The browser could not turn the frame into a JPEG file."))),
        "image/jpeg",
        0.9,
      ),
    );
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
  const isReady = one.status === "ready" && player !== null;
  toggleMenu(requireElement("[data-more]"), `More actions for ${one.title}`, [
    ...(may_change ? [{ label: "Edit details…", icon: "pencil", run: () => openEdit() }] : []),
    {
      label: isReady ? `Copy link at ${formatClock(player?.time ?? 0)}` : "Copy link",
      icon: "copy",
      run: copyLink,
    },
    ...(may_change && one.status === "ready"
      ? [{ label: "Analyse…", icon: "analysis", href: `/analysis?new&video=${one.id}` }]
      : []),
    ...(may_publish && one.status === "ready"
      ? [{ label: "Publish to the catalogue…", icon: "film", run: () => openPublishDialog(one) }]
      : []),
    ...(one.video_url ? [{ label: "Download", icon: "download", href: getDownloadUrl(one) }] : []),
    ...(may_change && one.status === "ready" && !hasProxy
      ? [{ label: "Make a quick copy for fast seeking", icon: "film", run: requestCopy }]
      : []),
    ...((may_change || may_edit) && isReady
      ? [{ label: "Captions and chapters…", icon: "captions", run: () => openTracksDialog(one) }]
      : []),
    ...((may_change || may_edit) && isReady
      ? [{ label: "Use this frame as thumbnail", icon: "camera", run: listed ? takePicture : choosePoster }]
      : []),
    ...(listed && is_signed_in && !may_edit
      ? [{ label: "Report", icon: "alert", apart: true, href: `/catalogue?report=${one.id}` }]
      : []),
    ...(may_change
      ? [
          {
            label: "Delete",
            icon: "trash",
            danger: true,
            apart: true,
            run: () => openDeleteDialog([one], (_, isFinal) => (isFinal ? onGone() : onBinned(one))),
          },
        ]
      : []),
  ]);
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
  showGone(
    "search",
    "Video not found",
    listed ? "The video is no longer in the catalogue." : "The video has been deleted.",
    h(
      "a",
      { class: "btn", href: listed ? "/catalogue" : "/library" },
      listed ? "Go to the catalogue" : "Go to the library",
    ),
  );
}

/** @param {Video} one */
function onBinned(one) {
  showGone(
    "trash",
    "Moved to the bin",
    `“${one.title}” can be restored until it is deleted for good.`,
    h(
      "button",
      { class: "btn primary", type: "button", onclick: () => restoreVideos([one], () => location.reload()) },
      icon("undo"),
      "Restore",
    ),
    h("a", { class: "btn", href: "/library" }, "Go to the library"),
  );
}

/**
 * Replace the page by a message.
 * @param {string} symbol
 * @param {string} title
 * @param {string} text
 * @param {...HTMLElement} ways
 */
function showGone(symbol, title, text, ...ways) {
  isGone = true;
  player?.pause();
  live?.close();
  pollWhileWaiting();
  requireElement("[data-whole-page]").replaceChildren(
    h(
      "div",
      { class: "panel empty" },
      icon(symbol),
      h("h1", {}, title),
      h("p", { class: "anywhere", dir: "auto" }, text),
      h("div", { class: "row wrap" }, ...ways),
    ),
  );
  focusHeading();
}

/** @type {LiveChannel|null} */ let live = null;

/** @param {string} job */
function watchJob(job) {
  watched = job;
  live?.close();
  const channel = new LiveChannel(`/ws/jobs/${job}/`, {
    onMessage: (message) => onJobMessage(message.job),
    snapshot: () => callApi("GET", `/api/v1/jobs/${job}`),
    onSnapshot: onJobMessage,
  });
  live = channel;
  let wasHeard = "";

  /** @param {any} now */
  async function onJobMessage(now) {
    if (!now || isGone) return;
    const runs = RUNNING.has(now.status);
    work = runs ? now : null;
    workedAt = Date.now();
    drawWork();
    if (!runs) channel.close();
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
  if (!wanted) clearInterval(asking);
  if (!wanted) asking = 0;
  else if (!asking)
    asking = window.setInterval(
      () => document.visibilityState === "visible" && reloadVideo().then(pollWhileWaiting),
      ASK,
    );
}

loadVideo().then(() => listed && !isGone && watchCatalogue());
for (const event of ["online", "signedin"]) {
  window.addEventListener(event, () => {
    if (!video) loadVideo();
    else if (isUnread) reloadVideo();
    if (player?.trouble) player.again();
  });
}
