// Copies of videos, made on request. Quick copies have many keyframes for scrubbing. Silent copies have no sound track.
// Muted panes play silent copies, because browsers time the pictures of a video with sound by its audio clock.

import { ApiError, callApi } from "../base/api.js";
import { requireElement, setText } from "../base/dom.js";
import { formatPercent } from "../base/format.js";
import { explainError } from "../base/notice.js";
import { html, mount } from "../base/view.js";

const LOOK = 2_000; // ms between two polls of a copy's job
const LIVE = new Set(["queued", "processing", "waiting", "paused"]);
const COOKIE = "copies";
const DECLINED = "vod-copies-declined"; // session storage key; set once the user declined quick copies
const YEAR = 31_536_000;
const MAKING = "Making a copy that this browser can play.";
const NOT_MINE = "This browser cannot play the video. The video's owner can make a copy that this browser can play.";

/**
 * @typedef {object} Copy
 * @property {string} vod_id
 * @property {string} video_id
 * @property {boolean} mine True if the viewer may request copies of the video.
 * @property {string} stream_url
 * @property {string|null} proxy_url
 * @property {string|null} silent_url
 */

export class Copies {
  /** Jobs that are making copies, by `vod_id`. @type {Map<string, {id: string, kind: string}>} */ #jobs = new Map();
  /** Ids of videos that this browser cannot play. @type {Set<string>} */ #unplayable = new Set();
  /** @type {string|null} */ #trouble = null;
  #progress = 0;
  #isAsking = false;
  #isWatching = false;

  /**
   * @param {HTMLElement} holder
   * @param {HTMLElement} offer
   * @param {Copy[]} copies
   * @param {import("./playback/controller.js").SyncController} controller
   * @param {(vod: string, remedy: string) => void} tell Show a notice about a video that cannot be played.
   */
  constructor(holder, offer, copies, controller, tell) {
    this.tell = tell;
    this.holder = holder;
    this.root = mount(holder);
    this.offer = offer;
    this.copies = copies;
    this.controller = controller;
    this.quick = !document.cookie.split("; ").includes(`${COOKIE}=full`);
    /** @type {Map<string, string>} */ this.playing = new Map(copies.map((c) => [c.vod_id, this.#atFirst(c)]));
    this.#show();
    controller.addEventListener("arrived", () => this.#offer());
    requireElement("[data-copies-yes]", offer).addEventListener("click", () => {
      if (this.#able.length) this.make();
      else this.choose(true);
    });
    requireElement("[data-copies-no]", offer).addEventListener("click", () => {
      this.#hideOffer();
      sessionStorage.setItem(DECLINED, "yes");
    });
  }

  /** Videos that lack a quick copy and for which the viewer may request one. */
  get #able() {
    return this.copies.filter((copy) => !copy.proxy_url && copy.mine);
  }

  #offer() {
    const isPlayedInFull = !this.quick && this.copies.some((copy) => copy.proxy_url);
    if (this.#jobs.size || !this.controller.seeks.areSlow || sessionStorage.getItem(DECLINED)) return;
    if (!this.#able.length && !isPlayedInFull) return;
    const label = this.#able.length ? "Make quick copies" : "Play the quick copies";
    setText(requireElement("[data-copies-yes]", this.offer), label);
    this.offer.hidden = false;
  }

  #hideOffer() {
    // Move the focus before hiding the offer: a hidden element with focus would receive all keys.
    if (this.offer.contains(document.activeElement)) requireElement("[data-lanes]").focus();
    this.offer.hidden = true;
    this.controller.seeks.forget();
  }

  /** @param {Copy} copy */
  #atFirst(copy) {
    return this.quick && copy.proxy_url ? copy.proxy_url : copy.stream_url;
  }

  /** Return the address that a video's pane should play now: quick copy, silent copy or original. @param {Copy} copy */
  #wanted(copy) {
    if (copy.proxy_url && (this.quick || this.#unplayable.has(copy.vod_id))) return copy.proxy_url;
    const heard = this.controller.audibleId === copy.vod_id;
    return !heard && copy.silent_url ? copy.silent_url : copy.stream_url;
  }

  apply() {
    let changed = false;
    for (const copy of this.copies) {
      const wanted = this.#wanted(copy);
      if (wanted === this.playing.get(copy.vod_id)) continue;
      this.playing.set(copy.vod_id, wanted);
      this.controller.tracks.find((t) => t.id === copy.vod_id)?.reload(wanted);
      changed = true;
    }
    if (changed) this.controller.seek(this.controller.time);
  }

  /** @param {boolean} quick */
  choose(quick) {
    this.#hideOffer();
    this.quick = quick;
    document.cookie = `${COOKIE}=${quick ? "quick" : "full"}; path=/; max-age=${YEAR}; samesite=lax`;
    this.apply();
    this.#show();
  }

  async make() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#hideOffer();
    this.#trouble = null;
    /** @type {HTMLDetailsElement} */ (this.holder.closest("details")).open = true; // shows the progress
    try {
      for (const copy of this.#able) {
        const answer = await callApi("POST", `/api/v1/library/${copy.video_id}/renditions`, { kind: "proxy" });
        if (answer.rendition) copy.proxy_url = answer.rendition.url;
        else this.#jobs.set(copy.vod_id, { id: answer.job_id, kind: "proxy" });
      }
    } catch (error) {
      this.#trouble = explainError(error);
    } finally {
      this.#isAsking = false;
      this.#show();
      this.#watch();
    }
  }

  /**
   * Replace a video that this browser cannot play with a copy. If no copy exists yet, request one; only the video's
   * owner may do this.
   * @param {string} vod
   */
  async recover(vod) {
    const copy = this.copies.find((c) => c.vod_id === vod);
    if (!copy || this.#jobs.has(vod)) return;
    try {
      // Status 409 means that the server is still preparing the video.
      const found = await fetch(copy.stream_url, { method: "HEAD" }).catch(() => null);
      const isPending = found?.status === 409;
      if (!found?.ok && !isPending) return; // stop: the video is deleted or the server is unreachable
      if (!isPending) this.#unplayable.add(vod);
      if (!isPending && copy.proxy_url) return this.apply();
      if (!copy.mine) {
        if (isPending) setTimeout(() => this.#reload(copy), LOOK);
        return this.tell(vod, isPending ? MAKING : NOT_MINE);
      }
      const kind = isPending ? "normalized" : "proxy";
      const answer = await callApi("POST", `/api/v1/library/${copy.video_id}/renditions`, { kind });
      if (answer.rendition) return this.#take(copy, kind, answer.rendition.url);
      this.#jobs.set(vod, { id: answer.job_id, kind });
      this.tell(vod, MAKING);
      this.#watch();
    } catch (error) {
      this.tell(vod, `This browser cannot play the video, and a copy could not be made. ${explainError(error)}`);
    }
  }

  /** @param {Copy} copy @param {string} kind @param {string|null} url */
  #take(copy, kind, url) {
    this.tell(copy.vod_id, "");
    if (kind === "proxy") {
      copy.proxy_url = url;
      this.apply();
    } else this.#reload(copy);
  }

  /** @param {Copy} copy */
  #reload(copy) {
    this.controller.tracks.find((t) => t.id === copy.vod_id)?.reload(copy.stream_url);
    this.controller.seek(this.controller.time);
  }

  async #watch() {
    if (this.#isWatching) return;
    this.#isWatching = true;
    let total = 0;
    this.#progress = 0;
    while (this.#jobs.size) {
      await new Promise((done) => setTimeout(done, LOOK));
      try {
        total = Math.max(total, this.#jobs.size);
        let share = total - this.#jobs.size;
        for (const [vod, { id, kind }] of this.#jobs) {
          const job = await fetchJob(id);
          const isLive = LIVE.has(job.status);
          if (isLive) share += job.progress / 100;
          if (kind !== "proxy" || this.#unplayable.has(vod))
            this.tell(vod, isLive ? `${MAKING} ${formatPercent(job.progress)}` : "");
          if (!isLive) await this.#ended(vod, job, kind);
        }
        this.#progress = Math.max(this.#progress, Math.floor((100 * share) / Math.max(1, total)));
      } catch (error) {
        this.#trouble = explainError(error);
      }
      this.#show();
    }
    this.#isWatching = false;
  }

  /** @param {string} vod @param {any} job @param {string} kind */
  async #ended(vod, job, kind) {
    this.#jobs.delete(vod);
    const copy = this.copies.find((c) => c.vod_id === vod);
    if (!copy) return;
    if (job.status !== "completed") {
      this.#trouble = job.error?.message ?? "A copy of the video for fast seeking could not be made.";
      return;
    }
    if (kind !== "proxy") return this.#reload(copy);
    const answer = await callApi("POST", `/api/v1/library/${copy.video_id}/renditions`, { kind });
    if (this.#unplayable.has(vod)) return this.#take(copy, kind, answer.rendition?.url ?? null);
    const isPlayed = this.copies.some((c) => c.proxy_url !== null && c.proxy_url === this.playing.get(c.vod_id));
    copy.proxy_url = answer.rendition?.url ?? null;
    // Switch to the new quick copy only if a pane already plays a quick copy. Otherwise, the switch would interrupt
    // playback although the user did not ask for it.
    if (!isPlayed) this.quick = false;
    else this.apply();
  }

  #show() {
    const isMaking = this.#jobs.size > 0;
    const hasToggle = !isMaking && this.copies.some((copy) => copy.proxy_url);
    const canMake = !isMaking && this.#able.length > 0;
    const hadFocus = this.holder.contains(document.activeElement);
    this.root(html`
      ${
        isMaking
          ? html`<p class="text-small muted" role="status">
                Making quick copies for fast seeking, ${this.#progress} %. You can continue working.
              </p>
              <progress class="bar" max="100" aria-label="Making quick copies for fast seeking"
                .value=${this.#progress}></progress>`
          : null
      }
      ${
        hasToggle
          ? html`<button class="btn" type="button" aria-pressed=${this.quick} title="Small copies for fast seeking"
              @click=${() => this.choose(!this.quick)}>Quick copies</button>`
          : null
      }
      ${
        canMake
          ? html`<button class="btn quiet" type="button" @click=${() => this.make()}
              title="Small copies for fast seeking. The original videos do not change"
              >Make quick copies for fast seeking</button>`
          : null
      }
      ${this.#trouble ? html`<p class="text-small muted" role="alert">${this.#trouble}</p>` : null}`);
    this.holder.hidden = !isMaking && !hasToggle && !canMake && !this.#trouble;
    if (hadFocus && !this.holder.contains(document.activeElement)) this.holder.querySelector("button")?.focus();
  }
}

/** Return the state of a job; a missing job counts as failed. @param {string} id @returns {Promise<any>} */
async function fetchJob(id) {
  try {
    return await callApi("GET", `/api/v1/jobs/${id}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { status: "failed", error: null };
    throw error;
  }
}
