// Sources of videos and sounds other than the user's disk: the library and the microphone.

import { ApiError } from "../base/api.js";
import { closeDialog, openView } from "../base/dialog.js";
import { formatDuration } from "../base/format.js";
import { errorView, showToast } from "../base/notice.js";
import { posterView } from "../base/poster.js";
import { createRef, html, iconView, mount, ref } from "../base/view.js";
import { listVideos, readVideo } from "../videos/api.js";

/** @typedef {import("../videos/api.js").Video} Video */

export const WAV_RATE = 192_000; // bytes per second of a stereo WAV file at 48 kHz and 16 bits

const AT_ONCE = 60; // maximum number of listed videos; a search finds others
const NO_RECORDER = "This browser cannot record audio. Record your voice in another program and add the file.";
const TYPING = 250; // ms after the last key before the search starts
const FULL_SCALE = 32_767; // maximum value of a 16-bit sample

/**
 * Open a dialog to choose a library video. `get` fetches its file, and `fits` filters the videos. `id` is the video
 * that is chosen already.
 * @param {string} heading @param {(video: Video, signal: AbortSignal) => Promise<File>} get
 * @param {(file: File) => void} take @param {(video: Video) => boolean} [fits]
 * @param {string} [id]
 */
export function chooseFromLibrary(heading, get, take, fits = () => true, id = "") {
  const stop = new AbortController();
  /** @type {import("../base/view.js").Ref<HTMLInputElement>} */ const search = createRef();
  /** @type {Video[]} */ let found = [];
  let status = "";
  /** @type {import("../base/view.js").View} */ let problem = null;
  let isLoading = false;
  const dialog = openView(
    () => html`
      <dialog class="dialog" aria-labelledby="choose-heading" @close=${() => stop.abort()}>
        <div class="pad col">
          <h2 id="choose-heading">${heading}</h2>
          <input class="input" type="search" aria-label="Search your videos" placeholder="Title or tag"
            ?disabled=${isLoading} @input=${onInput} ${ref(search)} />
          <div>${problem}</div>
          <p class="muted" role="status">${status}</p>
          <ul class="library-choice" aria-label="Your videos" .inert=${isLoading}>${found.map(choiceView)}</ul>
          <div class="row end"><button class="btn" type="button" @click=${closeDialog}>Cancel</button></div>
        </div>
      </dialog>`,
  );
  let typing = 0;
  if (id) chooseById(id);
  else findVideos();

  function onInput() {
    window.clearTimeout(typing);
    typing = window.setTimeout(findVideos, TYPING);
  }

  async function findVideos() {
    const getWords = () => search.value?.value.trim() ?? "";
    const words = getWords();
    try {
      const { videos } = await listVideos({ search: words, status: "ready", limit: AT_ONCE });
      if (getWords() !== words) return;
      found = videos.filter(fits);
      const none = words ? "No videos match." : "Your library has no video that you can use here.";
      status = found.length ? "" : none;
    } catch (error) {
      problem = errorView("Your videos could not be loaded.", error, findVideos);
    }
    dialog.draw();
  }

  /** @param {Video} video */
  function choiceView(video) {
    return html`
      <li>
        <button class="btn quiet" type="button" @click=${() => chooseVideo(video)}>
          <span class="choice-picture picture dark">${posterView(video.poster_url)}</span>
          <span class="spacer anywhere" dir="auto">${video.title}</span>
          <span class="mono text-small faint">${formatDuration(video.duration_exact)}</span>
        </button>
      </li>`;
  }

  /** @param {string} id */
  async function chooseById(id) {
    try {
      await chooseVideo(await readVideo(id));
    } catch (error) {
      problem = errorView("The video could not be loaded from your library.", error);
    }
    if (dialog.element.open) findVideos();
  }

  /** @param {Video} video */
  async function chooseVideo(video) {
    problem = null;
    status = `Loading “${video.title}”…`;
    isLoading = true;
    dialog.draw();
    try {
      const file = await get(video, stop.signal);
      if (!dialog.element.open) return;
      dialog.close();
      take(file);
    } catch (error) {
      if (!dialog.element.open) return;
      status = "";
      isLoading = false;
      problem = errorView("The video could not be loaded from your library.", error);
      dialog.draw();
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
    this.drawLabel = mount(button);
    this.#draw(null);
    button.addEventListener("click", () => (this.#recorder ? this.stop() : this.#begin()));
  }

  stop() {
    this.#recorder?.stop();
  }

  async #begin() {
    if (!navigator.mediaDevices?.getUserMedia || !globalThis.MediaRecorder) return showToast(NO_RECORDER, "warn");
    if (this.#isAsking) return;
    this.#isAsking = true;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      const words =
        /** @type {Error} */ (error).name === "NotAllowedError"
          ? "The browser blocks the microphone. Allow it in the browser's settings for this page."
          : "No microphone was found, or another program is using it. Check it and try again.";
      return showToast(words, "warn");
    } finally {
      this.#isAsking = false;
    }
    const recorder = new MediaRecorder(stream);
    /** @type {Blob[]} */ const pieces = [];
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
    const label = seconds === null ? "Record your voice" : `Stop recording, ${formatDuration(seconds)}`;
    this.drawLabel(html`${iconView(seconds === null ? "record" : "stop")}${label}`);
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

/** Return the sound of a recording or video as a WAV file. @param {Blob} file @param {string} name */
export async function extractSound(file, name) {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    return new File(encodeWav(sound), `${name}.wav`, { type: "audio/wav" });
  } catch {
    const about = { status: 415, type: "sound_unreadable" };
    throw new ApiError("This browser cannot read the file's sound. Convert it to WAV or MP3.", about);
  } finally {
    context.close();
  }
}

/**
 * Return the parts of a 16-bit WAV file with a sound's first two channels. The format is specified in "Multimedia
 * Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991).
 * @param {AudioBuffer} sound @returns {BlobPart[]}
 */
function encodeWav(sound) {
  const count = Math.min(2, sound.numberOfChannels);
  const samples = new Int16Array(count * sound.length);
  for (let channel = 0; channel < count; channel += 1)
    sound.getChannelData(channel).forEach((level, index) => {
      samples[count * index + channel] = Math.round(Math.max(-1, Math.min(1, level)) * FULL_SCALE);
    });
  const step = 2 * count; // bytes of one sample in all channels together
  const format = [1 | (count << 16), sound.sampleRate, step * sound.sampleRate, step | (16 << 16)]; // 1: PCM; 16 bits
  const numbers = (/** @type {number[]} */ ...all) => new Uint32Array(all); // browsers are little-endian
  const head = ["RIFF", numbers(36 + samples.byteLength), "WAVEfmt ", numbers(16, ...format)];
  return [...head, "data", numbers(samples.byteLength), samples];
}
