// The alignment panel of the set-up and comparison pages. It starts a job, shows progress and results, and applies
// confirmed offsets.

import { cancelJob } from "../base/api.js";
import { watchJobs } from "../base/job-updates.js";
import { errorView } from "../base/notice.js";
import { Furthest, describeProgress } from "../base/progress.js";
import { createRef, html, iconView, mount, ref } from "../base/view.js";
import { proposalView, refusalView } from "./proposals.js";

/** @typedef {import("../base/view.js").View} View */

const DONE = new Set(["completed", "failed", "cancelled", "expired"]);
const POLL = 1000;
const METHODS = {
  auto: {
    label: "Both",
    text: "We read the timer and compare the sound in every video. If the results are reliable and do not contradict each other, we propose an offset and show the evidence. If not, we tell you why.",
  },
  timer_ocr: {
    label: "Timer",
    text: "We read the timer at many moments of every video. If the readings agree, we propose an offset and show the evidence. If not, we tell you why.",
  },
  audio: {
    label: "Sound",
    text: "We compare the sound of the whole first video with parts of the others. If the sound matches at only one offset, we propose this offset and show the evidence. If not, we tell you why.",
  },
};
const CHECK = 5000; // ms between two polls of the job while the WebSocket is connected, in case it loses messages

/**
 * @typedef {object} AlignOptions
 * @property {ReturnType<typeof import("../base/api.js").sessionUrl>} api
 * @property {() => {vods: any[]}} session
 * @property {(vodId: string) => string} letterOf
 * @property {() => {roi: any|null, game: string}} request Returns the parameters of the alignment job.
 * @property {(session: any, vodIds: string[]) => void} onApplied
 * @property {(vodId: string) => void} onDraw
 * @property {(vodId: string) => void} onHand Lets the user align a video by eye.
 * @property {boolean} [isBoxShown]
 * @property {string} applyLabel Appended to the label "Apply to B and C"; it is " and open", for
 *   example.
 * @property {boolean} [primary] True if Apply is the page's primary button.
 * @property {(state: "idle"|"running"|"done") => void} [onState]
 * @property {string} [startKey] Idempotency key of an alignment that starts automatically if there is none yet. Two
 *   tabs with the same key start one job.
 * @property {(isApplied: boolean) => void} [onResult] Receives whether all offsets were found and applied.
 */

export class AlignPanel {
  /** @type {string|null} */ #job = null;
  #furthest = new Furthest();
  /** @type {ReturnType<typeof watchJobs>|null} */ #live = null;
  /** @type {any} */ #alignment = null;
  /** @type {any} */ #state = null;
  /** Ids of the videos whose offsets the user wants to apply. @type {Set<string>} */ #chosen = new Set();
  #ended = false;
  #isApplying = false;
  #poll = 0;
  /** @type {keyof typeof METHODS} */ #method = "auto";
  /** Text for screen readers. */ #said = "";
  /** @type {View} */ #problem = null;
  /** Returns the panel's content, its main action, and its further actions. @type {() => View[]} */ #parts = () => [];
  /** @type {import("../base/view.js").Ref<HTMLElement>} */ #body = createRef();

  /**
   * @param {HTMLElement} holder
   * @param {AlignOptions} options
   * @param {string|null} latest Id of the latest alignment job.
   */
  constructor(holder, options, latest) {
    this.holder = holder;
    this.options = options;
    this.root = mount(holder);
    this.#idle();
    if (latest) this.#watch(latest);
    else if (options.startKey) this.#start(options.startKey);
  }

  refresh() {
    this.#draw();
  }

  /** @param {() => View[]} parts */
  #show(parts) {
    this.#parts = parts;
    this.#problem = null;
    this.#draw();
  }

  #draw() {
    const place = document.activeElement?.closest(".align-foot, .align-more");
    const had = place && this.holder.contains(place);
    const [body, main, ...more] = this.#parts();
    const foot = this.#parts === this.#runningParts ? [main, this.#problem] : [this.#problem, main];
    this.root(html`
      <p class="visually-hidden" role="status">${this.#said}</p>
      <div tabindex="-1" ${ref(this.#body)}>${body}</div>
      <div class="align-more" ?hidden=${!more.length}>${more}</div>
      <div class="align-foot">${foot}</div>`);
    if (had && !this.holder.contains(document.activeElement)) this.#body.value?.focus();
  }

  #idle() {
    this.options.onState?.("idle");
    this.#show(() => [
      html`<p class="pad text-small muted">${METHODS[this.#method].text}</p>`,
      this.#startView("Find offsets", true),
    ]);
  }

  /** @param {string} label @param {boolean} isMain True if the button is the panel's main action. */
  #startView(label, isMain) {
    const { request, primary, isBoxShown } = this.options;
    const isDrawn = request().roi !== null;
    const isNext = isMain && (isDrawn || this.#method !== "timer_ocr");
    const methods = /** @type {(keyof typeof METHODS)[]} */ (Object.keys(METHODS));
    return html`<div class="col">
      <span class="segmented" role="group" aria-label="Align by">
        ${methods.map(
          (name) => html`<button type="button" value=${name} aria-pressed=${name === this.#method}
            @click=${() => this.#choose(name)}>${METHODS[name].label}</button>`,
        )}
      </span>
      <button class="btn wide ${isMain ? "big" : "quiet"}${primary && isNext ? " primary" : ""}" type="button" @click=${() => this.#start()}>
        ${iconView("align")}${label}
      </button>
      ${
        isDrawn || this.#method === "audio"
          ? null
          : html`<p class="text-small faint">${
              isBoxShown ? "The dashed box is not used until you move it." : "You have not drawn a box yet."
            } Until then, the whole picture is searched for the timer. A box around the timer makes the result more
            reliable.</p>`
      }
    </div>`;
  }

  /** @param {keyof typeof METHODS} method */
  #choose(method) {
    this.#method = method;
    if (this.#job) this.#draw();
    else this.#idle();
  }

  /** @param {string} [key] Idempotency key of the request. */
  async #start(key) {
    const { roi, game } = this.options.request();
    this.#running({ status: "queued", progress: 0, message: "" });
    try {
      const { job_id: job } = await this.options.api.align({ method: this.#method, roi, game }, key);
      this.#watch(job);
    } catch (error) {
      this.#failed("The alignment could not be started.", error);
    }
  }

  /** @param {string} job */
  async #watch(job) {
    this.#unwatch();
    this.#job = job;
    this.#ended = false;
    await this.#look(job);
    if (this.#job !== job || this.#ended) return;
    // An editor's alignment is a job of the comparison's owner, whose updates the editor does not receive.
    let isForeign = false;
    const poll = (/** @type {boolean} */ isLive) => {
      clearInterval(this.#poll);
      this.#poll = window.setInterval(() => this.#look(job), isLive && !isForeign ? CHECK : POLL);
    };
    this.#live = watchJobs({
      id: job,
      onJob: (state) => this.#progress(job, state),
      onState: (state) => poll(state === "live"),
      onGone: () => {
        isForeign = true;
        poll(true);
      },
    });
  }

  #unwatch() {
    this.#live?.close();
    this.#live = null;
    clearInterval(this.#poll);
  }

  /** @param {string} job */
  async #look(job) {
    try {
      this.#progress(job, await this.options.api.alignment(job));
    } catch (error) {
      if (job === this.#job) this.#failed("The result could not be loaded.", error);
    }
  }

  /** @param {string} job @param {any} state */
  async #progress(job, state) {
    if (job !== this.#job) return;
    if (!DONE.has(state.status)) return this.#running(state);
    if (this.#ended) return;
    this.#ended = true;
    this.#unwatch();
    if (state.status !== "completed") {
      const title = state.status === "cancelled" ? "The alignment was cancelled." : "The alignment failed.";
      const why = state.error?.message ?? state.error ?? state.message;
      return this.#failed(title, null, why || "Nothing was changed.");
    }
    try {
      this.#result(job, state.proposals ? state : await this.options.api.alignment(job));
    } catch (error) {
      this.#failed("The result could not be loaded.", error);
    }
  }

  /** @param {{status: string, progress: number, message?: string, attempt?: number, seconds_left?: number}} state */
  #running(state) {
    this.options.onState?.("running");
    this.#state = state;
    if (this.#parts === this.#runningParts) return this.#draw();
    this.#furthest = new Furthest();
    this.#show(this.#runningParts);
  }

  #runningParts = () => {
    const { status, message, seconds_left: left } = this.#state;
    const progress = this.#furthest.of(this.#state);
    return [
      html`<div class="proposal">
        <div class="row">
          <span class="status run">
            ${iconView("run", "spin")}
            <span data-message="1">${message || (status === "queued" ? "Queued" : "Working")}</span>
          </span>
          <span class="spacer"></span>
          <span class="mono text-small" data-percent="1">${describeProgress(progress, left)}</span>
        </div>
        <progress class="bar" max="100" aria-label="Alignment" data-job="1" .value=${progress}></progress>
      </div>`,
      html`<button class="btn wide" type="button" @click=${() => this.#cancel()}>${iconView("x")}Cancel</button>`,
    ];
  };

  async #cancel() {
    if (!this.#job) return;
    try {
      await cancelJob(this.#job);
    } catch (error) {
      this.#problem = errorView("The alignment could not be cancelled. Try again.", error);
      this.#draw();
    }
  }

  /** @param {string} title @param {unknown} error @param {string} [why] */
  #failed(title, error, why = "") {
    this.#unwatch();
    this.#job = null;
    this.options.onState?.("idle");
    this.#said = title;
    const note = html`
      <div class="note warn">${iconView("alert")}<div><b>${title}</b><p class="text-small">${why}</p></div></div>`;
    this.#show(() => [
      html`<div class="pad">${error ? errorView(title, error) : note}</div>`,
      this.#startView("Align again", true),
    ]);
  }

  /** @param {string} job @param {any} alignment */
  #result(job, alignment) {
    this.#alignment = alignment;
    const { proposals, refused, reference, method } = alignment;
    const { letterOf, onState, onResult } = this.options;
    const vods = this.options.session().vods;
    const first = reference ?? vods[0].vod_id;
    const isApplied = (/** @type {any} */ { vod_id: id, offset }) => {
      const vod = vods.find((one) => one.vod_id === id);
      return vod.offset_source !== "manual" && Math.abs(vod.offset - offset) < 1e-5;
    };
    /** @type {any[]} */ const others = proposals.filter((/** @type {any} */ { vod_id: id }) => id !== first);
    const open = others.filter((proposal) => !isApplied(proposal));
    const refusals = listRefusals(refused);
    this.#chosen = new Set(
      proposals
        .filter((/** @type {any} */ proposal) => proposal.vod_id === first || open.includes(proposal))
        .map((/** @type {any} */ proposal) => proposal.vod_id),
    );
    onState?.(others.length ? "done" : "idle");
    onResult?.(others.length > 0 && !open.length && !refusals.length);
    this.#said = `${[
      ...others.map((proposal) => `${letterOf(proposal.vod_id)} ${open.includes(proposal) ? "proposed" : "applied"}`),
      ...refusals.map(({ vod_id }) => `${letterOf(vod_id)} refused`),
    ].join(", ")}.`;
    const choose = (/** @type {string} */ id, /** @type {boolean} */ isOn) => {
      this.#chosen[isOn ? "add" : "delete"](id);
      this.#draw();
    };
    const proposalViews = () =>
      others.map((proposal) => {
        const { vod_id: id } = proposal;
        const onChoose = open.length > 1 ? (/** @type {boolean} */ isOn) => choose(id, isOn) : null;
        return proposalView(proposal, letterOf, {
          isApplied: !open.includes(proposal),
          isChosen: this.#chosen.has(id),
          onChoose,
        });
      });
    this.#show(() => [
      html`
        <div class="proposal thin">
          <div class="row" data-letter=${letterOf(first)}>
            <span class="letter-badge">${letterOf(first)}</span>
            <span>Reference</span>
            <span class="spacer"></span>
            <span class="mono muted">0.000 s</span>
          </div>
        </div>
        ${proposalViews()} ${refusals.map((one) => refusalView(one, letterOf, this.#waysOut(one.vod_id, method)))}`,
      ...this.#resultActions(job, open.length < others.length),
    ]);
  }

  /**
   * Return the actions offered for a video whose alignment was refused.
   * @param {string} vodId
   * @param {string} method
   * @returns {import("./proposals.js").WayOut[]}
   */
  #waysOut(vodId, method) {
    const { letterOf, onDraw, onHand } = this.options;
    const letter = letterOf(vodId);
    const startBy = (/** @type {keyof typeof METHODS} */ other) => () => {
      this.#method = other;
      this.#start();
    };
    const draw = { icon: "roi", label: `Draw the timer box on ${letter}`, run: () => onDraw(vodId) };
    const bySound = { icon: "vol", label: "Align by sound", run: startBy("audio") };
    const byTimer = { icon: "clock", label: "Align by timer", run: startBy("timer_ocr") };
    const byHand = { icon: "unlink", label: `Align ${letter} by hand`, run: () => onHand(vodId) };
    const others = { timer_ocr: [draw, bySound], audio: [byTimer] }[method] ?? [draw];
    return [...others, byHand];
  }

  /** @param {string} job @param {boolean} hasApplied True if the result has offsets that are already applied. */
  #resultActions(job, hasApplied) {
    const { letterOf, session, applyLabel, primary } = this.options;
    const [reference, ...others] = session().vods.map((vod) => letterOf(vod.vod_id));
    const letters = [...this.#chosen]
      .map(letterOf)
      .filter((letter) => letter !== reference)
      .sort();
    const left = others.filter((letter) => !letters.includes(letter));
    const again = this.#startView("Align again", false);
    if (!letters.length) {
      const done = html`<p class="status ok">
        ${iconView("check")}Offsets applied. The previous offsets are in the history.
      </p>`;
      return hasApplied ? [again, done] : [again];
    }
    const [keep, them] = left.length > 1 ? ["keep their offsets", "them"] : ["keeps its offset", "it"];
    const stays = left.length ? `${left.join(" and ")} ${keep}. You can align ${them} by hand. ` : "";
    return [
      html`<button class="btn big wide${primary ? " primary" : ""}" type="button" ?disabled=${this.#isApplying}
        @click=${() => this.#apply(job)}>${iconView("check")}Apply to ${letters.join(" and ")}${applyLabel}</button>`,
      html`<p class="text-small faint">${stays}Every change is kept in the history.</p>`,
      again,
    ];
  }

  /** @param {string} job */
  async #apply(job) {
    const vodIds = [...this.#chosen];
    this.#isApplying = true;
    this.#draw();
    try {
      const { session } = await this.options.api.apply(job, vodIds);
      this.options.onApplied(session, vodIds);
      this.#result(job, this.#alignment);
    } catch (error) {
      this.#problem = errorView("The offsets were not applied.", error);
    }
    this.#isApplying = false;
    this.#draw();
  }
}

/**
 * Return the id, message and evidence of each video that the alignment refused.
 * @param {any} refused
 * @returns {{vod_id: string, message: string, evidence: any[]}[]}
 */
function listRefusals(refused) {
  if (refused?.details?.length) return refused.details;
  return (refused?.vod_ids ?? []).map((/** @type {string} */ vod_id) => ({
    vod_id,
    message: refused.message,
    evidence: [],
  }));
}
