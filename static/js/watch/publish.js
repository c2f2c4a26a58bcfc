// The dialog that copies a library video into the catalogue.

import { createCatalogueVideo, isAbort, makeVideoKey, sendFiles } from "../catalogue/api.js";
import { openDialog } from "../base/dialog.js";
import { h, icon, setText } from "../base/dom.js";
import { createErrorNote } from "../base/notice.js";
import { downloadOriginal } from "../videos/original-file.js";
import { listTracks, readTrack, storeTrack, getTrackName } from "../videos/text-tracks.js";

/** @param {import("../videos/api.js").Video} video */
export function openPublishDialog(video) {
  const problem = h("div", {});
  const bar = /** @type {HTMLProgressElement} */ (
    h("progress", { class: "bar", max: "1", value: "0", "aria-label": "Sent", hidden: true })
  );
  const said = h("p", { class: "muted text-small", role: "status" });
  const publish = h("button", { class: "btn primary", type: "button", onclick: publishVideo }, icon("film"), "Publish");
  const stop = new AbortController();
  const key = makeVideoKey();
  /** Id of the catalogue video, kept for a retry. @type {string} */ let made = "";
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "publish-heading", "aria-describedby": "publish-words" },
      h(
        "div",
        { class: "pad col" },
        h("h2", { class: "anywhere", id: "publish-heading", dir: "auto" }, `Publish “${video.title}”?`),
        h(
          "p",
          { class: "muted", id: "publish-words" },
          "The file, title, description, tags, captions and chapters are copied to the catalogue. The video in your library does not change.",
        ),
        problem,
        bar,
        said,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: () => dialog.close() }, "Cancel"),
          publish,
        ),
      ),
    ),
  );
  dialog.addEventListener("close", () => stop.abort());

  /** Copy captions and chapters; return the names of those that failed. @returns {Promise<string[]>} */
  async function copyTracks() {
    /** @type {string[]} */ const left = [];
    const tracks = await listTracks(video.id).catch(() => null);
    if (!tracks) return ["its captions and chapters"];
    for (const track of tracks) {
      if (stop.signal.aborted) break;
      const { kind, language, label } = track;
      const name = kind === "chapters" ? "its chapters" : `the captions “${getTrackName(track)}”`;
      await readTrack(track)
        .then((content) => storeTrack({ video_id: made, kind, language, label, content }))
        .catch(() => left.push(name));
    }
    return left;
  }

  async function publishVideo() {
    if (publish.getAttribute("aria-disabled") === "true") return;
    publish.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    try {
      setText(said, "Downloading the file…");
      const file = await downloadOriginal(video, stop.signal);
      if (stop.signal.aborted) return;
      const { title, description, tags } = video;
      made ||= (await createCatalogueVideo({ title, description, tags }, key)).id;
      if (stop.signal.aborted) return;
      bar.hidden = false;
      const draw = (/** @type {number} */ share) => {
        bar.value = share;
        setText(said, `Uploading, ${Math.floor(share * 100)} %`);
      };
      await sendFiles(made, { video: file }, draw, stop.signal);
      const left = await copyTracks();
      if (stop.signal.aborted) return;
      if (!left.length) return location.assign(`/catalogue/${made}/edit`);
      bar.hidden = true;
      setText(said, "");
      publish.remove();
      problem.replaceChildren(
        h(
          "p",
          { role: "alert" },
          `The video was published without ${left.join(" and ")}. Add them on the video's page: `,
          h("a", { href: `/watch/${made}` }, video.title),
          ".",
        ),
      );
    } catch (error) {
      bar.hidden = true;
      setText(said, "");
      publish.removeAttribute("aria-disabled");
      if (!isAbort(error)) problem.replaceChildren(createErrorNote("Publishing failed.", error));
    }
  }
}
