// An endless list of cards: its first page and the next as they come into view, how it is narrowed and what the address
// says of that, what is shown while it is empty, loading or in trouble. What a card shows and what changes it meanwhile
// the pages of library, catalogue and challenges know.

import { debounce, h, icon, need, setText } from "./dom.js";
import { counted } from "./format.js";
import { key, listen } from "./keys.js";
import { errorNote } from "./notice.js";

export const LIMIT = 24;
const SHAPES_AFTER = 300;
const SEARCH_PAUSE = 250;
const AHEAD = 600; // pixels before the end at which the next are asked for
const TRIES = 3; // of a first page that is out of date before it comes

/**
 * @typedef {{element: HTMLElement, title: HTMLElement}} ListCard
 * @typedef {{items: any[], pagination: {page: number, limit: number, total: number, totalPages: number}}} Answer
 *
 * @typedef {object} ListOptions
 * @property {string} path of the page
 * @property {string} noun what one of them is called, such as `video`
 * @property {(part: (name: string) => string) => Record<string, any>} queryOf how an address narrows it
 * @property {(query: any, page: {page: number, limit: number}, signal: AbortSignal) => Promise<Answer>} ask
 * @property {(item: any) => ListCard} card
 * @property {(card: any) => void} [added] a card is new in the list
 * @property {(items: any[]) => any[]} [ofThisList] of a further page: what did not come since the first was read
 * @property {(answer: Answer) => void} [begun] the first page is shown
 * @property {() => void} [drawn] the numbers are told again
 * @property {(query: any) => boolean} isNarrowed
 * @property {() => HTMLElement} empty shown where there is none
 * @property {(query: any) => HTMLElement} nothing shown where none is found
 * @property {(query: any) => void} drawFilters but the selects, which are drawn here; letters that are being typed stay
 */

export class EndlessList {
  /** @type {Map<string, any>} by id, in the order of the list */ cards = new Map();
  /** How many the server has. */ total = 0;
  /** Whether the last page has been read: what is still missing then has come since. */ isWhole = false;
  isLoading = false;
  hasFailed = false;
  #request = new AbortController();
  #isOutdated = false;
  /** @type {Promise<void>|null} */ #coming = null;

  /** @param {ListOptions} options */
  constructor(options) {
    this.options = options;
    this.grid = need("[data-grid]");
    this.state = need("[data-list-state]");
    this.more = need("[data-more]");
    this.said = need("[data-said]");
    this.news = need("[data-news]");
    this.find = /** @type {HTMLInputElement} */ (need("#find"));
    this.filters = /** @type {HTMLFormElement} */ (need("[data-filters]"));
    this.query = this.queryOf(location.href);
    this.#listen();
  }

  // The list

  /** Begin it again; what is shown stays until the new one is there. */
  async reload() {
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    const shapes = setTimeout(
      () => !this.cards.size && this.state.replaceChildren(shapesOfCards(`Loading ${this.options.noun}s`)),
      SHAPES_AFTER,
    );
    this.grid.setAttribute("aria-busy", "true");
    this.isLoading = true;
    try {
      let answer;
      let tries = 0;
      do {
        this.#isOutdated = false;
        answer = await this.options.ask(this.query, { page: 1, limit: LIMIT }, signal);
      } while (this.#isOutdated && ++tries < TRIES && !signal.aborted);
      this.show(answer);
    } catch (error) {
      if (!signal.aborted) this.#trouble("The list could not be loaded.", error, () => this.reload());
    } finally {
      clearTimeout(shapes);
      if (!signal.aborted) {
        this.isLoading = false;
        this.grid.setAttribute("aria-busy", "false");
        this.drawMore();
      }
    }
  }

  /** @param {Answer} answer the first page */
  show(answer) {
    this.hasFailed = false;
    const focused = this.grid.contains(document.activeElement)
      ? /** @type {HTMLElement} */ (document.activeElement)
      : null;
    const [video, part] = [focused?.closest("[data-video]")?.getAttribute("data-video"), focused?.dataset.part];
    this.cards.clear();
    this.grid.replaceChildren();
    this.total = answer.pagination.total;
    this.isWhole = answer.pagination.totalPages <= 1;
    this.options.begun?.(answer);
    this.#add(answer.items);
    if (video && part)
      /** @type {HTMLElement|null} */ (this.cards.get(video)?.element.querySelector(`[data-part=${part}]`))?.focus();
    this.draw();
  }

  /** Something has changed: a first page that was asked for before and has not come yet is asked for again. */
  outdate() {
    this.#isOutdated = true;
  }

  /** The next ones; asked again while they come, the same. */
  loadMore() {
    this.#coming ??= this.#askMore().finally(() => (this.#coming = null));
    return this.#coming;
  }

  async #askMore() {
    if (this.isLoading || this.isWhole) return;
    this.isLoading = true;
    this.more.setAttribute("aria-busy", "true");
    const { signal } = this.#request;
    const byHand = document.activeElement === need("button", this.more);
    try {
      // What came or went meanwhile has moved the pages: the one that may hold something new is asked for, and what is
      // there already is passed over. A page that had next to nothing new is followed by another.
      /** @type {ListCard[]} */ const came = [];
      let page = Math.floor(this.cards.size / LIMIT) + 1;
      do {
        const answer = await this.options.ask(this.query, { page, limit: LIMIT }, signal);
        this.total = answer.pagination.total;
        this.isWhole = page >= answer.pagination.totalPages;
        came.push(...this.#add(this.options.ofThisList?.(answer.items) ?? answer.items));
        page += 1;
      } while (!this.isWhole && came.length < LIMIT / 2);
      if (byHand) (came[0]?.title ?? [...this.cards.values()].at(-1)?.title)?.focus();
      this.draw();
    } catch (error) {
      if (!signal.aborted) this.#trouble("The rest of the list could not be loaded.", error, () => this.loadMore());
    } finally {
      if (!signal.aborted) {
        this.isLoading = false;
        this.more.removeAttribute("aria-busy");
        this.drawMore();
      }
    }
  }

  /** @param {any[]} items @returns {ListCard[]} those that were not there */
  #add(items) {
    const made = items.filter((item) => !this.cards.has(item.id)).map((item) => this.#card(item));
    this.grid.append(...made.map((card) => card.element));
    for (const card of made) this.options.added?.(card);
    return made;
  }

  /** @param {any} item @returns {ListCard} */
  #card(item) {
    const card = this.options.card(item);
    this.cards.set(item.id, card);
    return card;
  }

  /** One that was made here stands first. @param {any} item */
  prepend(item) {
    this.outdate();
    const card = this.#card(item);
    this.cards = new Map([[item.id, card], ...this.cards]);
    this.total += 1;
    this.grid.prepend(card.element);
    this.options.added?.(card);
    this.draw();
  }

  /** @param {string} id @returns {string} what stands beside it */
  neighbour(id) {
    const element = this.cards.get(id)?.element;
    return (element?.nextElementSibling ?? element?.previousElementSibling)?.getAttribute("data-video") ?? "";
  }

  /**
   * Take one out of the list.
   * @param {string} id
   * @param {boolean} byHand whether the focus goes on to another in any case, and not only where the video had it
   * @param {string} [next] the video that has the focus then
   */
  remove(id, byHand, next = this.neighbour(id)) {
    const card = this.cards.get(id);
    const hadFocus = byHand || card?.element.contains(document.activeElement);
    if (card) {
      card.element.remove();
      this.cards.delete(id);
      this.total = Math.max(0, this.total - 1);
    }
    if (hadFocus) (this.cards.get(next)?.title ?? this.find).focus();
    if (!card) return;
    this.draw();
    this.drawMore();
  }

  /** How many there are, or why there is none. */
  draw() {
    const { options, cards, total, query } = this;
    const narrowed = options.isNarrowed(query);
    setText(need("[data-total]"), counted(total, options.noun));
    setText(
      this.said,
      cards.size
        ? `${cards.size} of ${counted(total, options.noun)} shown`
        : narrowed
          ? "Nothing found"
          : `No ${options.noun}s yet`,
    );
    this.state.replaceChildren(...(cards.size ? [] : [narrowed ? options.nothing(query) : options.empty()]));
    options.drawn?.();
  }

  drawMore() {
    this.more.hidden = this.isWhole || this.hasFailed;
    if (!this.isWhole) setText(need("[data-rest]", this.more), `${this.cards.size} of ${this.total}`);
    // An observer tells of changes only: a page that is not filled yet goes on by itself.
    if (!this.more.hidden && this.more.getBoundingClientRect().top < innerHeight + AHEAD)
      requestAnimationFrame(() => this.loadMore());
  }

  /** @param {number} count of those that came and are not shown: a list that moves by itself is pressed in the wrong place */
  offer(count) {
    this.news.hidden = count === 0;
    if (count) setText(need("span", this.news), `${count} new`);
  }

  /** Try again what has failed. @returns {boolean} whether anything had */
  mend() {
    if (!this.hasFailed) return false;
    this.hasFailed = false;
    this.reload();
    return true;
  }

  /** @param {string} title @param {unknown} error @param {() => void} again */
  #trouble(title, error, again) {
    this.hasFailed = true;
    // The list is there, old but whole: what is wrong is said above it.
    this.state.replaceChildren(
      errorNote(title, error, () => {
        this.hasFailed = false;
        this.state.replaceChildren();
        again();
      }),
    );
  }

  // Narrowing

  /** What an address narrows the list to. @param {string} address */
  queryOf(address) {
    const { searchParams } = new URL(address);
    return this.options.queryOf((name) => searchParams.get(name)?.trim() ?? "");
  }

  /** @param {Record<string, any>} change @param {boolean} [keep] whether a step back leads to what was before */
  narrow(change, keep = true) {
    this.query = { ...this.query, ...change };
    const given = new URLSearchParams(
      Object.entries(this.query)
        .filter(([, value]) => value)
        .map(([name, value]) => [name, String(value)]),
    );
    const address = `${this.options.path}${given.size ? `?${given}` : ""}`;
    if (keep) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    this.drawFilters();
    this.reload();
  }

  /** Narrow it no longer. @param {Record<string, any>} all */
  clear(all) {
    this.find.value = "";
    this.narrow(all);
    this.find.focus();
  }

  drawFilters() {
    this.options.drawFilters(this.query);
    for (const select of this.filters.querySelectorAll("select"))
      if (select.name in this.query) select.value = this.query[select.name];
  }

  // Events

  #listen() {
    this.find.addEventListener(
      "input",
      debounce(() => this.narrow({ search: this.find.value.trim() }, false), SEARCH_PAUSE),
    );
    this.filters.addEventListener("submit", (event) => event.preventDefault());
    this.filters.addEventListener("change", (event) => {
      const select = /** @type {HTMLSelectElement} */ (event.target);
      if (select.name) this.narrow({ [select.name]: select.value });
    });
    window.addEventListener("popstate", () => {
      this.query = this.queryOf(location.href);
      this.find.value = this.query.search;
      this.drawFilters();
      this.reload();
    });
    need("button", this.more).addEventListener("click", () => this.loadMore());
    const isNear = (/** @type {IntersectionObserverEntry[]} */ entries) =>
      entries.some((entry) => entry.isIntersecting);
    new IntersectionObserver((entries) => isNear(entries) && !this.hasFailed && this.loadMore(), {
      rootMargin: `${AHEAD}px`,
    }).observe(this.more);
    this.news.addEventListener("click", async () => {
      await this.reload();
      [...this.cards.values()][0]?.title.focus();
    });
    listen([{ keys: "/", label: "Search", match: key("/"), run: () => this.find.focus() }]);
    window.addEventListener("pagehide", () =>
      history.replaceState({ left: { count: this.cards.size, y: scrollY } }, ""),
    );
  }

  /** Back from a video the list is as long as it was left, and stands where it was. */
  async begin() {
    const left = history.state?.left;
    this.drawFilters();
    await this.reload();
    if (!left) return;
    for (
      let before = -1;
      before < this.cards.size && this.cards.size < left.count && !this.isWhole && !this.hasFailed;
    ) {
      before = this.cards.size;
      await this.loadMore();
    }
    scrollTo(0, left.y);
  }
}

/**
 * @param {{videos: any[], pagination: Answer["pagination"]}} answer of the API's lists of videos
 * @returns {Answer}
 */
export function listed({ videos, pagination }) {
  return { items: videos, pagination };
}

/**
 * @param {string} search what was searched for; nothing where the list is narrowed otherwise
 * @param {string} places where it was searched
 * @param {string} otherwise what is said where nothing was searched for
 * @param {() => void} clear
 * @param {HTMLElement|false|""} [elsewhere] another place to look in
 */
export function nothingFound(search, places, otherwise, clear, elsewhere = false) {
  return h(
    "div",
    { class: "panel empty" },
    icon("search"),
    h("h2", { class: "anywhere", dir: "auto" }, search ? `Nothing matches “${search}”` : "No video here"),
    h("p", {}, search ? places : otherwise),
    h(
      "div",
      { class: "row wrap" },
      h("button", { class: "btn", type: "button", onclick: clear }, search ? "Clear the search" : "Show all videos"),
      elsewhere,
    ),
  );
}

/** @param {string} label */
function shapesOfCards(label) {
  const one = () =>
    h(
      "div",
      { class: "col" },
      h("i", { class: "skeleton wide-pic" }),
      h("i", { class: "skeleton" }),
      h("i", { class: "skeleton short" }),
    );
  return h("div", { class: "grid", role: "status", "aria-label": label }, ...Array.from({ length: 8 }, one));
}
