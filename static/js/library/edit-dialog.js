// The dialog that edits the name, description and tags of one video.

import { openFormDialog } from "../base/form-dialog.js";
import { changeVideo, parseTags } from "../videos/api.js";

/** @typedef {import("../videos/api.js").Video} Video */

/**
 * @param {Video} video
 * @param {(changed: Video) => void} onChanged
 * @param {"title"|"description"|"tags"} [first] Name of the field to focus.
 */
export function openEditDialog(video, onChanged, first = "title") {
  openFormDialog({
    id: "edit",
    heading: "Name, description and tags",
    draft: `video/${video.id}`,
    fields: [
      { name: "title", label: "Name", value: video.title, maxlength: 255, missing: "Enter a name." },
      { name: "description", label: "Description", value: video.description, maxlength: 20_000, rows: 4 },
      {
        name: "tags",
        label: "Tags",
        value: video.tags.join(", "),
        isPlain: true,
        hint: "Separate tags with commas. You can also search for videos by their tags.",
      },
    ],
    focus: first,
    selects: first === "title",
    send: ({ title, description, tags }) =>
      changeVideo(video.id, pickChanged({ title, description, tags: parseTags(tags) }, video)),
    onDone: onChanged,
    failed: "The changes could not be saved.",
  });
}

/**
 * Return the fields that the user has changed, so that another tab's changes of the other fields are kept.
 * @param {{title: string, description: string, tags: string[]}} fields
 * @param {Video} video
 */
function pickChanged(fields, video) {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(/** @type {any} */ (video)[name]),
    ),
  );
}
