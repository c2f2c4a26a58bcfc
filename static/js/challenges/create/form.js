// The form of a new challenge: title, statements with clips, loudness, and which statement is the lie.

import { requireElement, setText } from "../../base/dom.js";
import { formatDuration } from "../../base/format.js";
import { showToast } from "../../base/notice.js";
import { formatBytes, formatRoundBytes } from "../../videos/api.js";
import { askToConfirm } from "./confirm-dialog.js";
import { inspectClip, Refused } from "./clip-info.js";
import { Recorder } from "./recorder.js";
import { Slot } from "./statement-field.js";

/**
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./draft.js").Statement} Statement
 * @typedef {{max_upload_bytes: number, least_clips: number, most_clips: number, max_text: number, max_title: number}} Facts
 */

export class Form {
  /** @type {Map<Statement, Slot>} */ #slots = new Map();
  /** Statements whose file is being checked. @type {Set<Statement>} */ #busy = new Set();
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
  constructor(root, draft, facts, { onMake, onThrowAway, say }) {
    this.root = root;
    this.draft = draft;
    this.facts = facts;
    this.hears = { onMake, onThrowAway, say };
    this.list = requireElement("[data-slots]", root);
    this.title = /** @type {HTMLInputElement} */ (requireElement("#title", root));
    this.level = /** @type {HTMLInputElement} */ (requireElement("#level", root));
    this.send = requireElement("[data-make]", root);
    this.title.addEventListener("input", () => {
      this.draft.title = this.title.value;
      showFieldError(this.title, "");
      this.#changed();
    });
    this.level.addEventListener("change", () => {
      this.draft.level = this.level.checked;
      this.#changed();
    });
    requireElement("[data-add]", root).addEventListener("click", () => this.#add());
    requireElement("[data-throw-away]", root).addEventListener("click", () => this.#throwAway());
    // Enter in a text field must not submit the form.
    root.addEventListener(
      "keydown",
      (event) =>
        event.key === "Enter" &&
        /** @type {Element} */ (event.target).matches("input:not([type=file])") &&
        event.preventDefault(),
    );
    requireElement("form", root).addEventListener("submit", (/** @type {Event} */ event) => this.#submit(event));
    this.show(draft);
  }

  /** @param {Draft} draft */
  show(draft) {
    this.draft = draft;
    this.title.value = draft.title;
    this.level.checked = draft.level;
    for (const [statement, slot] of this.#slots)
      if (!draft.statements.includes(statement)) this.#forget(statement, slot);
    this.draw();
  }

  /** @param {boolean} isWaiting */
  wait(isWaiting) {
    this.#isWaiting = isWaiting;
    this.#drawSend();
  }

  /** @param {Statement} statement */
  focus(statement) {
    this.#slots.get(statement)?.focus();
  }

  draw() {
    const { statements, lie } = this.draft;
    const { least_clips, most_clips } = this.facts;
    statements.forEach((statement, at) => {
      const slot = this.#slots.get(statement) ?? this.#make(statement);
      slot.draw(at, statements.length, least_clips, statement.id === lie, this.#busy.has(statement));
    });
    this.#order(statements.map((statement) => /** @type {Slot} */ (this.#slots.get(statement)).element));
    const add = requireElement("[data-add]", this.root);
    add.hidden = statements.length >= most_clips;
    const left = requireElement("[data-left]", this.root);
    left.hidden = add.hidden;
    setText(left, `up to ${most_clips}`);
    this.#drawSummary();
    this.#drawSend();
  }

  /** @param {HTMLElement[]} elements */
  #order(elements) {
    const focused = /** @type {HTMLElement|null} */ (document.activeElement);
    elements.forEach((element, at) => {
      if (this.list.children[at] !== element) this.list.insertBefore(element, this.list.children[at] ?? null);
    });
    if (focused?.isConnected && document.activeElement !== focused) focused.focus();
  }

  #drawSummary() {
    const { clips, statements, duration: seconds, size, isKept } = this.draft;
    const words = [
      `${clips.length} of ${statements.length} clips`,
      seconds > 0 && formatDuration(seconds),
      size > 0 && formatBytes(size),
    ];
    setText(requireElement("[data-summary]", this.root), words.filter(Boolean).join(" · "));
    setText(
      requireElement("[data-limit]", this.root),
      `Up to ${formatRoundBytes(this.facts.max_upload_bytes)} per clip.`,
    );
    requireElement("[data-not-kept]", this.root).hidden = isKept || clips.length === 0;
    requireElement("[data-throw-away]", this.root).hidden = this.draft.isEmpty;
  }

  #drawSend() {
    const off = this.#isWaiting || this.#busy.size > 0;
    if (off) this.send.setAttribute("aria-disabled", "true");
    else this.send.removeAttribute("aria-disabled");
    setText(requireElement("span", this.send), this.#isWaiting ? "Starting" : "Create challenge");
  }

  /** @param {Statement} statement */
  #make(statement) {
    const slot = new Slot(statement, this.facts.max_text, {
      onFiles: (files) => this.take(files, statement),
      onAct: (act) => this.#act(statement, act),
      onText: () => this.#changed(),
      onLie: () => {
        this.draft.lie = statement.id;
        this.#problemOfLie("");
        this.#changed();
      },
    });
    this.#slots.set(statement, slot);
    return slot;
  }

  /** @param {Statement} statement @param {Slot} slot */
  #forget(statement, slot) {
    slot.end();
    this.#slots.delete(statement);
    this.#busy.delete(statement);
  }

  #changed() {
    this.draft.changed();
    this.draw();
  }

  // Statements

  #add() {
    const statement = this.draft.add();
    this.#changed();
    this.focus(statement);
    this.hears.say(`Statement ${this.draft.statements.length} added.`);
  }

  /** @param {Statement} statement @param {import("./statement-field.js").SlotAct} act */
  async #act(statement, act) {
    const at = this.draft.statements.indexOf(statement);
    const slot = /** @type {Slot} */ (this.#slots.get(statement));
    if (act === "record") return this.#record(statement);
    if (slot[act].getAttribute("aria-disabled") === "true") return this.hears.say(slot[act].title);
    if (act === "remove") return this.#remove(statement, at);
    this.draft.move(statement, act === "up" ? -1 : 1);
    this.draw();
    slot[act].focus();
    slot.element.scrollIntoView({ block: "nearest" });
    this.hears.say(`Moved. This is now statement ${at + (act === "up" ? 0 : 2)}.`);
  }

  /** @param {Statement} statement @param {number} at */
  async #remove(statement, at) {
    // Ask before removing a recording, because it has no other copy. A file can be chosen again.
    if (
      statement.clip?.isRecorded &&
      !(await askToConfirm({
        title: `Remove statement ${at + 1}?`,
        text: "This also deletes the recording, which exists only in this browser.",
        keep: "Cancel",
        act: "Remove",
      }))
    )
      return;
    const slot = /** @type {Slot} */ (this.#slots.get(statement));
    this.draft.remove(statement);
    this.#forget(statement, slot);
    this.draw();
    const next = this.draft.statements[Math.min(at, this.draft.statements.length - 1)];
    this.#slots.get(next)?.element.focus();
    this.hears.say(`Statement ${at + 1} removed.`);
  }

  /** @param {Statement} statement */
  #record(statement) {
    const at = this.draft.statements.indexOf(statement);
    new Recorder(at + 1, statement.text.trim(), (blob, seconds) =>
      this.#set(statement, blob, `recording ${formatClock(new Date())}`, seconds),
    );
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
    if (left)
      showToast(
        `A challenge can have at most ${most_clips} statements, so ${left === 1 ? "1 file was" : `${left} files were`} not added.`,
        "warn",
      );
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
      const { duration: length, plays } = await inspectClip(blob, this.facts.max_upload_bytes, seconds);
      if (draft.statements.includes(statement))
        await draft.setClip(statement, {
          name,
          type: blob.type,
          size: blob.size,
          duration: length,
          plays,
          isRecorded: seconds > 0,
          blob,
        });
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
    if (this.#busy.size) return this.hears.say("A file is still being checked. Try again in a moment.");
    const { title, statements } = this.draft;
    showFieldError(this.title, title.trim() ? "" : "Enter a title. Players see it in the list of challenges.");
    for (const statement of statements) {
      const lacks = !statement.clip?.blob && !statement.problem;
      if (lacks)
        statement.problem =
          statements.length > this.facts.least_clips
            ? "Choose a clip, record one, or remove this statement."
            : "Choose a clip, or record one.";
    }
    this.draw();
    const without = statements.find(({ clip, problem }) => problem || !clip?.blob);
    this.#problemOfLie(this.draft.lie ? "" : "Choose which statement is the lie.");
    if (!title.trim()) return this.title.focus();
    if (without) return this.focus(without);
    if (!this.draft.lie) return /** @type {Slot} */ (this.#slots.get(statements[0])).lie.focus();
    this.hears.onMake();
  }

  /** @param {string} text */
  #problemOfLie(text) {
    const place = requireElement("#lie-problem", this.root);
    place.hidden = !text;
    setText(requireElement("span", place), text);
  }

  async #throwAway() {
    const isRecorded = this.draft.clips.some((clip) => clip.isRecorded);
    const text = isRecorded
      ? "This deletes the clips and texts from this browser. Clips that you recorded here cannot be recovered."
      : "This deletes the clips and texts from this browser. The files that you chose stay on your device.";
    if (await askToConfirm({ title: "Discard this challenge?", text, keep: "Cancel", act: "Discard" }))
      this.hears.onThrowAway();
  }
}

/**
 * Show an error message at a field; an empty message removes the error.
 * @param {HTMLInputElement} input
 * @param {string} sentence
 */
function showFieldError(input, sentence) {
  const problem = requireElement(`#${input.id}-problem`);
  problem.hidden = !sentence;
  setText(requireElement("span", problem), sentence);
  if (sentence) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

/** Format a time of day like `14.06.09`. @param {Date} date @returns {string} */
function formatClock(date) {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, "0")).join(".");
}
