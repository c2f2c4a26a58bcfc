// The list of connected viewers, and the button that follows or leaves the shared clock.

import { requireElement, setText } from "../base/dom.js";
import { html, mount, nothing } from "../base/view.js";

const SHOWN = 4;

/** @typedef {{name: string, role: string, following: boolean, picture?: string}} Person */

export class People {
  /** @type {Person[]} */ #people = [];
  /** Addresses of pictures that failed to load. @type {Set<string>} */ #broken = new Set();

  /** @param {HTMLElement} holder @param {{remote: import("./session-sync.js").Remote}} parts */
  constructor(holder, { remote }) {
    this.holder = holder;
    this.remote = remote;
    this.root = mount(requireElement("[data-people]", holder));
    this.button = requireElement("[data-follow]", holder);
    this.button.addEventListener("click", () => remote.follow(!remote.following));
  }

  /** @param {Person[]} people */
  show(people) {
    this.#people = people;
    this.#broken.clear();
    this.draw();
  }

  draw() {
    const { following, isReadOnly, mover } = this.remote;
    // Hide the list of viewers and the button if the user is alone and follows the shared clock. A user who may only
    // watch always sees the button: such a user must leave the shared clock before pausing.
    this.holder.hidden = this.#people.length < 2 && following && !isReadOnly;
    // Begin with the viewer who moved the clock last: a long list hides the names at its end.
    const all = this.#people.toSorted((a, b) => Number(b.name === mover) - Number(a.name === mover));
    const rest = all.slice(SHOWN);
    this.root(html`
      ${all.slice(0, SHOWN).map((person) => html`<li title=${this.#describe(person)}>${this.#faceView(person)}</li>`)}
      ${
        rest.length
          ? html`<li class="faint text-small" title=${rest.map((one) => this.#describe(one)).join(", ")}
              >+${rest.length}</li>`
          : null
      }`);
    setText(this.button, following ? "Following" : "Not following");
    this.button.title = following
      ? "Your playback follows the other viewers. Press to stop following"
      : "Your playback is independent. Press to follow the other viewers";
  }

  /** @param {Person} person */
  #describe({ name, role, following }) {
    const isMover = name === this.remote.mover;
    return `${name}, ${role}${following ? "" : ", not following"}${isMover ? ", moved the shared clock last" : ""}`;
  }

  /** @param {Person} person */
  #faceView(person) {
    const { name, following, picture } = person;
    const fail = () => {
      this.#broken.add(picture ?? "");
      this.draw();
    };
    return html`<span class="avatar small" data-apart=${following ? nothing : ""}
      data-mover=${name === this.remote.mover ? "" : nothing}>${
        picture && !this.#broken.has(picture)
          ? html`<img src=${picture} alt="" @error=${fail} />`
          : html`<span aria-hidden="true">${name.slice(0, 2).toUpperCase()}</span>`
      }<span class="visually-hidden">${this.#describe(person)}</span></span>`;
  }
}
