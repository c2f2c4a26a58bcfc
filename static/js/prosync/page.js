// The page of Pro segments: choose video, sounds and segments, send them as a run, and compare its result.

import { ApiError, cancelJob, changeJob, makeIdempotencyKey } from "../base/api.js";
import { askToConfirm, askToDelete } from "../base/dialog.js";
import { requireElement, readPageData, setIcon, setText } from "../base/dom.js";
import { bind, enableShortcuts } from "../base/keys.js";
import { watchJobs } from "../base/job-updates.js";
import { createErrorNote, errorView, explainError, createThrottledNote, showToast } from "../base/notice.js";
import { formatCount, formatMoment, formatPercent, formatWhen } from "../base/format.js";
import { createRoot, html, iconView, mount } from "../base/view.js";
import { formatBytes } from "../videos/api.js";
import { downloadFile, downloadOriginal } from "../videos/original-file.js";
import { deleteJob, listOtherRuns, readJob, sendJob } from "./api.js";
import { Draft } from "./draft.js";
import { Inspector } from "./inspector.js";
import { STATES, describeSegment, describeRun } from "./status-text.js";
import { Removal } from "./text-removal.js";
import { Runs } from "./past-jobs.js";
import { toRequest, findErrors, sortSegments, findRoom } from "./segments.js";
import { Sounds } from "./audio-list.js";
import { LineRecorder, WAV_RATE, chooseFromLibrary, extractSound } from "./file-sources.js";
import { Stage } from "./preview.js";
import { Timeline } from "./timeline.js";
import { fetchPeaks, computeWave } from "./waveforms.js";

/** @typedef {import("./segments.js").Segment} Segment */
/** @typedef {import("./api.js").ProJob} ProJob */
/** @typedef {import("../videos/api.js").Video} Video */

const LIVE = ["queued", "processing", "waiting", "paused"];
const JUMP = 5; // seconds that the arrow keys seek
const FRAME = 0.04; // seconds that the comma and the full stop seek
const ASK_AGAIN = 5_000; // ms before a failed status request is repeated
/** Texts about the state of the draft. */
const DRAFT_STATES = {
  saving: "Saving the draft…",
  saved: "Draft saved in this browser",
  failed: "This browser cannot store the files. Keep this tab open.",
};
const MOST_HEARD = 300 * 1024 ** 2; // maximum bytes of a library video from which the browser reads sound
/** Views by key. @type {Record<string, import("./preview.js").View>} */
const VIEWS = { b: "before", d: "beside", w: "wipe", a: "after" };
const facts = readPageData("facts");

/** Return the page's element with the attribute `data-<name>`. @param {string} name */
const part = (name) => requireElement(`[data-${name}]`);
/** @param {ProJob|null} job */
const isLive = (job) => job !== null && LIVE.includes(job.status);
/** @param {ProJob} job */
const formatStart = (job) => formatWhen(new Date(job.created_at));

/** Return the message of a run; empty if the name of its status suffices. @param {ProJob|null} job */
function describeJob(job) {
  if (!job || job.status === "completed" || job.status === "cancelled") return "";
  return job.status === "failed" ? (job.error?.message ?? "") : job.message;
}

export class Page {
  /** @type {Segment[]} */ segments = [];
  /** @type {number|null} */ selected = null;
  /** @type {File|null} */ file = null;
  /** @type {ProJob|null} */ job = null;
  /** @type {AbortController|null} */ #sending = null;
  /** Sent part of the request, 0 to 1. */ #share = 0;
  /** @type {ReturnType<typeof watchJobs>|null} */ #channel = null;
  #next = 1;
  #key = makeIdempotencyKey();
  #asked = ""; // last sent request as JSON; only an equal request reuses the idempotency key
  #address = "";
  #isRestoring = false;
  #drawMeter = mount(part("meter"));
  #drawAgainst = mount(part("against"));

  constructor() {
    this.draft = new Draft(() => this.#drawDraft());
    this.sounds = new Sounds(part("sounds"), this, facts);
    this.stage = new Stage(part("stage"), this);
    this.timeline = new Timeline(part("timeline"), this);
    this.inspector = new Inspector(part("inspector"), this);
    this.removal = new Removal(part("inspector"), part("picture"), () => this.draw());
    // If the page has a draft, open the run by loading the page again: the browser warns if the draft is not stored.
    this.runs = new Runs(part("runs"), (id) =>
      this.#isDraft || this.#sending ? location.assign(`/pro?job=${id}`) : this.open(id),
    );
    this.#listen();
    this.draw();
    const asked = new URLSearchParams(location.search);
    const [job, video] = [asked.get("job"), asked.get("video")];
    if (job) this.open(job, { isNew: false });
    else if (video) this.#chooseFromLibrary(video);
    else if (this.draft.isAny) this.#restore();
    this.runs.load();
  }

  /** @param {string} [id] The video that is chosen already. */
  #chooseFromLibrary(id) {
    const take = (/** @type {File} */ file) => {
      history.replaceState({}, "", "/pro"); // a reload restores the draft instead
      this.choose(file);
    };
    chooseFromLibrary("Choose a video from your library", downloadOriginal, take, undefined, id);
  }

  get isLocked() {
    return this.job !== null || this.#sending !== null || this.#isRestoring;
  }

  get #isDraft() {
    return this.job === null && Boolean(this.file || this.segments.length || this.sounds.all.length);
  }

  get faults() {
    return this.isLocked ? [] : findErrors(this.segments, this.sounds.all, this.stage.duration);
  }

  /** Duration of the timeline in seconds. Without a video, it ends at the last segment, to show all segments. */
  get duration() {
    return this.stage.duration || (this.job ? Math.max(0, ...this.segments.map(({ end }) => end)) : 0);
  }

  /** Status of a sent segment; empty if it was not sent yet. @param {Segment} segment */
  getStatus(segment) {
    return this.job?.segments_data[this.segments.indexOf(segment)]?.status ?? "";
  }

  /** Return the numbers of the segments with a sound. @param {number} id */
  listUses(id) {
    return sortSegments(this.segments).flatMap((segment, at) => (segment.sound === id ? [at + 1] : []));
  }

  /** @param {number|null} id */
  select(id) {
    this.selected = id;
    this.drawLoop();
    this.draw();
  }

  /**
   * Change a segment. `isDone` is false while the user drags it.
   * @param {number} id @param {Partial<Segment>} change @param {boolean} [isDone]
   */
  change(id, change, isDone = true) {
    const segment = this.segments.find((one) => one.id === id);
    if (!segment || this.isLocked) return;
    Object.assign(segment, change);
    this.draw();
    if (isDone) this.drawLoop();
  }

  add() {
    if (this.isLocked || !this.stage.duration || this.#isFull()) return;
    const place = findRoom(this.segments, this.stage.at, this.stage.duration);
    const advice = "Move the playhead away from the next segment and from the end of the video.";
    if (!place) return showToast(`No space for a segment here. ${advice}`, "warn");
    const sound = this.sounds.all.find((one) => !this.listUses(one.id).length) ?? this.sounds.all[0];
    this.#insert({ id: this.#next++, ...place, sound: sound?.id ?? null, from: null, to: null, label: "" });
  }

  /** Return whether there are as many segments as the plan allows, and tell the user. */
  #isFull() {
    if (this.segments.length < facts.max_segments) return false;
    showToast(`Your plan allows at most ${formatCount(facts.max_segments, "segment")}.`, "warn");
    return true;
  }

  /** @param {Segment} segment */
  #insert(segment) {
    this.segments.push(segment);
    this.select(segment.id);
    this.timeline.focus(segment.id);
  }

  remove() {
    const segment = this.segments.find((one) => one.id === this.selected);
    if (!segment || this.isLocked) return;
    this.segments = this.segments.filter((one) => one !== segment);
    const ordered = sortSegments(this.segments);
    this.select((ordered.find((one) => one.start >= segment.start) ?? ordered.at(-1))?.id ?? null);
    const undo = () => {
      note.remove();
      if (!this.isLocked && !this.#isFull()) this.#insert(segment);
    };
    const note = createRoot()(html`
      <div class="note">
        <span class="spacer">Segment at ${formatMoment(segment.start)} deleted.</span>
        <button class="btn" type="button" @click=${undo}>${iconView("retry")}Undo</button>
      </div>`);
    part("toasts").append(note);
    setTimeout(() => note.remove(), 8000);
  }

  /** Show the newest draft in this browser that is not open in another tab. */
  async #restore() {
    this.#isRestoring = true;
    this.draw();
    const draft = await this.draft.open();
    if (draft) {
      /** @type {Map<number|null, number>} */ const ids = new Map();
      for (const { id, file } of draft.sounds) if (file) ids.set(id, this.sounds.restore(file));
      this.segments = draft.segments.map((one) => ({ ...one, id: this.#next++, sound: ids.get(one.sound) ?? null }));
      part("option=sync_mode").value = draft.options.sync_mode;
      part("option=mouths").checked = draft.options.mouths;
      this.removal.take(draft.options.remove_text);
      const { video, title } = draft;
      /** @type {any} */ let problem = null;
      try {
        const opened = video && (await openVideo(video, `“${video.name}”`, `“${video.name}”.`));
        this.#isRestoring = false;
        if (opened) await this.#showFile(video, opened, title, video.name);
      } catch (error) {
        problem = error;
      }
      const lost = [
        ...(title && !video ? [title] : []),
        ...draft.sounds.flatMap(({ name, file }) => (file ? [] : name)),
      ];
      if (lost.length)
        problem = new ApiError(`This browser has not stored ${lost.map((one) => `“${one}”`).join(", ")}.`);
      if (problem) this.#problem(problem, { title: "The draft was restored without some files. Choose them again." });
      else showToast("Your draft was restored.");
    }
    this.#isRestoring = false;
    this.draw();
  }

  #askToDiscard() {
    askToConfirm({
      heading: "Discard this draft?",
      words: "This removes the video, the sounds and the segments from this page. Your own files do not change.",
      label: "Discard draft",
      icon: "trash",
      act: async () => this.#discard(),
      onDone: () => location.assign("/pro"),
      refused: (error) => errorView("The draft could not be discarded.", error),
    });
  }

  #discard() {
    this.draft.delete();
    this.sounds.clear();
    this.#reset();
  }

  #saveDraft() {
    this.draft.save({
      title: this.file ? (requireElement("h1").textContent ?? "") : "",
      video: this.file,
      sounds: this.sounds.all.map(({ id, name, file }) => ({ id, name, file })),
      segments: this.segments,
      options: {
        sync_mode: part("option=sync_mode").value,
        mouths: part("option=mouths").checked,
        remove_text: this.removal.asked,
      },
    });
  }

  #drawDraft() {
    const isShown = this.#isDraft && !this.isLocked;
    part("draft").hidden = part("discard").hidden = !isShown;
    if (isShown) setText(part("draft"), DRAFT_STATES[this.draft.state]);
  }

  /** Replace the video, but keep sounds and segments. Segments past the new end become invalid. @param {File} file */
  async choose(file) {
    if (this.isLocked) return;
    const name = `“${file.name}”`;
    try {
      const video = await openVideo(file, name, `${name}. Convert it to MP4 (H.264) and choose it again.`);
      if (this.isLocked) URL.revokeObjectURL(video.address);
      else await this.#showFile(file, video, file.name.replace(/\.[^.]+$/, ""), file.name);
    } catch (error) {
      if (!this.isLocked) this.#problem(error, { title: "This video cannot be used." });
    }
  }

  /**
   * @param {File} file @param {{address: string, duration: number}} video @param {string} title
   * @param {string} filename
   */
  async #showFile(file, { address, duration }, title, filename) {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.file = file;
    this.#address = address;
    this.#name(title, filename);
    this.#problem(null);
    this.stage.pause();
    this.timeline.clear();
    this.stage.show(address, duration);
    this.draw();
    this.timeline.drawPictures({ file: address });
    const wave = await computeWave(file, 960);
    if (this.file === file) this.timeline.drawOriginal(wave?.bars ?? null);
  }

  /** @param {string} title @param {string} filename */
  #name(title, filename) {
    Object.assign(requireElement("h1"), { textContent: title, title });
    Object.assign(part("filename"), { textContent: filename, title: filename });
  }

  #reset() {
    this.#channel?.close();
    this.#channel = null;
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = "";
    Object.assign(this, { job: null, file: null, segments: [], selected: null });
    this.stage.clear();
    this.timeline.clear();
  }

  /** Turn the shown dubbing run into a draft, with its video, sounds, segments and options. */
  async edit() {
    const id = this.job?.job_id;
    const button = part("edit");
    if (!id || button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    this.#problem(null);
    showToast("Loading the video and its sounds…");
    try {
      // Read the run again, because the URLs of its files may have expired.
      const { name, source, sounds, audio_refs } = await readJob(id);
      const filename = `${name}.${source?.mime_type.split("/")[1] ?? "mp4"}`;
      const [file, ...files] = await Promise.all([
        downloadFile(source?.stream_url ?? "", filename),
        ...sounds.map((sound) => downloadFile(audio_refs[sound.refId] ?? "", sound.filename)),
      ]);
      const video = await openVideo(file, "The video", "this video.");
      if (this.job?.job_id !== id) return URL.revokeObjectURL(video.address);
      this.#channel?.close();
      this.job = null;
      history.pushState({}, "", "/pro");
      this.sounds.give(files);
      this.stage.compare(null);
      await this.#showFile(file, video, name, "");
      requireElement("h1").focus({ preventScroll: true });
    } catch (error) {
      const title = "The video and its sounds could not be loaded for editing.";
      if (this.job?.job_id === id) this.#problem(error, { title, retry: () => this.edit() });
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  async process() {
    const faults = this.faults;
    if (this.isLocked) return;
    if (faults.length) this.select(faults[0].segment);
    // Touch screens show no tooltip, so a tap shows why the button is disabled.
    if (!this.file || !this.segments.length || faults.length || this.removal.fault)
      return showToast(`${part("process").title}.`, "warn");
    const wanted = toRequest(this.segments, this.sounds.all);
    const options = {
      sync_mode: part("option=sync_mode").value,
      ...(part("option=mouths").checked ? {} : { model: "sound" }),
      ...(this.removal.asked && { remove_text: this.removal.asked }),
    };
    const texts = {
      segments: JSON.stringify(wanted.segments),
      audio_ref_ids: JSON.stringify(wanted.refs),
      options: JSON.stringify(options),
      name: (requireElement("h1").textContent ?? "").trim(),
    };
    const form = new FormData();
    for (const [name, text] of Object.entries(texts)) form.append(name, text);
    for (const id of wanted.files) form.append("audio_files", /** @type {File} */ (this.sounds.find(id)?.file));
    form.append("video", this.file);
    // To a known idempotency key, the server sends the old response again. So reuse the key only for an equal request.
    const same = JSON.stringify([texts, wanted.files, this.#address]);
    if (same !== this.#asked) this.#key = makeIdempotencyKey();
    this.#asked = same;
    this.line?.stop();
    const control = new AbortController();
    this.#sending = control;
    this.#share = 0;
    this.stage.pause();
    this.#problem(null);
    this.draw();
    part("cancel").focus();
    const onProgress = (/** @type {number} */ share) => {
      this.#share = share;
      this.#drawState(this.faults);
    };
    try {
      const { job_id } = await sendJob(form, this.#key, onProgress, control.signal);
      this.#sending = null;
      this.#asked = "";
      this.draft.delete();
      history.pushState({}, "", `/pro?job=${job_id}`);
      await this.open(job_id, { isNew: false, isOurs: true });
      this.runs.load();
    } catch (error) {
      this.#sending = null;
      // After a rejection, use a new idempotency key: to the old key, the server would send the rejection again. After
      // a lost response or a 429, keep the key.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429)
        this.#asked = "";
      const hadFocus = document.activeElement === part("cancel");
      this.draw();
      if (hadFocus) part("process").focus();
      if (/** @type {any} */ (error).name !== "AbortError") this.#refused(error);
    }
  }

  /** @param {unknown} error */
  #refused(error) {
    if (error instanceof ApiError && error.type === "throttled")
      return part("problem").replaceChildren(createThrottledNote(error, () => this.process()));
    /** @type {{segment_index: number|null, message: string}[]} */
    const own = error instanceof ApiError && Array.isArray(error.body?.errors) ? error.body.errors : [];
    const at = own.find(({ segment_index }) => segment_index !== null)?.segment_index ?? null;
    if (at !== null) this.select(sortSegments(this.segments)[at]?.id ?? null);
    const more = own.map(({ segment_index: at, message }) => (at === null ? message : `Segment ${at + 1}: ${message}`));
    this.#problem(error, { title: "Processing could not be started.", more });
  }

  /** @param {unknown} error @param {{title?: string, more?: string[], retry?: (() => void)|null}} [about] */
  #problem(error, { title = "", more = [], retry = null } = {}) {
    if (!error) return part("problem").replaceChildren();
    const note = createErrorNote(title, error, retry);
    if (more.length > 1)
      requireElement(".spacer", note).append(createRoot()(html`<ul>${more.map((one) => html`<li>${one}</li>`)}</ul>`));
    part("problem").replaceChildren(note);
    note.scrollIntoView({ block: "nearest" });
  }

  /**
   * Open a dubbing run. `isNew` adds a history entry; `isOurs` means that this page has just sent the run.
   * @param {string} id @param {{isNew?: boolean, isOurs?: boolean}} [about]
   */
  async open(id, { isNew = true, isOurs = false } = {}) {
    try {
      const job = await readJob(id);
      if (isNew) {
        history.pushState({}, "", `/pro?job=${id}`);
        window.scrollTo(0, 0);
      }
      this.#problem(null);
      if (this.job?.job_id !== id) this.#take(job, isOurs);
      this.#show(job);
      this.#follow(id);
      if (isNew) requireElement("h1").focus({ preventScroll: true });
    } catch (error) {
      const isGone = error instanceof ApiError && error.status === 404;
      const words = "This run no longer exists, or you do not have access to it.";
      this.#problem(isGone ? new ApiError(words, { status: 404 }) : error, {
        title: "This run could not be opened.",
        retry: isGone ? null : () => this.open(id, { isNew, isOurs }),
      });
    }
  }

  /** @param {ProJob} job @param {boolean} isOurs */
  #take(job, isOurs) {
    if (!isOurs) this.#reset();
    else this.#channel?.close();
    this.job = job;
    this.#name(job.name, isOurs && this.file ? this.file.name : "");
    this.sounds.take(job);
    this.segments = job.segments_data.map((one) => ({
      id: this.#next++,
      start: one.startTime,
      end: one.endTime,
      label: one.label ?? "",
      sound: this.sounds.all[job.sounds.findIndex((sound) => sound.refId === one.audioInput.refId)]?.id ?? null,
      from: one.audioInput.startTime ?? null,
      to: one.audioInput.endTime ?? null,
    }));
    this.selected = sortSegments(this.segments)[0]?.id ?? null;
    part("option=sync_mode").value = job.options.sync_mode;
    part("option=mouths").checked = job.options.model !== "sound";
    this.removal.take(job.options.remove_text);
  }

  /** @param {ProJob} job */
  #show(job) {
    const before = this.job;
    this.job = job;
    if (job.source && (!before?.source || !this.stage.duration) && !this.file) {
      this.stage.show(job.source.stream_url, job.source.duration);
      this.timeline.drawPictures({ sheet: job.source.sprite_vtt_url });
      const peaks = job.source.peaks_url ? fetchPeaks(job.source.peaks_url) : Promise.resolve(null);
      peaks.catch(() => null).then((bars) => this.timeline.drawOriginal(bars));
    }
    if (job.result_url && !this.stage.hasAfter) {
      this.stage.compare(job.result_url, `After (result from ${formatStart(job)})`);
      this.#offerOthers(job);
    }
    const buttons = [part("cancel"), part("again")];
    const focused = buttons.find((button) => button === document.activeElement);
    this.draw();
    const next = buttons.find((button) => !button.hidden) ?? requireElement("h1");
    if (focused?.hidden) next.focus({ preventScroll: true });
  }

  /** Let the user compare the result with those of other runs that have the same video. @param {ProJob} job */
  async #offerOthers(job) {
    /** @type {HTMLSelectElement} */ const choice = part("against");
    choice.hidden = true;
    const others = await listOtherRuns(job.job_id).catch(() => []);
    if (this.job?.job_id !== job.job_id || !job.source || !others.length) return;
    const optionView = (/** @type {ProJob} */ run) =>
      html`<option value=${run.job_id}>Compare with the run from ${formatStart(run)}</option>`;
    this.#drawAgainst(html`<option value="">Compare with the original</option>${others.map(optionView)}`);
    choice.value = "";
    choice.hidden = false;
    let shown = "";
    choice.onchange = async () => {
      const chosen = choice.value;
      const isCurrent = () => this.job?.job_id === job.job_id && choice.value === chosen;
      try {
        // Read the run again, because the URLs of its files may have expired.
        const run = await readJob(chosen || job.job_id);
        const address = chosen ? run.result_url : run.source?.stream_url;
        if (!isCurrent()) return;
        if (!address) throw new ApiError("The result has been deleted.", { status: 404 });
        this.stage.against(address, chosen ? `Run from ${formatStart(run)}` : "Before");
        shown = chosen;
      } catch (error) {
        if (!isCurrent()) return;
        choice.value = shown;
        showToast(explainError(error), "bad");
      }
    };
  }

  /** @param {string} id */
  #follow(id) {
    this.#channel?.close();
    if (!isLive(this.job)) return;
    let isAsking = false;
    let isWanted = false;
    // Repeat a request during which a message arrived: the response may be older than the message.
    const ask = async () => {
      isWanted = true;
      if (isAsking) return;
      isAsking = true;
      while (isWanted) {
        isWanted = false;
        await look();
      }
      isAsking = false;
    };
    const look = async () => {
      try {
        const job = await readJob(id);
        if (this.job?.job_id !== id) return;
        this.#show(job);
        if (isLive(job)) return;
        this.#channel?.close();
        this.runs.load();
        if (job.status === "completed") showToast("The video is ready.");
      } catch (error) {
        if (this.job?.job_id !== id) return;
        if (!(error instanceof ApiError) || error.status !== 404)
          return void window.setTimeout(() => this.#channel === followed && ask(), ASK_AGAIN);
        this.#channel?.close();
        this.#show({ ...this.job, status: "expired", message: "This run has been deleted.", result_url: null });
        this.runs.load();
      }
    };
    const followed = watchJobs({
      id,
      onJob: (job) => {
        const shown = this.job;
        if (shown?.job_id !== id) return;
        const message = job.message || shown.message;
        if (job.status === shown.status)
          this.#show({ ...shown, progress: Math.max(shown.progress, job.progress), message });
        // Job updates do not contain the segments, so fetch the run again when its status or message has changed.
        if (job.status !== shown.status || message !== shown.message) ask();
      },
      onGone: ask,
    });
    this.#channel = followed;
  }

  again() {
    const retry = (/** @type {string} */ id) => changeJob(id, "retry");
    this.#changeRun(retry, "Processing could not be restarted.", () => this.again());
  }

  cancel() {
    if (this.#sending) return this.#sending.abort();
    this.#changeRun(cancelJob, "Processing could not be cancelled.", () => this.cancel());
  }

  /** @param {(id: string) => Promise<any>} change @param {string} title @param {() => void} retry */
  async #changeRun(change, title, retry) {
    const id = this.job?.job_id;
    if (!id) return;
    try {
      await change(id);
    } catch (error) {
      return this.#problem(error, { title, retry });
    }
    if (this.job?.job_id === id) await this.open(id, { isNew: false });
    this.runs.load();
  }

  askToDelete() {
    const { job } = this;
    if (!job) return;
    askToDelete({
      heading: `Delete the Pro segments run for “${job.name}”?`,
      words: "This deletes the video, its sounds and the result. This cannot be undone.",
      remove: () => deleteJob(job.job_id),
      onDeleted: () => location.assign("/pro"),
    });
  }

  drawLoop() {
    const segment = this.segments.find((one) => one.id === this.selected);
    const button = part("loop");
    button.toggleAttribute("disabled", !segment);
    const isOn = button.getAttribute("aria-pressed") === "true";
    this.stage.loop = isOn && segment && segment.end > segment.start ? { ...segment } : null;
  }

  draw() {
    const { faults, job, isLocked, segments } = this;
    const hasVideo = this.stage.duration > 0;
    part("pro").dataset.has = hasVideo ? "video" : "";
    this.timeline.draw();
    this.sounds.draw();
    const ordered = sortSegments(segments);
    const isSelected = (/** @type {Segment} */ { id }) => id === this.selected;
    const at = segments.findIndex(isSelected);
    const result = job?.status === "completed" ? describeSegment(job.outcome, at) : "";
    this.inspector.draw(segments[at] ?? null, ordered.findIndex(isSelected) + 1, result);
    this.removal.draw(isLocked);
    const words = job?.status === "completed" ? describeRun(job.outcome) : "";
    part("told").hidden = !words;
    setText(requireElement("[data-told] p"), words);
    this.#drawState(faults);
    const soon = "The preview appears when the video has been processed.";
    setText(part("no-picture"), isLive(job) ? soon : "No preview: the video could not be read completely.");
    part("no-picture").hidden = hasVideo || job === null;
    part("empty").hidden = hasVideo || job !== null;
    part("other").hidden = !hasVideo || isLocked;
    const bad = new Set(faults.map((fault) => fault.segment));
    const left = facts.max_segments - segments.length;
    this.#drawMeter([
      ordered.map(({ id }) => html`<i class=${bad.has(id) ? "faulty" : "filled"}></i>`),
      Array.from({ length: Math.max(0, left) }, () => html`<i></i>`),
    ]);
    // If a run was sent, hide the segment limit. The page knows the limit of the user's current plan, but the user may
    // have had another plan when the run was sent.
    part("meter").hidden = job !== null;
    const limit = `${segments.length} of ${facts.max_segments} segments on the ${facts.plan} plan`;
    setText(part("meter-words"), job ? formatCount(segments.length, "segment") : limit);
    const more =
      left > 0 ? `Your plan allows ${left} more segment${left === 1 ? "" : "s"}` : "Segment limit of your plan reached";
    setText(part("room"), isLocked ? "" : more);
    part("add-segment").toggleAttribute("disabled", isLocked || !hasVideo || left <= 0);
    if (!isLocked) this.#saveDraft();
    this.#drawDraft();
    for (const field of document.querySelectorAll("[data-option]")) field.toggleAttribute("disabled", isLocked);
    for (const button of document.querySelectorAll("[data-needs-video]")) button.toggleAttribute("disabled", !hasVideo);
  }

  /** Draw the state of the run, and the buttons of the page. @param {import("./segments.js").Fault[]} faults */
  #drawState(faults) {
    const { job, isLocked } = this;
    const isSending = this.#sending !== null;
    const count = this.segments.length;
    const bad = new Set(faults.map((fault) => fault.segment)).size + (isLocked || !this.removal.fault ? 0 : 1);
    const problems = bad ? `${formatCount(bad, "problem")} to fix` : "";
    const why = !this.stage.duration ? "Choose a video first" : !count ? "Add a segment first" : problems;
    const isWorking = isSending || isLive(job);
    const isSent = isSending && this.#share >= 1;
    const progress = isSending ? this.#share * 100 : (job?.progress ?? 0);
    const draft = isSending ? STATES.processing : ["alert", bad ? "bad" : "", why];
    const [sign, tone, word] = job ? STATES[job.status] : draft;
    const sendingWords = isSent ? "Uploaded, checking" : "Sending";
    const state = part("job-state");
    state.className = `status ${tone}`;
    setIcon(state, sign);
    setText(part("state-words"), isSending ? sendingWords : describeJob(job) || word);
    setText(part("percent"), isWorking && !isSent && job?.status !== "queued" ? formatPercent(progress) : "");
    part("progress").value = isSending ? Math.round(progress) : progress;
    const process = part("process");
    process.setAttribute("aria-disabled", String(Boolean(why)));
    process.title = why;
    setText(requireElement("span", process), count ? `Process ${formatCount(count, "segment")}` : "Process");
    if (job?.result_url) Object.assign(part("download"), { href: job.result_url, download: `${job.name}.mp4` });
    const shown = {
      "job-state": isWorking || job || bad,
      progress: isWorking,
      process: !isLocked,
      cancel: isWorking,
      again: job && ["failed", "cancelled"].includes(job.status),
      delete: job && !isWorking && job.status !== "expired",
      download: job?.result_url,
      new: job && facts.max_segments,
      edit: job?.source && !isWorking && facts.max_segments,
    };
    for (const [name, isShown] of Object.entries(shown)) part(name).hidden = !isShown;
  }

  #listen() {
    for (const field of [part("choose-video"), part("other-video")])
      field.addEventListener("change", () => {
        if (field.files[0]) this.choose(field.files[0]);
        field.value = "";
      });
    const takeSound = (/** @type {File} */ file) => this.sounds.add([file]);
    /** @type {(video: Video) => boolean} */
    const isShort = ({ has_audio, file_size, duration_exact }) =>
      has_audio && file_size <= MOST_HEARD && duration_exact * WAV_RATE <= facts.max_audio_bytes;
    /** @type {(video: Video, signal: AbortSignal) => Promise<File>} */
    const getSound = async (video, signal) => extractSound(await downloadOriginal(video, signal), video.title);
    this.line = new LineRecorder(part("record-line"), takeSound);
    const clicks = {
      process: () => this.process(),
      cancel: () => this.cancel(),
      again: () => this.again(),
      edit: () => this.edit(),
      discard: () => this.#askToDiscard(),
      "library-video": () => this.#chooseFromLibrary(),
      "library-sound": () => chooseFromLibrary("Use the sound of a library video", getSound, takeSound, isShort),
      delete: () => this.askToDelete(),
      "add-segment": () => this.add(),
      play: () => this.stage.toggle(),
      back: () => this.#jump(-1),
      forward: () => this.#jump(1),
      loop: () => {
        part("loop").setAttribute("aria-pressed", String(part("loop").getAttribute("aria-pressed") !== "true"));
        this.drawLoop();
      },
      ...Object.fromEntries(Object.values(VIEWS).map((view) => [`view=${view}`, () => this.stage.setView(view)])),
    };
    for (const [name, run] of Object.entries(clicks)) part(name).addEventListener("click", run);
    const isFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") && !this.isLocked;
    window.addEventListener("dragover", (event) => isFile(event) && event.preventDefault());
    window.addEventListener("drop", (event) => {
      if (!isFile(event)) return;
      event.preventDefault();
      const files = [...(event.dataTransfer?.files ?? [])];
      const video = files.find((file) => file.type.startsWith("video/"));
      if (video) this.choose(video);
      const others = files.filter((file) => file !== video);
      if (others.length) this.sounds.add(others);
    });
    for (const field of document.querySelectorAll("[data-option]")) field.addEventListener("change", () => this.draw());
    window.addEventListener("beforeunload", (event) => {
      if (this.#sending || (this.#isDraft && this.draft.state !== "saved")) event.preventDefault();
    });
    window.addEventListener("signedin", () => this.#problem(null));
    window.addEventListener("popstate", () => location.reload());
    enableShortcuts(this.#bindings());
  }

  /** Seek to the next (1) or previous (-1) edge of a segment. @param {number} way */
  #jump(way) {
    const { at, duration } = this.stage;
    const edges = [0, ...this.segments.flatMap(({ start, end }) => [start, end]), duration].sort((a, b) => a - b);
    const next = way > 0 ? edges.find((edge) => edge > at + 0.01) : edges.findLast((edge) => edge < at - 0.01);
    if (next !== undefined) this.stage.seek(next);
  }

  #bindings() {
    /** Seconds by key. @type {Record<string, number>} */
    const steps = { ArrowLeft: -JUMP, ArrowRight: JUMP, ",": -FRAME, ".": FRAME };
    const step = (/** @type {KeyboardEvent} */ { key }) => this.stage.seek(this.stage.at + steps[key]);
    const jump = (/** @type {KeyboardEvent} */ { key }) => this.#jump(key === "[" ? -1 : 1);
    const view = (/** @type {KeyboardEvent} */ { key }) => this.stage.setView(VIEWS[key.toLowerCase()]);
    return [
      bind("toggle", () => this.stage.toggle()),
      bind("jump", step),
      bind("frame", step),
      bind("edge", jump),
      bind("add", () => this.add()),
      bind("delete", () => this.remove()),
      bind("loop", () => part("loop").click()),
      bind("view", view),
    ];
  }
}

/**
 * Return the temporary address and the duration of a video. `name` is the video's name in errors, and `object` ends the
 * sentence “This browser cannot play …”.
 * @param {File} file @param {string} name @param {string} object @throws {ApiError}
 */
async function openVideo(file, name, object) {
  if (file.size > facts.max_upload_bytes)
    throw new ApiError(`${name} is larger than your limit of ${formatBytes(facts.max_upload_bytes)}.`, { status: 413 });
  const address = URL.createObjectURL(file);
  const duration = await readDuration(address);
  if (duration !== null) return { address, duration };
  URL.revokeObjectURL(address);
  throw new ApiError(`This browser cannot play ${object}`, { status: 415 });
}

/** Return a video's duration; null if it is not playable. @param {string} address @returns {Promise<number|null>} */
function readDuration(address) {
  return new Promise((resolve) => {
    const video = document.createElement("video");
    video.preload = "metadata";
    video.onloadedmetadata = () => {
      if (!video.videoWidth) return resolve(null);
      if (Number.isFinite(video.duration)) return resolve(video.duration);
      // Files from MediaRecorder have no duration; seeking past the end makes the browser compute it.
      video.ondurationchange = () => Number.isFinite(video.duration) && resolve(video.duration);
      video.currentTime = Number.MAX_SAFE_INTEGER;
    };
    video.onerror = () => resolve(null);
    video.src = address;
  });
}

if (document.querySelector("[data-pro]")) new Page();
else new Runs(part("runs"), (id) => location.assign(`/pro?job=${id}`)).load();
