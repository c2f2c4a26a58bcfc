// The infinite list of the library, catalogue and challenges pages, with filters in the URL.

import { debounce, readPageData, requireElement, setText } from "./dom.js";
import { formatCount } from "./format.js";
import { bind, listenForKeys } from "./keys.js";
import { errorView } from "./notice.js";
import { html, iconView, mount } from "./view.js";

export const LIMIT = 24;
const SHAPES_AFTER = 300;
const SEARCH_PAUSE = 250;
// The next page loads if the list's end is less than this many pixels below the window.
const AHEAD = 600;
// Maximum number of requests for the first page. If an item is added or removed during a request, another request
// follows.
const TRIES = 3;

/**
 * @typedef {import("./view.js").View} View
 * @typedef {{element: HTMLElement, title: HTMLElement}} ListCard
 * @typedef {{page: number, limit: number, total: number, totalPages: number}} Pagination
 * @typedef {{items: any[], pagination: Pagination}} Answer
 * @typedef {object} ListOptions
 * @property {string} path
 * @property {string} noun The singular name of an item, such as `video`.
 * @property {(part: (name: string) => string) => Record<string, any>} queryOf Reads the filters from the
 * URL's parameters.
 * @property {(query: any, page: {page: number, limit: number}, signal: AbortSignal) => Promise<Answer>} ask
 * @property {Answer|null} [first] The first page, if the server has sent it with the HTML page.
 * @property {(item: any) => ListCard} card
 * @property {(card: any) => void} [added]
 * @property {(items: any[]) => any[]} [ofThisList] Removes items created after the first page was loaded.
 * @property {(answer: Answer) => void} [begun] Receives the first page.
 * @property {() => void} [drawn] Called after each update of the counts.
 * @property {(query: any) => boolean} isNarrowed
 * @property {() => View} empty
 * @property {(query: any) => View} nothing Returns what to show if no item matches the filters.
 * @property {(query: any) => void} drawFilters Updates all filter controls except selects and the search
 * text.
 */

export class EndlessList {
  /** Cards by item id, in the order of the list. @type {Map<string, any>} */ cards = new Map();
  /** Number of matching items on the server. */ total = 0;
  isWhole = false;
  isLoading = false;
  hasFailed = false;
  #request = new AbortController();
  #isOutdated = false;
  #near = new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && !this.hasFailed && this.loadMore(),
    { rootMargin: `${AHEAD}px` },
  );
  /** @type {Promise<void>|null} */ #coming = null;

  /** @param {ListOptions} options */
  constructor(options) {
    this.options = options;
    this.grid = requireElement("[data-grid]");
    this.drawState = mount(requireElement("[data-list-state]"));
    this.more = requireElement("[data-more]");
    this.said = requireElement("[data-said]");
    this.news = requireElement("[data-news]");
    this.find = /** @type {HTMLInputElement} */ (requireElement("#find"));
    this.filters = /** @type {HTMLFormElement} */ (requireElement("[data-filters]"));
    this.query = this.queryOf(location.href);
    this.#listen();
  }

  /** Load the first page; the old cards stay until it arrives. */
  async reload() {
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    const shapes = setTimeout(
      () => !this.cards.size && this.drawState(placeholdersView(`Loading ${this.options.noun}s`)),
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

  /** @param {Answer} answer */
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

  /** If the first page is loading, request it again, because an item was added or removed. */
  outdate() {
    this.#isOutdated = true;
  }

  /** Load the next page. Concurrent calls share one request. */
  loadMore() {
    this.#coming ??= this.#askMore().finally(() => (this.#coming = null));
    return this.#coming;
  }

  async #askMore() {
    if (this.isLoading || this.isWhole) return;
    this.isLoading = true;
    this.more.setAttribute("aria-busy", "true");
    const { signal } = this.#request;
    const byHand = document.activeElement === requireElement("button", this.more);
    try {
      // When items are added or removed on the server, the pages shift. A page may then contain items that the list
      // already shows. Skip these items, and load pages until enough new items have arrived.
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
      if (!signal.aborted) this.#trouble("More items could not be loaded.", error, () => this.loadMore());
    } finally {
      if (!signal.aborted) {
        this.isLoading = false;
        this.more.removeAttribute("aria-busy");
        this.drawMore();
      }
    }
  }

  /** @param {any[]} items @returns {ListCard[]} */
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

  /** @param {any} item */
  prepend(item) {
    this.outdate();
    const card = this.#card(item);
    this.cards = new Map([[item.id, card], ...this.cards]);
    this.total += 1;
    this.grid.prepend(card.element);
    this.options.added?.(card);
    this.draw();
  }

  /** Return the id of the next item, or of the previous item at the list's end. @param {string} id @returns {string} */
  neighbour(id) {
    const element = this.cards.get(id)?.element;
    return (element?.nextElementSibling ?? element?.previousElementSibling)?.getAttribute("data-video") ?? "";
  }

  /**
   * Remove an item's card. Focus the card `next` if the user removed the item (`byHand`) or if the removed card had the
   * focus.
   * @param {string} id
   * @param {boolean} byHand
   * @param {string} [next]
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

  draw() {
    const { options, cards, total, query } = this;
    const narrowed = options.isNarrowed(query);
    setText(requireElement("[data-total]"), formatCount(total, options.noun));
    setText(
      this.said,
      cards.size
        ? `${cards.size} of ${formatCount(total, options.noun)} shown`
        : narrowed
          ? "Nothing found"
          : `No ${options.noun}s yet`,
    );
    this.drawState(cards.size ? null : narrowed ? options.nothing(query) : options.empty());
    options.drawn?.();
  }

  drawMore() {
    this.more.hidden = this.isWhole || this.hasFailed;
    if (!this.isWhole) setText(requireElement("[data-rest]", this.more), `${this.cards.size} of ${this.total}`);
    // An IntersectionObserver reports only changes. Observe again, so that pages are loaded until the window is full.
    this.#near.unobserve(this.more);
    this.#near.observe(this.more);
  }

  /**
   * Show the number of new items. They are not inserted, because cards would move under the pointer.
   * @param {number} count
   */
  offer(count) {
    this.news.hidden = count === 0;
    if (count) setText(requireElement("span", this.news), `${count} new`);
  }

  /** @returns {boolean} */
  mend() {
    if (!this.hasFailed) return false;
    this.hasFailed = false;
    this.reload();
    return true;
  }

  /** @param {string} title @param {unknown} error @param {() => void} again */
  #trouble(title, error, again) {
    this.hasFailed = true;
    this.drawState(
      errorView(title, error, () => {
        this.hasFailed = false;
        this.drawState(null);
        again();
      }),
    );
  }

  /** @param {string} address */
  queryOf(address) {
    const { searchParams } = new URL(address);
    return this.options.queryOf((name) => searchParams.get(name)?.trim() ?? "");
  }

  /** @param {Record<string, any>} change @param {boolean} [keep] */
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

  /** @param {Record<string, any>} all */
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
    requireElement("button", this.more).addEventListener("click", () => this.loadMore());
    this.news.addEventListener("click", async () => {
      await this.reload();
      [...this.cards.values()][0]?.title.focus();
    });
    listenForKeys([bind("search", () => this.find.focus())]);
    window.addEventListener("pagehide", () =>
      history.replaceState({ left: { count: this.cards.size, y: scrollY } }, ""),
    );
  }

  /** Load the list. If the user has come back to the page, restore the list's scroll position. */
  async begin() {
    const left = history.state?.left;
    this.drawFilters();
    const first = this.options.first;
    if (first?.pagination.page === 1 && first.pagination.limit === LIMIT) {
      this.show(first);
      this.drawMore();
    } else await this.reload();
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
 * @param {{videos: any[], pagination: Answer["pagination"]}} answer
 * @returns {Answer}
 */
export function toAnswer({ videos, pagination }) {
  return { items: videos, pagination };
}

/** Read the first page of the list from the HTML page; null if the server could not list it. @returns {Answer|null} */
export function readFirstAnswer() {
  const answer = readPageData("answer");
  return answer && toAnswer(answer);
}

/**
 * @param {string} search
 * @param {string} places
 * @param {string} otherwise
 * @param {() => void} clear
 * @param {View} [elsewhere]
 */
export const nothingFoundView = (search, places, otherwise, clear, elsewhere) => html`
  <div class="panel empty">
    ${iconView("search")}
    <h2 class="anywhere" dir="auto">${search ? `Nothing matches “${search}”` : "No videos match these filters"}</h2>
    <p>${search ? places : otherwise}</p>
    <div class="row wrap">
      <button class="btn" type="button" @click=${clear}>${search ? "Clear search" : "Show all videos"}</button>
      ${elsewhere}
    </div>
  </div>`;

/** @param {string} label */
const placeholdersView = (label) => html`
  <div class="grid" role="status" aria-label=${label}>
    ${Array.from(
      { length: 8 },
      () => html`<div class="col">
        <i class="skeleton wide-pic"></i><i class="skeleton"></i><i class="skeleton short"></i>
      </div>`,
    )}
  </div>`;
