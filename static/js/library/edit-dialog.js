// The dialog that edits the name, description and tags of one video.

import { ApiError } from "../base/api.js";
import { show } from "../base/dialog.js";
import { h, icon, need } from "../base/dom.js";
import { keepTyped } from "../base/drafts.js";
import { errorNote, sentences } from "../base/notice.js";
import { changeVideo, parseTags } from "../videos/api.js";

/** @typedef {import("../videos/api.js").Video} Video */

const FIELDS = /** @type {const} */ (["title", "description", "tags"]);

/**
 * @param {Video} video
 * @param {(changed: Video) => void} onChanged
 * @param {"title"|"description"|"tags"} [first] Name of the field to focus.
 */
export function editDialog(video, onChanged, first = "title") {
  const problem = h("div", {});
  const title = field(
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
  const description = field(
    "description",
    "Description",
    h("textarea", { class: "input", rows: "4", maxlength: "20000", dir: "auto" }, video.description),
  );
  const tags = field(
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
  const dialog = show(
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
  const forget = keepTyped(
    `video/${video.id}`,
    Object.fromEntries(FIELDS.map((name) => [name, /** @type {HTMLInputElement} */ (need(`#edit-${name}`, dialog))])),
  );
  const typed = /** @type {HTMLInputElement} */ (need(`#edit-${first}`, dialog));
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
    for (const name of FIELDS) tell(name, "");
    problem.replaceChildren();
    const fields = {
      title: value("title").trim(),
      description: value("description").trim(),
      tags: parseTags(value("tags")),
    };
    if (!fields.title) return tell("title", "A video needs a name.");
    save.setAttribute("aria-disabled", "true");
    try {
      const changed = await changeVideo(video.id, fields);
      forget();
      dialog.close();
      onChanged(changed);
    } catch (error) {
      refused(error);
    } finally {
      save.removeAttribute("aria-disabled");
    }
  }

  /** @param {unknown} error */
  function refused(error) {
    const errors = error instanceof ApiError && error.type === "invalid" ? error.body?.errors : null;
    const named = FIELDS.filter((name) => errors?.[name]);
    // Each call moves the focus, so the first field with an error comes last.
    for (const name of [...named].reverse()) tell(name, sentences(errors[name]));
    if (!named.length) problem.replaceChildren(errorNote("The video was not saved.", error));
  }

  /** @param {string} name */
  function value(name) {
    return /** @type {HTMLInputElement} */ (need(`#edit-${name}`, dialog)).value;
  }

  /** @param {string} name @param {string} sentence */
  function tell(name, sentence) {
    const input = need(`#edit-${name}`, dialog);
    const error = need(`#edit-${name}-error`, dialog);
    error.hidden = !sentence;
    need("span", error).textContent = sentence;
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
function field(name, label, input, hint) {
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
