// The list of connected viewers, and the button that follows or leaves the shared clock.

import { h, requireElement, setText } from "../base/dom.js";

const SHOWN = 4;

/** @typedef {{name: string, role: string, following: boolean, picture?: string}} Person */

export class People {
  /** @type {Person[]} */ #people = [];

  /**
   * @param {HTMLElement} holder
   * @param {{remote: import("./session-sync.js").Remote}} parts
   */
  constructor(holder, { remote }) {
    this.holder = holder;
    this.remote = remote;
    this.list = requireElement("[data-people]", holder);
    this.button = /** @type {HTMLButtonElement} */ (requireElement("[data-follow]", holder));
    this.button.addEventListener("click", () => {
      remote.follow(!remote.following);
      this.draw();
    });
  }

  /** @param {Person[]} people */
  show(people) {
    this.#people = people;
    this.draw();
  }

  draw() {
    const { remote } = this;
    // Hide the list of viewers and the button if the user is alone and follows the shared clock. A user who may only
    // watch always sees the button: such a user must leave the shared clock before pausing.
    this.holder.hidden = this.#people.length < 2 && remote.following && !remote.isReadOnly;
    const moved = (/** @type {Person} */ person) => person.name === remote.mover;
    const said = (/** @type {Person} */ person) =>
      `${describePerson(person)}${moved(person) ? ", moved the shared clock last" : ""}`;
    // Begin with the viewer who moved the clock last: a long list hides the names at its end.
    const all = [...this.#people.filter(moved), ...this.#people.filter((person) => !moved(person))];
    const rest = all.slice(SHOWN);
    this.list.replaceChildren(
      ...all
        .slice(0, SHOWN)
        .map((person) => h("li", { title: said(person) }, createFace(person, said(person), moved(person)))),
      rest.length ? h("li", { class: "faint text-small", title: rest.map(said).join(", ") }, `+${rest.length}`) : "",
    );
    setText(this.button, remote.following ? "Following" : "Not following");
    this.button.title = remote.following
      ? "Your playback follows the other viewers. Press to stop following"
      : "Your playback is independent. Press to follow the other viewers";
  }
}

/** @param {Person} person */
function describePerson({ name, role, following }) {
  return `${name}, ${role}${following ? "" : ", not following"}`;
}

/** @param {Person} person @param {string} words @param {boolean} isMover */
function createFace(person, words, isMover) {
  const initials = h("span", { "aria-hidden": "true" }, person.name.slice(0, 2).toUpperCase());
  return h(
    "span",
    { class: "avatar small", data: { ...(person.following ? {} : { apart: "" }), ...(isMover ? { mover: "" } : {}) } },
    person.picture
      ? h("img", {
          src: person.picture,
          alt: "",
          onerror: (/** @type {Event} */ { target }) => /** @type {Element} */ (target).replaceWith(initials),
        })
      : initials,
    h("span", { class: "visually-hidden" }, words),
  );
}
