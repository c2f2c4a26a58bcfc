import { formatCount, formatDuration } from "../base/format.js";
import { Sprite } from "../base/sprite.js";
import { posterView } from "../base/poster.js";
import { createRef, createRoot, html, iconView, live, nothing, ref } from "../base/view.js";
import { formatBytes, formatDay, LETTERS, formatPicture } from "../videos/api.js";

/**
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {{progress: number, message: string, status: string}} Job
 */

/**
 * @template {Element} T
 * @typedef {import("../base/view.js").Ref<T>} Ref
 */

const STEPS = 20; // number of arrow key presses that move the preview from start to end
const DAY = 86_400_000;
const LINGER = 120; // ms of hovering before previews load, so that a passing pointer loads none

/**
 * @typedef {object} CardActions
 * @property {(video: Video, chosen: boolean) => void} onPick
 * @property {(video: Video, button: HTMLElement) => void} onMore
 */

export class Card {
  /** @type {Sprite|null} */ #sprite = null;
  #wantsPreview = false;
  #showsPreview = false;
  /** True if the preview failed to load; the next redraw retries. */ #hasNoSprite = false;
  #share = 0;
  /** Running ingest job. @type {Job|null} */ #job = null;
  /** Progress of the job, which never decreases. */ #percent = 0;
  #letter = "";
  #isFull = false;

  /** @type {Ref<HTMLElement>} */ #title = createRef();
  /** @type {Ref<HTMLElement>} */ #picture = createRef();
  /** @type {Ref<HTMLCanvasElement>} */ #canvas = createRef();
  #root = createRoot(this);

  /** @param {Video} video @param {CardActions} actions */
  constructor(video, actions) {
    this.video = video;
    this.actions = actions;
    this.element = this.#render();
  }

  /** @param {Video} video */
  draw(video) {
    this.video = video;
    this.#sprite = null;
    this.#showsPreview = false;
    this.#hasNoSprite = false;
    this.#percent = this.#job?.progress ?? 0;
    this.#render();
  }

  /**
   * Show whether the video is selected. `letter` is its letter or check mark, or empty if the video is not selected.
   * `full` is true once the maximum number of videos is selected.
   * @param {string} letter
   * @param {boolean} full
   */
  mark(letter, full) {
    if (letter === this.#letter && full === this.#isFull) return;
    this.#letter = letter;
    this.#isFull = full;
    this.#render();
  }

  /** Show the progress of the video's job; null if the job has ended. @param {Job|null} job */
  work(job) {
    const began = Boolean(job) !== Boolean(this.#job);
    this.#job = job;
    if (began) return this.draw(this.video);
    if (!job) return;
    this.#percent = Math.max(this.#percent, job.progress);
    this.#render();
  }

  get title() {
    return /** @type {HTMLElement} */ (this.#title.value);
  }

  #render() {
    const { video } = this;
    const letter = this.#letter;
    return this.#root(html`
      <li class="card" data-video=${video.id} data-status=${video.status} data-letter=${letter || nothing}
        ?data-sel=${letter !== ""} @pointermove=${this.#onMove} @pointerleave=${this.#hide}
        @pointercancel=${this.#hide} @focusout=${this.#hide} @keydown=${this.#onKey}>
        <label class="pick">
          <span class="letter-badge" aria-hidden="true" ?hidden=${!letter}>${letter}</span>
          <input type="checkbox" data-part="pick" aria-label=${namePick(video, letter)} .checked=${live(letter !== "")}
            ?disabled=${this.#isFull && !letter} @change=${this.#onPick} />
        </label>
        ${this.#pictureView()} ${this.#footView()}
      </li>`);
  }

  #pictureView() {
    const { video } = this;
    const known = video.status !== "failed" && formatPicture(video);
    const mask = this.#maskView();
    const length = video.duration_exact > 0 ? formatDuration(video.duration_exact) : null;
    return html`
      <span class="picture dark" ${ref(this.#picture)}>
        ${posterView(video.poster_url, mask ? "" : "film")}
        <canvas ?hidden=${!this.#showsPreview} ${ref(this.#canvas)}></canvas>
        ${mask} ${known ? html`<span class="overlay bottom-start">${known}</span>` : null}
        ${length ? lengthView(length) : null}
        <span class="scrub" ?hidden=${!this.#showsPreview} .style=${`--share: ${this.#share}`}><b></b></span>
      </span>`;
  }

  #maskView() {
    const { video } = this;
    const job = this.#job;
    if (video.status === "failed")
      return html`
        <span class="mask">
          ${iconView("alert")}<span class="lines">${video.error?.message || "The video could not be read"}</span>
        </span>`;
    // Do not cover the thumbnail of a playable video. Its running job is shown in a line below the picture instead.
    if (video.status === "ready" && (video.poster_url || !job)) return null;
    const name = job ? `${video.title}, ${Math.round(this.#percent)} percent` : video.title;
    return html`
      <span class="mask">
        <span class="lines" data-message>${describeWork(video, job)}</span>
        <progress class="bar" max="100" .value=${this.#percent} aria-label=${name}></progress>
      </span>`;
  }

  #footView() {
    const { video } = this;
    return html`
      <div class="card-foot">
        <div>
          <h2 dir="auto" title=${video.title}>
            <a href="/watch/${video.id}" data-part="title" ${ref(this.#title)}>${video.title}</a>
          </h2>
          ${metaView(video, this.#job)}
        </div>
        <button class="btn icon-only quiet more" type="button" aria-haspopup="menu" aria-expanded="false"
          aria-label="More actions for ${video.title}" data-part="more"
          @click=${this.#onMore}>${iconView("more")}</button>
      </div>`;
  }

  /** @param {Event & {currentTarget: HTMLInputElement}} event */
  #onPick(event) {
    this.actions.onPick(this.video, event.currentTarget.checked);
  }

  /** @param {Event & {currentTarget: HTMLElement}} event */
  #onMore(event) {
    this.actions.onMore(this.video, event.currentTarget);
  }

  // Preview: the pointer or the arrow keys choose the position in the video

  /** @param {PointerEvent} event */
  #onMove(event) {
    const box = this.#picture.value?.getBoundingClientRect();
    if (!box || event.clientY > box.bottom) return this.#hide();
    this.#show(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined || event.target !== this.title || !this.video.sprite_vtt_url) return;
    event.preventDefault();
    this.#show(Math.min(1, Math.max(0, this.#share + by / STEPS)));
  }

  /** @param {number} share Position in the video, 0 to 1. */
  async #show(share) {
    const { video } = this;
    if (!video.sprite_vtt_url || this.#hasNoSprite) return;
    this.#share = share;
    const isFirst = !this.#wantsPreview;
    this.#wantsPreview = true;
    if (!this.#sprite) {
      if (!isFirst) return; // an earlier call is loading the preview and will show it
      await new Promise((done) => setTimeout(done, LINGER));
      if (!this.#wantsPreview || video !== this.video) return;
      try {
        this.#sprite = await Sprite.load(video.sprite_vtt_url);
      } catch {
        // Ignore the error: the preview is optional, and its address may have expired.
        if (video === this.video) this.#hasNoSprite = true;
        return;
      }
    }
    if (!this.#wantsPreview || video !== this.video || !this.#canvas.value) return;
    this.#sprite.draw(this.#canvas.value, this.#share * video.duration_exact);
    this.#showsPreview = true;
    this.#render();
  }

  #hide() {
    this.#wantsPreview = false;
    this.#share = 0;
    if (!this.#showsPreview) return;
    this.#showsPreview = false;
    this.#render();
  }
}

/** @param {string} length */
const lengthView = (length) =>
  html`<span class="overlay bottom-end"><span class="visually-hidden">Length </span>${length}</span>`;

/** @param {Video} video @param {string} letter */
function namePick({ title }, letter) {
  if (!letter) return `Select ${title}`;
  return LETTERS.includes(letter) ? `Selected as ${letter}: ${title}` : `Selected: ${title}`;
}

/** @param {Video} video @param {Job|null} job */
function describeWork(video, job) {
  if (!job) return video.status === "uploading" ? "Uploading" : "Queued";
  return job.status === "queued" ? "Queued" : job.status === "paused" ? "Paused" : job.message || "Being processed";
}

/** @param {Video} video @param {Job|null} job */
function metaView(video, job) {
  if (video.status === "failed")
    return html`
      <p class="meta">
        <span class="status bad">${iconView("alert")}Failed</span>
        <a href="/watch/${video.id}" data-part="todo">Show details</a>
      </p>`;
  if (video.status !== "ready" || job) {
    const words = video.status === "ready" ? "Processing, already playable" : "Processing";
    return html`<p class="meta"><span class="status run">${iconView("run", "spin")}${words}</span></p>`;
  }
  const came = new Date(video.created_at);
  const tags = video.tags.map((tag, at) => html`${at ? ", " : " · "}<span dir="auto">${tag}</span>`);
  return html`
    <p class="meta">
      <time datetime=${video.created_at} title=${came.toLocaleString()}>${formatDay(came)}</time
      ><span class="card-extra"> · ${formatBytes(video.file_size)}</span
      >${tags.length ? html`<span class="card-extra">${tags}</span>` : null}
    </p>`;
}

/** The card of a video in the bin, with the remaining days and the buttons "Restore" and "Delete for good". */
export class BinCard {
  /** @type {Ref<HTMLElement>} */ #title = createRef();

  /** @param {Video} video @param {{onRestore: (video: Video) => void, onPurge: (video: Video) => void}} actions */
  constructor(video, { onRestore, onPurge }) {
    this.video = video;
    this.element = createRoot()(html`
      <li class="card" data-video=${video.id}>
        <span class="picture dark"><span class="mask">${iconView("trash")}</span></span>
        <div class="card-foot col">
          <div>
            <h2 dir="auto" title=${video.title} tabindex="-1" ${ref(this.#title)}>${video.title}</h2>
            <p class="meta">${describeBin(video)}</p>
          </div>
          <div class="row wrap">
            <button class="btn" type="button" aria-label="Restore ${video.title}" data-part="restore"
              @click=${() => onRestore(video)}>${iconView("undo")}Restore</button>
            <button class="btn quiet danger" type="button" aria-label="Delete for good: ${video.title}"
              @click=${() => onPurge(video)}>Delete for good</button>
          </div>
        </div>
      </li>`);
  }

  get title() {
    return /** @type {HTMLElement} */ (this.#title.value);
  }

  // The library page calls these methods on every card. Cards in the bin show no selection and no job.
  draw() {}
  mark() {}
  work() {}
}

/** @param {Video} video */
function describeBin(video) {
  const left = Math.max(0, Math.ceil((Date.parse(video.purge_at ?? "") - Date.now()) / DAY));
  const day = formatDay(new Date(video.deleted_at ?? ""));
  const deleted = day.replace("Today, ", "today at ").replace("Yesterday", "yesterday");
  const rest = left ? `${formatCount(left, "day")} left` : "Will be deleted for good soon";
  return `Deleted ${deleted}, ${formatBytes(video.file_size)}. ${rest}`;
}

/** @param {Video} video */
export const isSelectable = ({ status, video_url }) => ["ready", "processing"].includes(status) && Boolean(video_url);

/** @param {number} index @returns {string} */
export const getLetter = (index) => LETTERS[index] ?? "";
