// The dialog that edits the name, description and tags of one video.

import { ApiError } from "../base/api.js";
import { openDialog } from "../base/dialog.js";
import { h, icon, requireElement } from "../base/dom.js";
import { keepTypedText } from "../base/drafts.js";
import { createErrorNote, joinSentences } from "../base/notice.js";
import { changeVideo, parseTags } from "../videos/api.js";

/** @typedef {import("../videos/api.js").Video} Video */

const FIELDS = /** @type {const} */ (["title", "description", "tags"]);

/**
 * @param {Video} video
 * @param {(changed: Video) => void} onChanged
 * @param {"title"|"description"|"tags"} [first] Name of the field to focus.
 */
export function openEditDialog(video, onChanged, first = "title") {
  const problem = h("div", {});
  const title = createField(
    "title",
    "Name",
    h("input", {
      class: "input",
      type: "text",
      maxlength: "255",
      required: true,
      autocomplete: "off",
      dir: "auto",
      value: video.title,
    }),
  );
  const description = createField(
    "description",
    "Description",
    h("textarea", { class: "input", rows: "4", maxlength: "20000", dir: "auto" }, video.description),
  );
  const tags = createField(
    "tags",
    "Tags",
    h("input", {
      class: "input",
      type: "text",
      autocomplete: "off",
      autocapitalize: "none",
      dir: "auto",
      value: video.tags.join(", "),
    }),
    "Separate tags with commas. The search finds videos by them.",
  );
  const save = h("button", { class: "btn primary" }, "Save");
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "edit-heading" },
      h(
        "form",
        { class: "pad col", novalidate: true, onsubmit: submit },
        h("h2", { id: "edit-heading" }, "Name, description and tags"),
        title,
        description,
        tags,
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: cancel }, "Cancel"),
          save,
        ),
      ),
    ),
  );
  const forget = keepTypedText(
    `video/${video.id}`,
    Object.fromEntries(
      FIELDS.map((name) => [name, /** @type {HTMLInputElement} */ (requireElement(`#edit-${name}`, dialog))]),
    ),
  );
  const typed = /** @type {HTMLInputElement} */ (requireElement(`#edit-${first}`, dialog));
  typed.focus();
  if (first === "title") typed.select();

  function cancel() {
    forget();
    dialog.close();
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (save.getAttribute("aria-disabled") === "true") return;
    for (const name of FIELDS) showFieldError(name, "");
    problem.replaceChildren();
    const fields = {
      title: getValue("title").trim(),
      description: getValue("description").trim(),
      tags: parseTags(getValue("tags")),
    };
    if (!fields.title) return showFieldError("title", "A video needs a name.");
    save.setAttribute("aria-disabled", "true");
    try {
      const changed = await changeVideo(video.id, fields);
      forget();
      dialog.close();
      onChanged(changed);
    } catch (error) {
      showRefusal(error);
    } finally {
      save.removeAttribute("aria-disabled");
    }
  }

  /** @param {unknown} error */
  function showRefusal(error) {
    const errors = error instanceof ApiError && error.type === "invalid" ? error.body?.errors : null;
    const named = FIELDS.filter((name) => errors?.[name]);
    // Each call moves the focus, so show the errors in reverse order: the first faulty field keeps the focus.
    for (const name of [...named].reverse()) showFieldError(name, joinSentences(errors[name]));
    if (!named.length) problem.replaceChildren(createErrorNote("The video was not saved.", error));
  }

  /** @param {string} name */
  function getValue(name) {
    return /** @type {HTMLInputElement} */ (requireElement(`#edit-${name}`, dialog)).value;
  }

  /** @param {string} name @param {string} sentence */
  function showFieldError(name, sentence) {
    const input = requireElement(`#edit-${name}`, dialog);
    const error = requireElement(`#edit-${name}-error`, dialog);
    error.hidden = !sentence;
    requireElement("span", error).textContent = sentence;
    if (!sentence) return input.removeAttribute("aria-invalid");
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
}

/**
 * @param {string} name
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} [hint]
 */
function createField(name, label, input, hint) {
  const id = `edit-${name}`;
  input.id = id;
  input.setAttribute("aria-describedby", `${hint ? `${id}-hint ` : ""}${id}-error`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    h("p", { class: "field-error", id: `${id}-error`, hidden: true }, icon("alert"), h("span", {})),
  );
}
