// The form of a new challenge: title, statements with clips, loudness, and which statement is the lie.

import { requireElement, setText } from "../../base/dom.js";
import { formatDuration } from "../../base/format.js";
import { showToast } from "../../base/notice.js";
import { mount, repeat } from "../../base/view.js";
import { formatBytes, formatRoundBytes } from "../../videos/api.js";
import { inspectClip, Refused } from "./clip-info.js";
import { askToConfirm } from "./confirm-dialog.js";
import { Recorder } from "./recorder.js";
import { slotView } from "./statement-field.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./draft.js").Statement} Statement
 * @typedef {{max_upload_bytes: number, least_clips: number, most_clips: number, max_text: number}} Facts
 */

export class Form {
  /** Statements whose file is being checked. @type {Set<Statement>} */ #busy = new Set();
  /** URLs of the clips that are shown. @type {Map<Blob, string>} */ #addresses = new Map();
  #isWaiting = false;

  /**
   * @param {HTMLElement} root
   * @param {Draft} draft
   * @param {Facts} facts
   * @param {object} hears
   * @param {() => void} hears.onMake
   * @param {() => void} hears.onThrowAway Runs once the user has confirmed to discard the draft.
   * @param {(text: string) => void} hears.say Announces a text to screen readers.
   */
  constructor(root, draft, facts, hears) {
    this.root = root;
    this.draft = draft;
    this.facts = facts;
    this.hears = hears;
    this.list = /** @type {HTMLElement} */ (requireElement("[data-slots]", root));
    this.render = mount(this.list);
    this.title = /** @type {HTMLInputElement} */ (requireElement("#title", root));
    this.level = /** @type {HTMLInputElement} */ (requireElement("#level", root));
    this.title.addEventListener("input", () => {
      this.draft.title = this.title.value;
      this.#showTitleError("");
      this.#changed();
    });
    this.level.addEventListener("change", () => {
      this.draft.level = this.level.checked;
      this.#changed();
    });
    setText(this.#find("limit"), `Up to ${formatRoundBytes(facts.max_upload_bytes)} per clip.`);
    setText(this.#find("left"), `up to ${facts.most_clips}`);
    this.#find("add").addEventListener("click", () => this.#add());
    this.#find("throw-away").addEventListener("click", () => this.#throwAway());
    // Enter in a text field must not submit the form.
    root.addEventListener("keydown", (event) => {
      const input = /** @type {Element} */ (event.target);
      if (event.key === "Enter" && input.matches("input:not([type=file])")) event.preventDefault();
    });
    requireElement("form", root).addEventListener("submit", (/** @type {Event} */ event) => this.#submit(event));
    this.show(draft);
  }

  /** @param {string} part @returns {HTMLElement} */
  #find(part) {
    return requireElement(`[data-${part}]`, this.root);
  }

  /** @param {Draft} draft */
  show(draft) {
    this.draft = draft;
    this.title.value = draft.title;
    this.level.checked = draft.level;
    this.draw();
  }

  /** @param {boolean} isWaiting */
  wait(isWaiting) {
    this.#isWaiting = isWaiting;
    this.draw();
  }

  /** Focus the statement's text, or its file field if it needs a clip. @param {Statement} statement */
  focus(statement) {
    const type = statement.clip && !statement.problem ? "text" : "file";
    const slot = this.list.children[this.draft.statements.indexOf(statement)];
    /** @type {HTMLElement|null} */ (slot?.querySelector(`input[type=${type}]`))?.focus();
  }

  draw() {
    const { statements, clips, duration, size, isKept, isEmpty } = this.draft;
    const focused = document.activeElement;
    const slot = /** @type {HTMLElement|null|undefined} */ (focused?.closest("[data-slot]"));
    const getId = (/** @type {Statement} */ { id }) => id;
    this.render(repeat(statements, getId, (statement) => slotView(this, statement)));
    if (!focused?.isConnected) slot?.focus();
    for (const [blob, address] of this.#addresses) {
      if (clips.some((clip) => clip.blob === blob)) continue;
      URL.revokeObjectURL(address);
      this.#addresses.delete(blob);
    }
    this.#find("add").hidden = this.#find("left").hidden = statements.length >= this.facts.most_clips;
    const words = [
      `${clips.length} of ${statements.length} clips`,
      duration > 0 && formatDuration(duration),
      size > 0 && formatBytes(size),
    ];
    setText(this.#find("summary"), words.filter(Boolean).join(" · "));
    this.#find("not-kept").hidden = isKept || clips.length === 0;
    this.#find("throw-away").hidden = isEmpty;
    const send = this.#find("make");
    if (this.#isWaiting || this.#isBusy) send.setAttribute("aria-disabled", "true");
    else send.removeAttribute("aria-disabled");
    setText(requireElement("span", send), this.#isWaiting ? "Starting" : "Create challenge");
  }

  /** Return the URL of a statement's clip; empty if this browser cannot play it. @param {Statement} statement */
  getAddress({ clip }) {
    if (!clip?.blob || !clip.plays) return "";
    const address = this.#addresses.get(clip.blob) ?? URL.createObjectURL(clip.blob);
    this.#addresses.set(clip.blob, address);
    return address;
  }

  get #isBusy() {
    return this.draft.statements.some((statement) => this.isChecking(statement));
  }

  /** Return whether the page checks a file for a statement. @param {Statement} statement */
  isChecking(statement) {
    return this.#busy.has(statement);
  }

  /** @param {Statement} statement @param {string} text */
  setText(statement, text) {
    statement.text = text;
    this.#changed();
  }

  /** @param {Statement} statement */
  setLie({ id }) {
    this.draft.lie = id;
    this.#showError("lie", "");
    this.#changed();
  }

  #changed() {
    this.draft.saveNow();
    this.draw();
  }

  // Statements

  #add() {
    const statement = this.draft.add();
    this.#changed();
    this.focus(statement);
    this.hears.say(`Statement ${this.draft.statements.length} added.`);
  }

  /** @param {Statement} statement @param {"up"|"down"|"remove"|"record"} act */
  act(statement, act) {
    const at = this.draft.statements.indexOf(statement);
    if (act === "record") {
      new Recorder(at + 1, statement.text.trim(), (blob, seconds) => {
        const time = new Date().toLocaleTimeString("en-GB").replaceAll(":", ".");
        this.#set(statement, blob, `recording ${time}`, seconds);
      });
      return;
    }
    const slot = this.list.children[at];
    const button = /** @type {HTMLElement} */ (requireElement(`[data-act=${act}]`, slot));
    if (button.getAttribute("aria-disabled") === "true") return this.hears.say(button.title);
    if (act === "remove") return void this.#remove(statement, at);
    this.draft.move(statement, act === "up" ? -1 : 1);
    this.draw();
    button.focus();
    slot.scrollIntoView({ block: "nearest" });
    this.hears.say(`Moved. This is now statement ${at + (act === "up" ? 0 : 2)}.`);
  }

  /** @param {Statement} statement @param {number} at */
  async #remove(statement, at) {
    // Ask before removing a recording or a text, because they have no other copy. A file can be chosen again.
    const lost = [statement.text.trim() && "text", statement.clip?.isRecorded && "recording"].filter(Boolean);
    const text = `This also deletes the ${lost.join(" and the ")}, which cannot be restored.`;
    if (lost.length && !(await askToConfirm({ title: `Remove statement ${at + 1}?`, text, act: "Remove" }))) return;
    this.draft.remove(statement);
    this.draw();
    const next = Math.min(at, this.draft.statements.length - 1);
    /** @type {HTMLElement} */ (this.list.children[next]).focus();
    this.hears.say(`Statement ${at + 1} removed.`);
  }

  // Clips

  /**
   * Assign the first file to the statement `first`, and the other files to statements without a clip.
   * @param {File[]} files
   * @param {Statement|null} [first]
   */
  take(files, first = null) {
    const { most_clips } = this.facts;
    let left = 0;
    for (const [n, file] of files.entries()) {
      const free = this.draft.statements.find((one) => one !== first && !one.clip && !this.#busy.has(one));
      const statement =
        (n === 0 && first) || free || (this.draft.statements.length < most_clips ? this.draft.add() : null);
      if (statement) this.#set(statement, file, file.name);
      else left += 1;
    }
    const rest = left === 1 ? "1 file was" : `${left} files were`;
    if (left) showToast(`A challenge can have at most ${most_clips} statements, so ${rest} not added.`, "warn");
    this.#changed();
  }

  /**
   * @param {Statement} statement
   * @param {Blob} blob
   * @param {string} name
   * @param {number} [seconds] Duration in seconds of a recording made on this page; 0 for a file.
   */
  async #set(statement, blob, name, seconds = 0) {
    if (this.#busy.has(statement)) return;
    this.#busy.add(statement);
    const before = statement.clip ? statement.problem : "";
    statement.problem = "";
    this.draw();
    const { draft } = this;
    try {
      const { duration, plays } = await inspectClip(blob, this.facts.max_upload_bytes, seconds);
      const { type, size } = blob;
      if (draft.statements.includes(statement))
        await draft.setClip(statement, { name, type, size, duration, plays, isRecorded: seconds > 0, blob });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const said = `“${name}”: ${error.message}`;
      // If the new file is refused, the statement keeps its previous clip.
      if (statement.clip?.blob && !before) showToast(`${said} The previous clip is kept.`, "bad");
      else statement.problem = said;
      if (statement.problem) this.hears.say(said);
    } finally {
      this.#busy.delete(statement);
      this.draw();
    }
  }

  // Submission

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    if (this.#isWaiting) return;
    if (this.#isBusy) return this.hears.say("A file is still being checked. Try again in a moment.");
    const { title, statements, lie } = this.draft;
    this.#showTitleError(title.trim() ? "" : "Enter a title. Players see it in the list of challenges.");
    const advice =
      statements.length > this.facts.least_clips
        ? "Choose a clip, record one, or remove this statement."
        : "Choose a clip, or record one.";
    for (const statement of statements) if (!statement.clip?.blob) statement.problem ||= advice;
    this.draw();
    const faulty = statements.find(({ problem }) => problem);
    this.#showError("lie", lie ? "" : "Choose which statement is the lie.");
    if (!title.trim()) return this.title.focus();
    if (faulty) return this.focus(faulty);
    if (!lie) return requireElement("input[type=radio]", this.list).focus();
    this.hears.onMake();
  }

  /** Show an error, or remove it if `text` is empty. @param {"title"|"lie"} field @param {string} text */
  #showError(field, text) {
    const place = requireElement(`#${field}-problem`, this.root);
    place.hidden = !text;
    setText(requireElement("span", place), text);
  }

  /** @param {string} text */
  #showTitleError(text) {
    this.#showError("title", text);
    if (text) this.title.setAttribute("aria-invalid", "true");
    else this.title.removeAttribute("aria-invalid");
  }

  async #throwAway() {
    const isRecorded = this.draft.clips.some((clip) => clip.isRecorded);
    const text = isRecorded
      ? "This deletes the clips and texts from this browser. Clips that you recorded here cannot be recovered."
      : "This deletes the clips and texts from this browser. The files that you chose stay on your device.";
    if (await askToConfirm({ title: "Discard this challenge?", text, act: "Discard" })) this.hears.onThrowAway();
  }
}
