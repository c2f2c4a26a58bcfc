// The dubbing page: choose video, sounds and segments, send them as a run, and compare its result.

import { ApiError, cancelJob, changeJob } from "../base/api.js";
import { h, icon, requireElement, readPageData, setIcon, setText } from "../base/dom.js";
import { matchKeys, enableShortcuts } from "../base/keys.js";
import { LiveChannel } from "../base/live-channel.js";
import { createErrorNote, explainError, createThrottledNote, showToast } from "../base/notice.js";
import { formatCount, formatMoment, formatPercent, formatWhen } from "../base/format.js";
import { formatBytes } from "../videos/api.js";
import { downloadFile, downloadOriginal } from "../videos/original-file.js";
import { newKey, listOtherRuns, readJob, sendJob } from "./api.js";
import { openDeleteDialog } from "./delete-job.js";
import { Inspector } from "./inspector.js";
import { STATES, getState, describeSegment, describeRun } from "./status-text.js";
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

const LIVE = ["queued", "processing", "waiting", "paused"];
const JUMP = 5; // seconds that the arrow keys seek
const ASK_AGAIN = 5_000; // ms before a failed status request is repeated
const MOST_HEARD = 300 * 1024 ** 2; // maximum bytes of a library video from which the browser reads sound
const facts = readPageData("facts");

class Page {
  /** @type {Segment[]} */ segments = [];
  /** @type {number|null} */ selected = null;
  /** @type {File|null} */ file = null;
  /** @type {ProJob|null} */ job = null;
  /** @type {AbortController|null} */ #sending = null;
  /** @type {LiveChannel|null} */ #channel = null;
  #next = 1;
  #key = newKey();
  #asked = ""; // last sent request as JSON; only an equal request reuses the idempotency key
  #address = "";

  constructor() {
    this.root = requireElement("[data-pro]");
    this.sounds = new Sounds(requireElement("[data-sounds]"), {
      most: facts.most_sounds,
      mostBytes: facts.max_audio_bytes,
      used: (id) => this.#usedIn(id),
      onChange: () => this.draw(),
      onRemove: (id) => this.#soundGone(id),
      isLocked: () => this.isLocked,
    });
    this.stage = new Stage(requireElement("[data-stage]"), {
      onTime: (at) => this.timeline?.follow(at),
      onState: () => this.#drawLoop(),
    });
    this.timeline = new Timeline(requireElement("[data-timeline]"), {
      state: () => this.#forTimeline(),
      onSelect: (id) => this.select(id),
      onSeek: (at) => this.stage.seek(at),
      onChange: (id, change, done) => this.#change(id, change, done),
    });
    this.inspector = new Inspector(requireElement("[data-inspector]"), {
      onChange: (change) => this.selected !== null && this.#change(this.selected, change, true),
      onDelete: () => this.remove(),
    });
    this.removal = new Removal(requireElement("[data-inspector]"), requireElement("[data-picture]"), {
      onChange: () => this.draw(),
    });
    // If the page has an unsent draft, open the run by loading the page again: the browser then warns about the draft.
    this.runs = new Runs(requireElement("[data-runs]"), {
      onOpen: (id) => (this.#isUnsent ? location.assign(`/pro?job=${id}`) : this.open(id)),
    });
    this.#listen();
    this.draw();
    const id = new URLSearchParams(location.search).get("job");
    if (id) this.open(id, { isNew: false });
    this.runs.load();
  }

  get isLocked() {
    return this.job !== null || this.#sending !== null;
  }

  get #isUnsent() {
    return this.#sending !== null || (this.job === null && this.segments.length > 0);
  }

  get faults() {
    return this.isLocked ? [] : findErrors(this.segments, this.sounds.all, this.stage.duration);
  }

  #forTimeline() {
    const job = this.job;
    return {
      segments: this.segments,
      faults: this.faults,
      selected: this.selected,
      at: this.stage.at,
      // Without a video, the timeline ends at the last segment, so that all segments are drawn.
      duration: this.stage.duration || (job ? Math.max(0, ...this.segments.map((one) => one.end)) : 0),
      number: (/** @type {number|null} */ id) => this.sounds.number(id),
      isLocked: this.isLocked,
      bars: (/** @type {number|null} */ id) => {
        const sound = this.sounds.find(id);
        return sound?.duration ? { bars: sound.bars, duration: sound.duration } : null;
      },
      status: (/** @type {number} */ id) =>
        job?.segments_data[this.segments.findIndex((one) => one.id === id)]?.status ?? "",
    };
  }

  /** @param {number} id @returns {number[]} */
  #usedIn(id) {
    return sortSegments(this.segments).flatMap((segment, at) => (segment.sound === id ? [at + 1] : []));
  }

  /** @param {number} id */
  #soundGone(id) {
    for (const segment of this.segments)
      if (segment.sound === id) Object.assign(segment, { sound: null, from: null, to: null });
  }

  /** @param {number|null} id */
  select(id) {
    this.selected = id;
    this.#drawLoop();
    this.draw();
  }

  /** @param {number} id @param {Partial<Segment>} change @param {boolean} done */
  #change(id, change, done) {
    const segment = this.segments.find((one) => one.id === id);
    if (!segment || this.isLocked) return;
    Object.assign(segment, change);
    this.draw();
    if (done) this.#drawLoop();
  }

  add() {
    if (this.isLocked || !this.stage.duration) return;
    if (this.segments.length >= facts.max_segments)
      return showToast(`Your plan allows at most ${formatCount(facts.max_segments, "segment")}.`, "warn");
    const place = findRoom(this.segments, this.stage.at, this.stage.duration);
    if (!place)
      return showToast(
        "No space for a segment here. Move the playhead away from the next segment and from the end of the video.",
        "warn",
      );
    const sound = this.sounds.all.find((one) => !this.#usedIn(one.id).length) ?? this.sounds.all[0];
    this.segments.push({ id: this.#next, ...place, sound: sound?.id ?? null, from: null, to: null, label: "" });
    this.select(this.#next++);
    this.timeline.focus(/** @type {number} */ (this.selected));
  }

  remove() {
    const segment = this.segments.find((one) => one.id === this.selected);
    if (!segment || this.isLocked) return;
    this.segments = this.segments.filter((one) => one !== segment);
    this.select(
      sortSegments(this.segments).find((one) => one.start >= segment.start)?.id ??
        sortSegments(this.segments).at(-1)?.id ??
        null,
    );
    const again = h(
      "button",
      {
        class: "btn",
        type: "button",
        onclick: () => {
          note.remove();
          if (this.isLocked) return;
          if (this.segments.length >= facts.max_segments)
            return showToast(`Your plan allows at most ${formatCount(facts.max_segments, "segment")}.`, "warn");
          this.segments.push(segment);
          this.select(segment.id);
          this.timeline.focus(segment.id);
        },
      },
      icon("retry"),
      "Undo",
    );
    const note = h(
      "div",
      { class: "note" },
      h("span", { class: "spacer" }, `Segment at ${formatMoment(segment.start)} deleted.`),
      again,
    );
    requireElement("[data-toasts]").append(note);
    setTimeout(() => note.remove(), 8000);
  }

  /** Replace the video, but keep sounds and segments. Segments past the new end become invalid. @param {File} file */
  async choose(file) {
    if (this.isLocked) return;
    const refuse = (/** @type {string} */ text) =>
      this.#problem(new ApiError(text, { status: 415 }), { title: "This video cannot be used." });
    if (file.size > facts.max_upload_bytes)
      return refuse(`“${file.name}” is larger than your limit of ${formatBytes(facts.max_upload_bytes)}.`);
    const address = URL.createObjectURL(file);
    const duration = await readDuration(address);
    if (this.isLocked || duration === null) {
      URL.revokeObjectURL(address);
      return this.isLocked
        ? undefined
        : refuse(`This browser cannot play “${file.name}”. Convert it to MP4 (H.264) and choose it again.`);
    }
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.file = file;
    this.#address = address;
    this.#name(file.name.replace(/\.[^.]+$/, ""), file.name);
    this.#problem(null);
    this.stage.pause();
    this.timeline.clear();
    this.stage.show(address, duration);
    this.timeline.drawRuler();
    this.draw();
    this.timeline.drawPictures({ file: address });
    const wave = await computeWave(file, 960);
    if (this.file === file) this.timeline.drawOriginal(wave?.bars ?? null);
  }

  /** @param {string} title @param {string} filename */
  #name(title, filename) {
    const heading = requireElement("h1");
    setText(heading, title);
    heading.title = title;
    const place = requireElement("[data-filename]");
    setText(place, filename);
    place.title = filename;
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
    const button = requireElement("[data-edit]");
    if (!id || button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    this.#problem(null);
    showToast("Loading the video and its sounds…");
    try {
      // Read the run again, because the URLs of its files may have expired.
      const job = await readJob(id);
      const [video, ...sounds] = await loadFiles(job);
      await this.#checkVideo(video);
      if (this.job?.job_id !== id) return;
      this.#channel?.close();
      this.job = null;
      history.pushState({}, "", "/pro");
      this.sounds.give(sounds);
      this.stage.compare(null);
      await this.choose(video);
      this.#name(job.name, "");
      this.draw();
      requireElement("h1").focus({ preventScroll: true });
    } catch (error) {
      if (this.job?.job_id === id)
        this.#problem(error, {
          title: "The video and its sounds could not be loaded for editing.",
          retry: () => this.edit(),
        });
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  /** @param {File} file @throws {ApiError} */
  async #checkVideo(file) {
    if (file.size > facts.max_upload_bytes)
      throw new ApiError(`The video is larger than your limit of ${formatBytes(facts.max_upload_bytes)}.`, {
        status: 413,
      });
    const address = URL.createObjectURL(file);
    const duration = await readDuration(address);
    URL.revokeObjectURL(address);
    if (duration === null) throw new ApiError("This browser cannot play this video.", { status: 415 });
  }

  async process() {
    const faults = this.faults;
    if (this.isLocked) return;
    if (!this.file || !this.segments.length || faults.length || this.removal.fault) {
      // Touch screens show no tooltip, so a tap shows why the button is disabled.
      if (faults.length) this.select(faults[0].segment);
      return showToast(`${requireElement("[data-process]").title}.`, "warn");
    }
    const wanted = toRequest(this.segments, this.sounds.all);
    const texts = {
      segments: JSON.stringify(wanted.segments),
      audio_ref_ids: JSON.stringify(wanted.refs),
      options: JSON.stringify(this.#options()),
      name: (requireElement("h1").textContent ?? "").trim(),
    };
    const form = new FormData();
    for (const [name, text] of Object.entries(texts)) form.append(name, text);
    for (const id of wanted.files) form.append("audio_files", /** @type {File} */ (this.sounds.find(id)?.file));
    form.append("video", this.file);
    // To a known idempotency key, the server sends the old response again. So reuse the key only for an equal request.
    const same = JSON.stringify([texts, wanted.files, this.#address]);
    if (same !== this.#asked) this.#key = newKey();
    this.#asked = same;
    this.line?.stop();
    const control = new AbortController();
    this.#sending = control;
    this.stage.pause();
    this.#problem(null);
    this.#drawSending(0);
    this.draw();
    requireElement("[data-cancel]").focus();
    try {
      const { job_id } = await sendJob(form, this.#key, (share) => this.#drawSending(share), control.signal);
      this.#sending = null;
      this.#asked = "";
      history.pushState({}, "", `/pro?job=${job_id}`);
      await this.open(job_id, { isNew: false, isOurs: true });
      this.runs.load();
    } catch (error) {
      this.#sending = null;
      // After a rejection, use a new idempotency key: to the old key, the server would send the rejection again. After
      // a lost response or a 429, keep the key.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429)
        this.#asked = "";
      const hadFocus = document.activeElement === requireElement("[data-cancel]");
      this.draw();
      if (hadFocus) requireElement("[data-process]").focus();
      if (/** @type {any} */ (error).name !== "AbortError") this.#refused(error);
    }
  }

  #options() {
    const field = (/** @type {string} */ name) => requireElement(`[data-option=${name}]`);
    return {
      sync_mode: field("sync_mode").value,
      ...(field("mouths").checked ? {} : { model: "sound" }),
      ...(this.removal.asked ? { remove_text: this.removal.asked } : {}),
    };
  }

  /** @param {unknown} error */
  #refused(error) {
    if (error instanceof ApiError && error.type === "throttled")
      return void requireElement("[data-problem]").replaceChildren(createThrottledNote(error, () => this.process()));
    const own = error instanceof ApiError && Array.isArray(error.body?.errors) ? error.body.errors : [];
    const ordered = sortSegments(this.segments);
    if (own.length) {
      const at = own.find((/** @type {any} */ one) => one.segment_index !== null)?.segment_index;
      if (at !== undefined) this.select(ordered[at]?.id ?? null);
    }
    const more = own.map(
      (/** @type {any} */ one) =>
        `${one.segment_index === null ? "" : `Segment ${one.segment_index + 1}: `}${one.message}`,
    );
    this.#problem(error, { title: "Processing could not be started.", more });
  }

  /** @param {unknown} error @param {{title?: string, more?: string[], retry?: (() => void)|null}} [about] */
  #problem(error, { title = "The action could not be completed.", more = [], retry = null } = {}) {
    const place = requireElement("[data-problem]");
    if (!error) return place.replaceChildren();
    const note = createErrorNote(title, error, retry);
    if (more.length > 1) requireElement(".spacer", note).append(h("ul", {}, ...more.map((one) => h("li", {}, one))));
    place.replaceChildren(note);
    note.scrollIntoView({ block: "nearest" });
  }

  /**
   * Open a dubbing run. `isNew` adds a history entry; `isOurs` means that this page has just sent the run.
   * @param {string} id
   * @param {{isNew?: boolean, isOurs?: boolean}} [about]
   */
  async open(id, { isNew = true, isOurs = false } = {}) {
    try {
      const job = await readJob(id);
      if (isNew) {
        history.pushState({}, "", `/pro?job=${id}`);
        window.scrollTo(0, 0);
      }
      this.#problem(null);
      const kept = this.job?.job_id === id;
      if (!kept) this.#take(job, isOurs);
      this.#show(job);
      this.#follow(id);
      if (isNew) requireElement("h1").focus({ preventScroll: true });
    } catch (error) {
      const isGone = error instanceof ApiError && error.status === 404;
      this.#problem(
        isGone ? new ApiError("This run no longer exists, or you do not have access to it.", { status: 404 }) : error,
        {
          title: "This run could not be opened.",
          retry: isGone ? null : () => this.open(id, { isNew, isOurs }),
        },
      );
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
    this.timeline.drawRuler();
    requireElement("[data-option=sync_mode]").value = job.options.sync_mode;
    requireElement("[data-option=mouths]").checked = job.options.model !== "sound";
    this.removal.take(job.options.remove_text);
  }

  /** @param {ProJob} job */
  #show(job) {
    const before = this.job;
    this.job = job;
    if (job.source && (!before?.source || !this.stage.duration) && !this.file) {
      this.stage.show(job.source.stream_url, job.source.duration);
      this.timeline.drawRuler();
      this.timeline.drawPictures({ sheet: job.source.sprite_vtt_url });
      if (job.source.peaks_url)
        fetchPeaks(job.source.peaks_url).then(
          (bars) => this.timeline.drawOriginal(bars),
          () => this.timeline.drawOriginal(null),
        );
      else this.timeline.drawOriginal(null);
    }
    if (job.result_url && !this.stage.hasAfter) {
      this.stage.compare(job.result_url, `After (result from ${formatWhen(new Date(job.created_at))})`);
      this.#offerOthers(job);
    }
    const buttons = ["cancel", "again"].map((name) => requireElement(`[data-${name}]`));
    const focused = buttons.find((button) => button === document.activeElement);
    this.draw();
    if (focused?.hidden)
      (buttons.find((button) => !button.hidden) ?? requireElement("h1")).focus({ preventScroll: true });
  }

  /** Let the user compare the result with those of other runs that have the same video. @param {ProJob} job */
  async #offerOthers(job) {
    const choice = /** @type {HTMLSelectElement} */ (requireElement("[data-against]"));
    choice.hidden = true;
    const others = await listOtherRuns(job.job_id).catch(() => []);
    if (this.job?.job_id !== job.job_id || !job.source || !others.length) return;
    choice.replaceChildren(
      h("option", { value: "" }, "Compare with the original"),
      ...others.map((other) =>
        h("option", { value: other.job_id }, `Compare with the run from ${formatWhen(new Date(other.created_at))}`),
      ),
    );
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
        this.stage.against(address, chosen ? `Run from ${formatWhen(new Date(run.created_at))}` : "Before");
        shown = chosen;
      } catch (error) {
        if (!isCurrent()) return;
        choice.value = shown;
        showToast(explainError(error), "bad");
      }
    };
  }

  /** Show that the run was deleted, on this page or elsewhere. */
  #gone() {
    if (!this.job) return;
    this.#channel?.close();
    this.#show({ ...this.job, status: "expired", message: "This run has been deleted.", result_url: null });
    this.runs.load();
  }

  /** @param {string} id */
  #follow(id) {
    this.#channel?.close();
    if (!this.job || !LIVE.includes(this.job.status)) return;
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
        const ended = !LIVE.includes(job.status);
        this.#show(job);
        if (!ended) return;
        this.#channel?.close();
        this.runs.load();
        if (job.status === "completed") showToast("The video is ready.");
      } catch (error) {
        if (this.job?.job_id !== id) return;
        if (error instanceof ApiError && error.status === 404) this.#gone();
        else window.setTimeout(() => this.#channel === followed && ask(), ASK_AGAIN);
      }
    };
    const followed = new LiveChannel(`/ws/jobs/${id}/`, {
      onMessage: (message) => {
        const job = message.job ?? message;
        if (!this.job || this.job.job_id !== id) return;
        const isNews = job.status !== this.job.status || (job.message && job.message !== this.job.message);
        if (typeof job.progress === "number" && job.status === this.job.status)
          this.#show({
            ...this.job,
            progress: Math.max(this.job.progress, job.progress),
            message: job.message || this.job.message,
          });
        // Messages do not contain the segments, so fetch the dubbing run again when its status or message has changed.
        if (isNews || typeof job.progress !== "number") ask();
      },
      snapshot: () => readJob(id),
      onSnapshot: () => ask(),
      onState: (state) => state === "closed" && ask(),
    });
    this.#channel = followed;
  }

  again() {
    const job = this.job;
    if (!job) return;
    changeJob(job.job_id, "retry").then(
      () => this.#changed(job.job_id),
      (error) => this.#problem(error, { title: "Processing could not be restarted.", retry: () => this.again() }),
    );
  }

  cancel() {
    if (this.#sending) return this.#sending.abort();
    const job = this.job;
    if (job)
      cancelJob(job.job_id).then(
        () => this.#changed(job.job_id),
        (error) => this.#problem(error, { title: "Processing could not be cancelled.", retry: () => this.cancel() }),
      );
  }

  /** @param {string} id */
  async #changed(id) {
    if (this.job?.job_id === id) await this.open(id, { isNew: false });
    this.runs.load();
  }

  askToDelete() {
    if (this.job) openDeleteDialog(this.job, () => location.assign("/pro"));
  }

  /** @param {number} share */
  #drawSending(share) {
    const bar = /** @type {HTMLProgressElement} */ (requireElement("[data-progress]"));
    bar.value = Math.round(share * 100);
    setText(requireElement("[data-state-words]"), share < 1 ? "Sending" : "Uploaded, checking");
    setText(requireElement("[data-percent]"), share < 1 ? `${Math.floor(share * 100)} %` : "");
  }

  #drawLoop() {
    const segment = this.segments.find((one) => one.id === this.selected);
    const button = requireElement("[data-loop]");
    const isOn = button.getAttribute("aria-pressed") === "true";
    button.toggleAttribute("disabled", !segment);
    this.stage.loop =
      isOn && segment && segment.end > segment.start ? { start: segment.start, end: segment.end } : null;
  }

  draw() {
    const { faults } = this;
    const hasVideo = this.stage.duration > 0;
    this.root.dataset.has = hasVideo ? "video" : "";
    this.timeline.draw();
    this.sounds.draw();
    const ordered = sortSegments(this.segments);
    const segment = this.segments.find((one) => one.id === this.selected) ?? null;
    const at = segment ? this.segments.indexOf(segment) : -1;
    this.inspector.show(segment, {
      at: segment ? ordered.indexOf(segment) + 1 : 0,
      faults,
      sounds: this.sounds.all,
      number: (id) => this.sounds.number(id),
      isLocked: this.isLocked,
      done: this.job?.status === "completed" ? describeSegment(this.job.outcome, at) : "",
      state: getState(this.job?.segments_data[at]?.status ?? ""),
    });
    this.removal.draw({ isLocked: this.isLocked });
    const words = this.job?.status === "completed" ? describeRun(this.job.outcome) : "";
    requireElement("[data-told]").hidden = !words;
    setText(requireElement("[data-told] p"), words);
    this.#drawMeter(faults);
    this.#drawActs(faults, hasVideo);
    this.stage.tellNone(
      !this.job
        ? ""
        : LIVE.includes(this.job.status)
          ? "The preview appears when the video has been processed."
          : "No preview: the video could not be read completely.",
    );
    requireElement("[data-other]").hidden = !hasVideo || this.isLocked;
    const left = facts.max_segments - this.segments.length;
    this.timeline.setHint(
      this.isLocked
        ? ""
        : left === 1
          ? "Your plan allows 1 more segment"
          : left > 0
            ? `Your plan allows ${left} more segments`
            : "Segment limit of your plan reached",
    );
    requireElement("[data-add-segment]").toggleAttribute("disabled", this.isLocked || !hasVideo || left <= 0);
    for (const field of document.querySelectorAll("[data-option]")) field.toggleAttribute("disabled", this.isLocked);
    for (const button of document.querySelectorAll("[data-needs-video]")) button.toggleAttribute("disabled", !hasVideo);
  }

  /** @param {import("./segments.js").Fault[]} faults */
  #drawMeter(faults) {
    const bad = new Set(faults.map((fault) => fault.segment));
    const cells = sortSegments(this.segments).map((segment) => (bad.has(segment.id) ? "faulty" : "filled"));
    const free = Math.max(0, facts.max_segments - cells.length);
    const meter = requireElement("[data-meter]");
    meter.replaceChildren(...[...cells, ...Array(free).fill("")].map((kind) => h("i", { class: kind })));
    // If a run was sent, hide the segment limit. The page knows the limit of the user's current plan, but the user may
    // have had another plan when the run was sent.
    meter.hidden = this.job !== null;
    setText(
      requireElement("[data-meter-words]"),
      this.job
        ? formatCount(cells.length, "segment")
        : `${cells.length} of ${facts.max_segments} segments on the ${facts.plan} plan`,
    );
  }

  /** @param {import("./segments.js").Fault[]} faults @param {boolean} hasVideo */
  #drawActs(faults, hasVideo) {
    const { job } = this;
    const bad = new Set(faults.map((fault) => fault.segment)).size + (this.isLocked || !this.removal.fault ? 0 : 1);
    const count = this.segments.length;
    const why = !hasVideo
      ? "Choose a video first"
      : !count
        ? "Add a segment first"
        : bad
          ? `${formatCount(bad, "problem")} to fix`
          : "";
    const isWorking = this.#sending !== null || (job !== null && LIVE.includes(job.status));
    const state = requireElement("[data-job-state]");
    const [sign, tone, word] = job
      ? STATES[job.status]
      : this.#sending
        ? STATES.processing
        : ["alert", bad ? "bad" : "", why];
    state.hidden = !(isWorking || job) && !bad;
    state.className = `status ${tone}`;
    setIcon(state, sign);
    if (!this.#sending) {
      const words =
        job &&
        (job.status === "failed"
          ? job.error?.message
          : ["completed", "cancelled"].includes(job.status)
            ? ""
            : job.message);
      setText(requireElement("[data-state-words]"), words || word);
      setText(
        requireElement("[data-percent]"),
        isWorking && job?.status !== "queued" ? formatPercent(job?.progress ?? 0) : "",
      );
      requireElement("[data-progress]").value = job ? job.progress : 0;
    }
    requireElement("[data-progress]").hidden = !isWorking;
    const process = requireElement("[data-process]");
    process.hidden = this.isLocked;
    process.setAttribute("aria-disabled", String(Boolean(why)));
    process.title = why;
    setText(requireElement("span", process), count ? `Process ${formatCount(count, "segment")}` : "Process");
    requireElement("[data-cancel]").hidden = !isWorking;
    requireElement("[data-again]").hidden = !job || !["failed", "cancelled"].includes(job.status);
    requireElement("[data-delete]").hidden = !job || isWorking || job.status === "expired";
    const download = requireElement("[data-download]");
    download.hidden = !job?.result_url;
    if (job?.result_url) Object.assign(download, { href: job.result_url, download: `${job.name}.mp4` });
    requireElement("[data-new]").hidden = !job || !facts.max_segments;
    requireElement("[data-edit]").hidden = !job?.source || isWorking || !facts.max_segments;
  }

  #listen() {
    for (const choose of document.querySelectorAll("[data-choose-video], [data-other-video]"))
      choose.addEventListener("change", () => {
        const field = /** @type {HTMLInputElement} */ (choose);
        if (field.files?.[0]) this.choose(field.files[0]);
        field.value = "";
      });
    const on = (/** @type {string} */ name, /** @type {() => void} */ run) =>
      requireElement(`[data-${name}]`).addEventListener("click", run);
    on("process", () => this.process());
    on("cancel", () => this.cancel());
    on("again", () => this.again());
    on("edit", () => this.edit());
    on("library-video", () =>
      chooseFromLibrary({
        heading: "Choose a video from your library",
        get: downloadOriginal,
        take: (file) => this.choose(file),
      }),
    );
    on("library-sound", () =>
      chooseFromLibrary({
        heading: "Use the sound of a library video",
        fits: ({ has_audio, file_size, duration_exact }) =>
          has_audio && file_size <= MOST_HEARD && duration_exact * WAV_RATE <= facts.max_audio_bytes,
        get: async (video, signal) => extractSound(await downloadOriginal(video, signal), video.title),
        take: (file) => this.sounds.add([file]),
      }),
    );
    this.line = new LineRecorder(requireElement("[data-record-line]"), (line) => this.sounds.add([line]));
    on("delete", () => this.askToDelete());
    on("add-segment", () => this.add());
    on("play", () => this.stage.toggle());
    on("back", () => this.#jump(-1));
    on("forward", () => this.#jump(1));
    on("loop", () => {
      const button = requireElement("[data-loop]");
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      this.#drawLoop();
    });
    for (const button of document.querySelectorAll("[data-view]"))
      button.addEventListener("click", () =>
        this.stage.setView(/** @type {any} */ (/** @type {HTMLElement} */ (button).dataset.view)),
      );
    this.#drops();
    window.addEventListener("beforeunload", (event) => this.#isUnsent && event.preventDefault());
    window.addEventListener("signedin", () => this.#problem(null));
    window.addEventListener("popstate", () => location.reload());
    enableShortcuts(this.#bindings());
  }

  /** Seek to the next (1) or previous (-1) edge of a segment. @param {number} way */
  #jump(way) {
    const edges = [0, ...this.segments.flatMap((one) => [one.start, one.end]), this.stage.duration].sort(
      (one, other) => one - other,
    );
    const { at } = this.stage;
    const next = way > 0 ? edges.find((edge) => edge > at + 0.01) : edges.findLast((edge) => edge < at - 0.01);
    if (next !== undefined) this.stage.seek(next);
  }

  /** @returns {import("../base/keys.js").Binding[]} */
  #bindings() {
    const step = (/** @type {number} */ by) => this.stage.seek(this.stage.at + by);
    return [
      { keys: "Space K", label: "Play or pause", match: matchKeys(" ", "k"), run: () => this.stage.toggle() },
      {
        keys: "← →",
        label: `Back or forward ${JUMP} s`,
        match: matchKeys("ArrowLeft", "ArrowRight"),
        run: (event) => step(event.key === "ArrowLeft" ? -JUMP : JUMP),
      },
      {
        keys: ", .",
        label: "Back or forward 0.04 s",
        match: matchKeys(",", "."),
        run: (event) => step(event.key === "," ? -0.04 : 0.04),
      },
      {
        keys: "[ ]",
        label: "Go to the previous or next segment edge",
        match: matchKeys("[", "]"),
        run: (event) => this.#jump(event.key === "[" ? -1 : 1),
      },
      { keys: "S", label: "Add a segment at the playhead", match: matchKeys("s"), run: () => this.add() },
      {
        keys: "← → Ctrl Shift",
        label: "Move the focused segment (Ctrl: move only its end; Shift: by 1 s)",
        match: () => false,
        run: () => {},
      },
      { keys: "Delete", label: "Delete the segment", match: matchKeys("Delete"), run: () => this.remove() },
      { keys: "L", label: "Loop the segment", match: matchKeys("l"), run: () => requireElement("[data-loop]").click() },
      {
        keys: "B D W A",
        label: "Switch view: before, side by side, wipe or after",
        match: matchKeys("b", "d", "w", "a"),
        run: (event) =>
          this.stage.setView(
            /** @type {any} */ ({ b: "before", d: "beside", w: "wipe", a: "after" })[event.key.toLowerCase()],
          ),
      },
    ];
  }

  #drops() {
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
  }
}

/**
 * Download a dubbing run's files; return the video first, then its sounds.
 * @param {ProJob} job
 * @returns {Promise<File[]>}
 */
const loadFiles = ({ name, source, sounds, audio_refs }) =>
  Promise.all([
    downloadFile(source?.stream_url ?? "", `${name}.${source?.mime_type.split("/")[1] ?? "mp4"}`),
    ...sounds.map((sound) => downloadFile(audio_refs[sound.refId] ?? "", sound.filename)),
  ]);

/**
 * Return a video's duration; null if the browser cannot play it.
 * @param {string} address
 * @returns {Promise<number|null>}
 */
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
else new Runs(requireElement("[data-runs]"), { onOpen: (id) => location.assign(`/pro?job=${id}`) }).load();
