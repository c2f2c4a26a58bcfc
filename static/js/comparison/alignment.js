// The alignment panel of the set-up and comparison pages. It starts a job, shows progress and results, and applies
// confirmed offsets.

import { cancelJob } from "../base/api.js";
import { h, icon } from "../base/dom.js";
import { LiveChannel } from "../base/live-channel.js";
import { createErrorNote } from "../base/notice.js";
import { Furthest, describeProgress } from "../base/progress.js";
import { createProposalView, createRefusalView } from "./proposals.js";

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
 * @property {(isApplied: boolean) => void} [onResult] Receives whether all offsets were found and applied.
 */

export class AlignPanel {
  /** @type {string|null} */ #job = null;
  #furthest = new Furthest();
  /** @type {LiveChannel|null} */ #live = null;
  /** @type {any} */ #alignment = null;
  #ended = false;
  #poll = 0;
  /** @type {keyof typeof METHODS} */ #method = "auto";

  /**
   * @param {HTMLElement} holder
   * @param {AlignOptions} options
   * @param {string|null} latest Id of the latest alignment job.
   */
  constructor(holder, options, latest) {
    this.holder = holder;
    this.options = options;
    this.said = h("p", { class: "visually-hidden", role: "status" });
    this.body = h("div", { tabindex: "-1" });
    this.more = h("div", { class: "align-more", hidden: true });
    this.foot = h("div", { class: "align-foot" });
    holder.append(this.said, this.body, this.more, this.foot);
    this.#idle();
    if (latest) this.#watch(latest);
  }

  refresh() {
    if (!this.#job) this.#idle();
  }

  #idle() {
    this.options.onState?.("idle");
    this.body.replaceChildren(h("p", { class: "pad text-small muted" }, METHODS[this.#method].text));
    this.#actions(this.#startButton("Find offsets", "btn big wide"));
  }

  /**
   * @param {string} label
   * @param {string} look
   */
  #startButton(label, look) {
    const drawn = this.options.request().roi !== null;
    const isNext = label === "Find offsets" && (drawn || this.#method !== "timer_ocr");
    return h(
      "div",
      { class: "col" },
      this.#methods(),
      h(
        "button",
        {
          class: `${look}${this.options.primary && isNext ? " primary" : ""}`,
          type: "button",
          onclick: () => this.#start(),
        },
        icon("align"),
        label,
      ),
      drawn || this.#method === "audio"
        ? null
        : h(
            "p",
            { class: "text-small faint" },
            `${this.options.isBoxShown ? "The dashed box is not used until you move it." : "You have not drawn a box yet."} Until then, the whole picture is searched for the timer. A box around the timer makes the result more reliable.`,
          ),
    );
  }

  #methods() {
    return h(
      "span",
      { class: "segmented", role: "group", "aria-label": "Align by" },
      ...Object.entries(METHODS).map(([name, { label }]) =>
        h(
          "button",
          {
            type: "button",
            value: name,
            "aria-pressed": String(name === this.#method),
            onclick: () => this.#choose(/** @type {keyof typeof METHODS} */ (name)),
          },
          label,
        ),
      ),
    );
  }

  /** @param {keyof typeof METHODS} method */
  #choose(method) {
    this.#method = method;
    if (!this.#job) this.#idle();
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (
      this.holder.querySelectorAll(".segmented button")
    )) {
      button.setAttribute("aria-pressed", String(button.value === method));
      if (button.value === method) button.focus();
    }
  }

  async #start() {
    const { roi, game } = this.options.request();
    this.#running({ status: "queued", progress: 0, message: "" });
    try {
      const { job_id: job } = await this.options.api.align({ method: this.#method, roi, game });
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
    this.#live = new LiveChannel(`/ws/jobs/${job}/`, {
      onMessage: (message) => message.job && this.#progress(job, message.job),
      snapshot: () => this.options.api.alignment(job),
      onSnapshot: (state) => this.#progress(job, state),
      onState: (state) => {
        clearInterval(this.#poll);
        this.#poll = window.setInterval(() => this.#look(job), state === "live" ? CHECK : POLL);
      },
    });
  }

  #unwatch() {
    this.#live?.close();
    this.#live = null;
    clearInterval(this.#poll);
    this.#poll = 0;
  }

  /** @param {string} job */
  async #look(job) {
    try {
      this.#progress(job, await this.options.api.alignment(job));
    } catch (error) {
      if (job === this.#job) this.#failed("The result could not be loaded.", error);
    }
  }

  /**
   * @param {string} job
   * @param {any} state
   */
  async #progress(job, state) {
    if (job !== this.#job) return;
    if (!DONE.has(state.status)) return this.#running(state);
    if (this.#ended) return;
    this.#ended = true;
    this.#unwatch();
    if (state.status !== "completed") {
      const why = state.error?.message ?? state.error ?? state.message;
      return this.#failed(
        state.status === "cancelled" ? "The alignment was cancelled." : "The alignment failed.",
        null,
        why || "Nothing was changed.",
      );
    }
    try {
      this.#result(job, state.proposals ? state : await this.options.api.alignment(job));
    } catch (error) {
      this.#failed("The result could not be loaded.", error);
    }
  }

  /** @param {{status: string, progress: number, message?: string, attempt?: number, seconds_left?: number|null}} state */
  #running(state) {
    const { status, message } = state;
    this.options.onState?.("running");
    const text = message || (status === "queued" ? "Queued" : "Working");
    let bar = /** @type {HTMLProgressElement|null} */ (this.body.querySelector("progress[data-job]"));
    if (!bar) {
      this.#furthest = new Furthest();
      bar = /** @type {HTMLProgressElement} */ (
        h("progress", { class: "bar", max: "100", "aria-label": "Alignment", data: { job: "1" } })
      );
      this.body.replaceChildren(
        h(
          "div",
          { class: "proposal" },
          h(
            "div",
            { class: "row" },
            h("span", { class: "status run" }, icon("run", "spin"), h("span", { data: { message: "1" } })),
            h("span", { class: "spacer" }),
            h("span", { class: "mono text-small", data: { percent: "1" } }),
          ),
          bar,
        ),
      );
      this.#actions(
        h("button", { class: "btn wide", type: "button", onclick: () => this.#cancel() }, icon("x"), "Cancel"),
      );
    }
    const progress = this.#furthest.of(state);
    bar.value = progress;
    /** @type {Element} */ (this.body.querySelector("[data-message]")).textContent = text;
    /** @type {Element} */ (this.body.querySelector("[data-percent]")).textContent = describeProgress(
      progress,
      state.seconds_left,
    );
  }

  async #cancel() {
    if (!this.#job) return;
    try {
      await cancelJob(this.#job);
    } catch (error) {
      this.foot.append(createErrorNote("The alignment could not be cancelled. Try again.", error));
    }
  }

  /**
   * @param {string} title
   * @param {unknown} error
   * @param {string} [why]
   */
  #failed(title, error, why = "") {
    this.#unwatch();
    this.#job = null;
    this.options.onState?.("idle");
    this.said.textContent = title;
    this.body.replaceChildren(
      h(
        "div",
        { class: "pad" },
        error
          ? createErrorNote(title, error)
          : h(
              "div",
              { class: "note warn" },
              icon("alert"),
              h("div", {}, h("b", {}, title), h("p", { class: "text-small" }, why)),
            ),
      ),
    );
    this.#actions(this.#startButton("Align again", "btn big wide"));
  }

  /**
   * @param {string} job
   * @param {any} alignment
   */
  #result(job, alignment) {
    this.#alignment = alignment;
    const { proposals, refused, reference, method } = alignment;
    const { letterOf } = this.options;
    const vods = this.options.session().vods;
    const first = reference ?? vods[0].vod_id;
    const isApplied = (/** @type {any} */ { vod_id: id, offset }) => {
      const vod = vods.find((/** @type {any} */ one) => one.vod_id === id);
      return vod.offset_source !== "manual" && Math.abs(vod.offset - offset) < 1e-5;
    };
    const others = proposals.filter((/** @type {any} */ p) => p.vod_id !== first);
    const open = others.filter((/** @type {any} */ p) => !isApplied(p));
    this.options.onState?.(others.length ? "done" : "idle");
    const wanted = proposals.filter((/** @type {any} */ p) => p.vod_id === first || open.includes(p));
    const chosen = new Set(wanted.map((/** @type {any} */ p) => p.vod_id));
    const choose = (/** @type {string} */ id, /** @type {boolean} */ on) => {
      if (on) chosen.add(id);
      else chosen.delete(id);
      this.#resultFoot(job, [...chosen]);
    };
    const refusals = listRefusals(refused);
    this.options.onResult?.(others.length > 0 && !open.length && !refusals.length);
    this.body.replaceChildren(
      h(
        "div",
        { class: "proposal thin" },
        h(
          "div",
          { class: "row", data: { letter: letterOf(first) } },
          h("span", { class: "letter-badge" }, letterOf(first)),
          h("span", {}, "Reference"),
          h("span", { class: "spacer" }),
          h("span", { class: "mono muted" }, "0.000 s"),
        ),
      ),
      ...others.map((/** @type {any} */ p) =>
        createProposalView(p, letterOf, {
          isApplied: !open.includes(p),
          onChoose: open.length > 1 ? (on) => choose(p.vod_id, on) : null,
        }),
      ),
      ...refusals.map((r) => createRefusalView(r, letterOf, this.#waysOut(r.vod_id, method))),
    );
    this.said.textContent = `${others
      .map((/** @type {any} */ p) => `${letterOf(p.vod_id)} ${open.includes(p) ? "proposed" : "applied"}`)
      .concat(refusals.map((r) => `${letterOf(r.vod_id)} refused`))
      .join(", ")}.`;
    this.#resultFoot(job, [...chosen]);
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
    const other = { timer_ocr: "audio", audio: "timer_ocr" }[method];
    return [
      ...(method === "audio"
        ? []
        : [{ icon: "roi", label: `Draw the timer box on ${letter}`, run: () => onDraw(vodId) }]),
      ...(other
        ? [
            {
              icon: other === "audio" ? "vol" : "clock",
              label: other === "audio" ? "Align by sound" : "Align by timer",
              run: () => {
                this.#method = /** @type {keyof typeof METHODS} */ (other);
                this.#start();
              },
            },
          ]
        : []),
      { icon: "unlink", label: `Align ${letter} by hand`, run: () => onHand(vodId) },
    ];
  }

  /**
   * @param {string} job
   * @param {string[]} vodIds
   */
  #resultFoot(job, vodIds) {
    const { letterOf, session, applyLabel, primary } = this.options;
    const letters = vodIds
      .map(letterOf)
      .filter((l) => l !== letterOf(session().vods[0].vod_id))
      .sort();
    const left = session()
      .vods.slice(1)
      .map((v) => letterOf(v.vod_id))
      .filter((l) => !letters.includes(l));
    const again = this.#startButton("Align again", "btn quiet wide");
    if (!letters.length) {
      const isApplied = this.body.querySelector("[data-applied]") !== null;
      const said = h(
        "p",
        { class: "status ok" },
        icon("check"),
        "Offsets applied. The previous offsets are in the history.",
      );
      this.#actions(again, ...(isApplied ? [said] : []));
      return;
    }
    const stays = left.length
      ? `${left.join(" and ")} ${left.length > 1 ? "keep their offsets" : "keeps its offset"}. You can align ${left.length > 1 ? "them" : "it"} by hand. `
      : "";
    this.#actions(
      h(
        "button",
        {
          class: `btn big wide${primary ? " primary" : ""}`,
          type: "button",
          onclick: (/** @type {Event} */ e) =>
            this.#apply(job, vodIds, /** @type {HTMLButtonElement} */ (e.currentTarget)),
        },
        icon("check"),
        `Apply to ${letters.join(" and ")}${applyLabel}`,
      ),
      h("p", { class: "text-small faint" }, `${stays}Every change is kept in the history.`),
      again,
    );
  }

  /**
   * @param {HTMLElement} main
   * @param {...HTMLElement} more
   */
  #actions(main, ...more) {
    const had = [this.foot, this.more].some((place) => place.contains(document.activeElement));
    this.foot.replaceChildren(main);
    this.more.replaceChildren(...more);
    this.more.hidden = more.length === 0;
    if (had) this.body.focus();
  }

  /**
   * @param {string} job
   * @param {string[]} vodIds
   * @param {HTMLButtonElement} button
   */
  async #apply(job, vodIds, button) {
    button.disabled = true;
    try {
      const { session } = await this.options.api.apply(job, vodIds);
      this.said.textContent = "Applied.";
      this.options.onApplied(session, vodIds);
      this.#result(job, this.#alignment);
    } catch (error) {
      this.foot.querySelector(".note")?.remove();
      this.foot.prepend(createErrorNote("The offsets were not applied.", error));
    }
    button.disabled = false;
  }
}

/**
 * Return the id, message and evidence of each video that the alignment refused.
 * @param {any} refused
 * @returns {{vod_id: string, message: string, evidence: any[]}[]}
 */
function listRefusals(refused) {
  if (!refused) return [];
  if (refused.details?.length) return refused.details;
  return (refused.vod_ids ?? []).map((/** @type {string} */ vod_id) => ({
    vod_id,
    message: refused.message,
    evidence: [],
  }));
}
