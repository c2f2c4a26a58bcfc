// Sources of videos and sounds other than the user's disk: the library and the microphone.

import { ApiError } from "../base/api.js";
import { h, icon, setText } from "../base/dom.js";
import { openDialog } from "../base/dialog.js";
import { formatDuration } from "../base/format.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { listVideos } from "../videos/api.js";
import { createPoster } from "../videos/thumbnail.js";

/** @typedef {import("../videos/api.js").Video} Video */

export const WAV_RATE = 192_000; // bytes per second of a stereo WAV file at 48 kHz and 16 bits

const AT_ONCE = 60; // maximum number of listed videos; a search finds others
const TYPING = 250; // ms after the last key before the search starts
const WAV_HEADER = 44; // bytes of a WAV header
const FULL_SCALE = 32_767; // maximum value of a 16-bit sample

/**
 * Open a dialog to choose a library video; `fits` filters the videos.
 * @param {object} about
 * @param {string} about.heading
 * @param {(video: Video) => boolean} [about.fits]
 * @param {(video: Video, signal: AbortSignal) => Promise<File>} about.get
 * @param {(file: File) => void} about.take
 */
export function chooseFromLibrary({ heading, fits = () => true, get, take }) {
  const search = /** @type {HTMLInputElement} */ (
    h("input", { class: "input", type: "search", "aria-label": "Search your videos", placeholder: "Title or tag" })
  );
  const list = h("ul", { class: "library-choice", "aria-label": "Your videos" });
  const said = h("p", { class: "muted", role: "status" });
  const problem = h("div", {});
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog", "aria-labelledby": "choose-heading" },
      h(
        "div",
        { class: "pad col" },
        h("h2", { id: "choose-heading" }, heading),
        search,
        problem,
        said,
        list,
        h(
          "div",
          { class: "row end" },
          h("button", { class: "btn", type: "button", onclick: () => dialog.close() }, "Cancel"),
        ),
      ),
    ),
  );
  const stop = new AbortController();
  dialog.addEventListener("close", () => stop.abort());
  let typing = 0;
  search.addEventListener("input", () => {
    window.clearTimeout(typing);
    typing = window.setTimeout(findVideos, TYPING);
  });
  findVideos();

  async function findVideos() {
    const words = search.value.trim();
    try {
      const { videos } = await listVideos({ search: words, status: "ready", limit: AT_ONCE });
      if (search.value.trim() !== words) return;
      const found = videos.filter(fits);
      list.replaceChildren(...found.map(createChoice));
      setText(
        said,
        found.length ? "" : words ? "No videos match." : "Your library has no video that you can use here.",
      );
    } catch (error) {
      problem.replaceChildren(createErrorNote("Your videos could not be loaded.", error, findVideos));
    }
  }

  /** @param {Video} video */
  function createChoice(video) {
    return h(
      "li",
      {},
      h(
        "button",
        { class: "btn quiet", type: "button", onclick: () => chooseVideo(video) },
        h("span", { class: "choice-picture" }, createPoster(video.poster_url)),
        h("span", { class: "spacer anywhere", dir: "auto" }, video.title),
        h("span", { class: "mono text-small faint" }, formatDuration(video.duration_exact)),
      ),
    );
  }

  /** @param {Video} video */
  async function chooseVideo(video) {
    problem.replaceChildren();
    setText(said, `Loading “${video.title}”…`);
    list.inert = search.disabled = true;
    try {
      const file = await get(video, stop.signal);
      if (!dialog.open) return;
      dialog.close();
      take(file);
    } catch (error) {
      if (!dialog.open) return;
      setText(said, "");
      list.inert = search.disabled = false;
      problem.replaceChildren(createErrorNote("The video could not be loaded from your library.", error));
    }
  }
}

/** A recorder of spoken lines, started and stopped by one button. */
export class LineRecorder {
  /** @type {MediaRecorder|null} */ #recorder = null;
  #isAsking = false;
  #count = 0;
  #clock = 0;

  /** @param {HTMLElement} button @param {(line: File) => void} onLine */
  constructor(button, onLine) {
    this.button = button;
    this.onLine = onLine;
    button.addEventListener("click", () => (this.#recorder ? this.stop() : this.#begin()));
  }

  stop() {
    this.#recorder?.stop();
  }

  async #begin() {
    if (!navigator.mediaDevices?.getUserMedia || !globalThis.MediaRecorder)
      return showToast(
        "This browser cannot record audio. Record your voice in another program and add the file.",
        "warn",
      );
    if (this.#isAsking) return;
    this.#isAsking = true;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      const isRefused = /** @type {Error} */ (error).name === "NotAllowedError";
      return showToast(
        isRefused
          ? "The browser blocks the microphone. Allow it in the browser's settings for this page."
          : "No microphone was found, or another program is using it. Check it and try again.",
        "warn",
      );
    } finally {
      this.#isAsking = false;
    }
    const recorder = new MediaRecorder(stream);
    /** @type {Blob[]} */
    const pieces = [];
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    recorder.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      window.clearInterval(this.#clock);
      this.#recorder = null;
      this.#draw(null);
      this.#keep(new Blob(pieces));
    });
    this.#recorder = recorder;
    // The microphone starts with a delay, so the displayed time starts with the recorder's "start" event.
    recorder.addEventListener("start", () => {
      const began = performance.now();
      this.#draw(0);
      this.#clock = window.setInterval(() => this.#draw((performance.now() - began) / 1000), 250);
    });
    recorder.start();
  }

  /** @param {number|null} seconds */
  #draw(seconds) {
    this.button.setAttribute("aria-pressed", String(seconds !== null));
    this.button.replaceChildren(
      icon(seconds === null ? "record" : "stop"),
      seconds === null ? "Record your voice" : `Stop recording, ${formatDuration(seconds)}`,
    );
  }

  /** @param {Blob} recorded */
  async #keep(recorded) {
    try {
      this.onLine(await extractSound(recorded, `line ${this.#count + 1}`));
      this.#count += 1;
    } catch {
      showToast("Nothing was recorded. Check the microphone and try again.", "warn");
    }
  }
}

/**
 * Return the sound of a recording or video as WAV, which the server accepts.
 * @param {Blob} file
 * @param {string} name
 * @returns {Promise<File>}
 */
export async function extractSound(file, name) {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    return new File([encodeWav(sound)], `${name}.wav`, { type: "audio/wav" });
  } catch {
    throw new ApiError("This browser cannot read the file's sound. Convert it to WAV or MP3.", {
      status: 415,
      type: "sound_unreadable",
    });
  } finally {
    context.close();
  }
}

/**
 * Return a sound's first two channels as a 16-bit WAV file. The format is specified in "Multimedia Programming
 * Interface and Data Specifications 1.0" (IBM and Microsoft, 1991).
 * @param {AudioBuffer} sound
 * @returns {ArrayBuffer}
 */
function encodeWav(sound) {
  const channels = Array.from({ length: Math.min(2, sound.numberOfChannels) }, (_, at) => sound.getChannelData(at));
  const step = 2 * channels.length; // bytes of one sample in all channels together
  const view = new DataView(new ArrayBuffer(WAV_HEADER + step * sound.length));
  const text = (/** @type {number} */ at, /** @type {string} */ word) =>
    [...word].forEach((sign, index) => view.setUint8(at + index, sign.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, WAV_HEADER - 8 + step * sound.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // size of the format chunk, in bytes
  view.setUint16(20, 1, true); // format code of PCM
  view.setUint16(22, channels.length, true);
  view.setUint32(24, sound.sampleRate, true);
  view.setUint32(28, step * sound.sampleRate, true); // bytes per second
  view.setUint16(32, step, true);
  view.setUint16(34, 16, true); // bits per sample
  text(36, "data");
  view.setUint32(40, step * sound.length, true);
  channels.forEach((samples, channel) =>
    samples.forEach((sample, index) => {
      const level = Math.round(Math.max(-1, Math.min(1, sample)) * FULL_SCALE);
      view.setInt16(WAV_HEADER + step * index + 2 * channel, level, true);
    }),
  );
  return view.buffer;
}
