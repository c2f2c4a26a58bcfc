// The review of a merged challenge before publication: video and statements, one of which is the lie.

import { formatDuration } from "../../base/format.js";
import { html, iconView, live, mount, nothing } from "../../base/view.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./api.js").Segment} Segment
 * @typedef {import("../../base/view.js").View} View
 */

export class Review {
  /** @type {Draft|null} */ #draft = null;
  /** @type {Segment[]} */ #segments = [];
  /** Position in seconds at which the playing segment ends; 0 if the complete video plays. */ #until = 0;
  #address = "";
  #poster = "";
  #isWaiting = false;
  #isBroken = false;
  #hasRenewed = false;
  /** Where the challenge is saved. @type {View} */ #saved = null;
  /** @type {View} */ #problem = null;
  #errors = { title: "", lie: "" };

  /**
   * @param {HTMLElement} root
   * @param {{max_text: number, max_title: number}} facts
   * @param {object} hears
   * @param {(publish: boolean) => void} hears.onDone Saves a complete challenge or publishes it.
   * @param {() => void} hears.onChange
   * @param {() => void} hears.onThrowAway
   * @param {() => Promise<string>} hears.renew Returns a new video URL after the signed URL has expired.
   */
  constructor(root, facts, hears) {
    this.root = root;
    this.facts = facts;
    this.hears = hears;
    this.render = mount(root, this);
  }

  /** @param {Draft} draft @param {import("./api.js").Merge} merge A completed merge. */
  show(draft, merge) {
    const merged = /** @type {import("./api.js").Merged} */ (merge.merged_video);
    this.#draft = draft;
    this.#segments = merged.segments;
    this.#address = merged.merged_video_url;
    this.#poster = merged.poster_url ?? "";
    this.#saved = this.#problem = null;
    this.#errors = { title: "", lie: "" };
    this.#isBroken = this.#isWaiting = false;
    this.#draw();
  }

  focus() {
    this.root.querySelector("h2")?.focus();
  }

  end() {
    if (!this.#draft) return;
    this.#video.pause();
    this.#draft = null;
    this.render(null);
  }

  /** @param {boolean} isWaiting @param {string} [word] */
  wait(isWaiting, word = "") {
    this.#isWaiting = isWaiting;
    if (word) this.#saved = html`${iconView("run", "spin")}${word}`;
    this.#draw();
  }

  /** @param {boolean} isDraft True if the challenge is saved as a draft on the server. */
  drawSaved(isDraft) {
    this.#saved = isDraft ? html`${iconView("check")}Saved as a draft. Only you can see it.` : null;
    this.#draw();
  }

  /** @param {View} note */
  tellProblem(note) {
    this.#problem = note;
    this.#draw();
    // Scroll to the note, which may be below the visible area on phones.
    if (note) this.root.querySelector(".note")?.scrollIntoView({ block: "nearest" });
  }

  get #video() {
    return /** @type {HTMLVideoElement} */ (this.root.querySelector("video"));
  }

  #draw() {
    if (this.#draft) this.render(this.#view(this.#draft));
  }

  /** @param {Draft} draft */
  #view(draft) {
    const off = this.#isWaiting ? "true" : nothing;
    return html`
      <div class="reviewing">
        <div class="col">
          <div class="stage dark">
            <video class="film" controls playsinline preload="metadata" aria-label="The merged video"
              src=${this.#address} poster=${this.#poster || nothing} @timeupdate=${this.#draw} @seeked=${this.#draw}
              @play=${this.#frames} @error=${this.#break}></video>
            ${this.#isBroken ? this.#brokenView() : null}
          </div>
          <nav class="parts-nav" aria-label="Parts of the video">${this.#segments.map(this.#partView)}</nav>
        </div>
        <section class="panel side" aria-labelledby="review-title">
          <div class="pad col wide-gap">
            <h2 tabindex="-1" id="review-title">Watch the video, then publish it</h2>
            <div class="field">
              <label for="review-name">Title</label>
              <input class="input" id="review-name" type="text" dir="auto" maxlength=${this.facts.max_title}
                autocomplete="off" aria-describedby="review-name-problem" .value=${live(draft.title)}
                aria-invalid=${this.#errors.title ? "true" : nothing} ?readonly=${this.#isWaiting} 
                @input=${this.#store(draft, "title")} />
              ${errorView("review-name-problem", this.#errors.title)}
            </div>
            <fieldset class="col">
              <legend class="text-small muted">
                Check the texts, and mark the lie. Players see which statement is the lie only after they guess.
              </legend>
              <ol class="col">${draft.statements.map((statement, at) => this.#statementView(draft, statement, at))}</ol>
              ${errorView("review-lie-problem", this.#errors.lie)}
            </fieldset>
            <p class="status" role="status">${this.#saved}</p>
            <div class="col">${this.#problem}</div>
            <div class="row wrap sticky-foot">
              <button class="btn big" type="button" data-act="keep" aria-disabled=${off}
                @click=${() => this.#finish(draft, false)}>Save as draft</button>
              <button class="btn primary big" type="button" data-act="publish" aria-disabled=${off}
                @click=${() => this.#finish(draft, true)}>${iconView("check")}Publish</button>
            </div>
            <button class="btn quiet" type="button" @click=${this.hears.onThrowAway}>
              ${iconView("trash")}Discard
            </button>
          </div>
        </section>
      </div>`;
  }

  #partView = (/** @type {Segment} */ segment, /** @type {number} */ at) => {
    const { start_time, end_time, duration, statement_index } = segment;
    const time = this.root.querySelector("video")?.currentTime ?? 0;
    const isHere = time >= start_time - 0.001 && (time < end_time || at === this.#segments.length - 1);
    return html`
      <button class="part" type="button" aria-current=${isHere ? "true" : nothing} .style=${`--share: ${duration}`}
        @click=${() => this.#play(segment)}>
        <span class="visually-hidden">Play statement </span><b class="mono">${statement_index + 1}</b>
        <span class="mono truncate">${formatDuration(duration)}</span>
      </button>`;
  };

  /** @param {Draft} draft @param {import("./draft.js").Statement} statement @param {number} at */
  #statementView(draft, statement, at) {
    const isLie = draft.lie === statement.id;
    const mark = () => {
      draft.lie = statement.id;
      this.#errors.lie = "";
      this.#draw();
      this.hears.onChange();
    };
    return html`
      <li class="told" ?data-lie=${isLie}>
        <span class="statement-number" aria-hidden="true">${at + 1}</span>
        <input class="input" type="text" dir="auto" maxlength=${this.facts.max_text} autocomplete="off"
          aria-label="Text of statement ${at + 1}" placeholder="No text" .value=${live(statement.text)}
          ?readonly=${this.#isWaiting} @input=${this.#store(statement, "text")} />
        <label class="check lie">
          <input type="radio" name="review-lie" value=${statement.id} .checked=${live(isLie)}
            aria-label="The lie: statement ${at + 1}" @change=${mark} />The lie
        </label>
      </li>`;
  }

  /** Return a listener that stores the typed text in a property of `owner`. @param {any} owner @param {string} name */
  #store =
    (owner, name) =>
    (/** @type {any} */ { currentTarget }) => {
      owner[name] = currentTarget.value;
      this.hears.onChange();
    };

  /** @param {Draft} draft @param {boolean} publish */
  #finish(draft, publish) {
    if (this.#isWaiting) return;
    const hasTitle = draft.title.trim() !== "";
    this.#errors.title = hasTitle ? "" : "Enter a title. Players see it in the list of challenges.";
    this.#errors.lie = draft.lie ? "" : "Choose which statement is the lie.";
    this.tellProblem(null);
    const wrong = !hasTitle ? "#review-name" : !draft.lie ? "input[type=radio]" : "";
    if (wrong) /** @type {HTMLElement|null} */ (this.root.querySelector(wrong))?.focus();
    else this.hears.onDone(publish);
  }

  // Video

  /** @param {Segment} segment */
  #play({ start_time, end_time }) {
    // Seek slightly past the start of the frame: rounding of the exact start may show the previous frame.
    this.#video.currentTime = start_time + 0.001;
    this.#until = end_time;
    this.#video.play().catch(() => {});
  }

  #frames() {
    const video = this.#video;
    if (!video || video.paused) return;
    if (this.#until && (video.currentTime >= this.#until - 0.02 || video.ended)) {
      this.#until = 0;
      video.pause();
    }
    requestAnimationFrame(() => this.#frames());
  }

  /** Load the video from a new URL, once; then show that it cannot be played. */
  async #break() {
    if (!this.#draft) return;
    const at = this.#video.currentTime;
    const mayRenew = !this.#hasRenewed;
    this.#hasRenewed = true;
    const address = mayRenew ? await this.hears.renew().catch(() => "") : "";
    if (!this.#draft) return;
    this.#isBroken = !address || address === this.#address;
    this.#address = address || this.#address;
    this.#draw();
    if (!this.#isBroken) this.#video.currentTime = at;
  }

  #brokenView() {
    return html`
      <div class="mask">
        ${iconView("alert")}<b role="alert">The video cannot be played here</b>
        <p class="text-small">
          The video is saved on the server. You can still publish the challenge or save it as a draft.
        </p>
        <button class="btn" type="button" @click=${this.#reload}>${iconView("retry")}Try again</button>
      </div>`;
  }

  #reload() {
    this.#hasRenewed = this.#isBroken = false;
    this.#draw();
    this.#video.load();
  }
}

/** @param {string} id @param {string} sentence */
const errorView = (id, sentence) => html`
  <p class="field-error" id=${id} role="alert" ?hidden=${!sentence}>${iconView("alert")}<span>${sentence}</span></p>`;
