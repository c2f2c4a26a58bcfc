// Views of an alignment's result: proposed offsets with confidence and evidence, and refused videos.

import { formatClock, describeConfidence, formatOffset, formatPpm } from "../base/format.js";
import { html, iconView, live, nothing } from "../base/view.js";
import { cropView } from "./timer-readings.js";

/**
 * @typedef {import("../base/view.js").View} View
 * @typedef {(vodId: string) => string} LetterOf
 * @typedef {{icon: string, label: string, run: () => void}} WayOut Action offered if a video's alignment was refused.
 * @typedef {{vod_id: string, time: number, text: string|null, url: string, kind?: "frame"|"outline"|"sample"}} Evidence
 * @typedef {{method: string, offset: number|null, confidence: number|null}} Finding
 */

/**
 * Return the template of a proposal. `onChoose` selects or deselects the proposal; it is null for the only proposal,
 * which needs no selection.
 * @param {any} proposal
 * @param {LetterOf} letterOf
 * @param {{isApplied: boolean, isChosen: boolean, onChoose: ((on: boolean) => void)|null}} state
 */
export function proposalView(proposal, letterOf, { isApplied, isChosen, onChoose }) {
  const letter = letterOf(proposal.vod_id);
  const sure = describeConfidence(proposal.confidence);
  const { agreeing, samples, error_bound: bound, drift_ppm: drift } = proposal;
  const agree = agreeing != null && samples != null ? `${agreeing} of ${samples} measurements agree` : "";
  const margin = bound != null ? html`<span class="mono">±${Math.max(1, Math.round(bound * 1000))} ms</span>` : null;
  const choose = (/** @type {any} */ { currentTarget }) => onChoose?.(currentTarget.checked);
  return html`
    <section class="proposal" data-letter=${letter} data-applied=${isApplied ? "" : nothing}
      aria-label="Proposal for ${letter}">
      <div class="row">
        <span class="letter-badge">${letter}</span>
        <span class="proposal-offset">${formatOffset(proposal.offset)}</span>
        <span class="spacer"></span>
        ${
          onChoose && !isApplied
            ? html`<label class="check text-small"
                ><input type="checkbox" .checked=${live(isChosen)} @change=${choose} />Apply</label>`
            : html`<span class="status ok">${iconView("check")}${isApplied ? "Applied" : "Proposed"}</span>`
        }
      </div>
      <div class="row text-small wrap">
        <progress class="bar conf ${sure.tone}" value=${proposal.confidence} max="1" aria-hidden="true"></progress>
        <span class="nowrap"><span class="mono">${sure.number}</span> ${sure.word}<span
          class="visually-hidden"> confidence</span></span>
        <span class="spacer"></span>
        <span class="faint">${agree}${agree && margin ? ", " : ""}${margin}</span>
      </div>
      ${drift ? html`<p class="text-small muted">Clock drift: <span class="mono">${formatPpm(drift)}</span></p>` : null}
      ${findingsView(proposal.findings ?? [])}
      ${proposal.note ? html`<p class="text-small muted anywhere">${proposal.note}</p>` : null}
      ${evidenceView(proposal.evidence ?? [], letter, letterOf)}
    </section>`;
}

/**
 * @param {{vod_id: string, message: string, evidence?: Evidence[], findings?: Finding[]}} refusal
 * @param {LetterOf} letterOf
 * @param {WayOut[]} waysOut
 */
export function refusalView({ vod_id, message, evidence = [], findings = [] }, letterOf, waysOut) {
  const letter = letterOf(vod_id);
  const frames = evidence.slice(0, 3).map(({ url, time, text }) => {
    const clock = formatClock(time);
    return html`<figure>
      ${cropView(url, `${letter} at ${clock}`)}<figcaption>${text || "–"} · ${clock}</figcaption>
    </figure>`;
  });
  return html`
    <section class="proposal" data-letter=${letter} aria-label="No offset proposed for ${letter}">
      <div class="row">
        <span class="letter-badge">${letter}</span>
        <span class="strong">No offset proposed</span>
        <span class="spacer"></span>
        <span class="status warn">${iconView("alert")}Refused</span>
      </div>
      ${findings.some(({ offset }) => offset !== null) ? findingsView(findings) : null}
      <p class="text-small muted anywhere">${message}</p>
      ${findings.length ? html`<div>${evidenceView(evidence, letter, letterOf)}</div>` : null}
      ${!findings.length && frames.length ? html`<div class="evidence">${frames}</div>` : null}
      <div class="row wrap">
        ${waysOut.map(
          ({ icon, label, run }) =>
            html`<button class="btn" type="button" @click=${run}>${iconView(icon)}${label}</button>`,
        )}
      </div>
    </section>`;
}

/** @param {Finding[]} findings */
function findingsView(findings) {
  if (!findings.length) return null;
  return html`<dl class="found text-small">
    ${findings.map(
      ({ method, offset, confidence }) => html`
        <dt class="faint">${method === "audio" ? "Sound" : "Timer"}</dt>
        <dd class="mono">${
          offset === null || confidence === null
            ? "–"
            : `${formatOffset(offset)}, ${describeConfidence(confidence).number}`
        }</dd>`,
    )}
  </dl>`;
}

/**
 * Return up to three pairs of frames, each of the same moment in two videos, and the waveforms and audio samples.
 * @param {Evidence[]} evidence
 * @param {string} letter
 * @param {LetterOf} letterOf
 */
function evidenceView(evidence, letter, letterOf) {
  const frames = evidence.filter(({ kind = "frame" }) => kind === "frame");
  const heard = evidence.filter((item) => !frames.includes(item));
  const pairs = [0, 2, 4].map((at) => frames.slice(at, at + 2)).filter(({ length }) => length === 2);
  return html`
    ${pairs.length ? html`<div class="evidence">${pairs.map((pair) => framePairView(pair, letterOf))}</div>` : null}
    ${heard.length ? html`<div class="heard">${heard.map((item) => soundView(item, letter))}</div>` : null}`;
}

/** @param {Evidence[]} pair @param {LetterOf} letterOf */
const framePairView = (pair, letterOf) => html`
  <figure>
    ${pair.map(({ url, vod_id, time, text }) => {
      const words = text ? `the timer shows ${text}` : "no timer was read";
      return cropView(url, `${letterOf(vod_id)} at ${formatClock(time)}: ${words}`);
    })}
    <figcaption>${pair.map(({ time }) => formatClock(time)).join(" | ")}</figcaption>
  </figure>`;

/** @param {Evidence} evidence @param {string} letter */
function soundView({ kind, url, text }, letter) {
  const channels = `Left channel: reference; right channel: ${letter}`;
  return kind === "sample"
    ? html`<figure>
        <audio controls preload="none" src=${url} aria-label=${channels}></audio>
        <figcaption>${channels}; from ${text}</figcaption>
      </figure>`
    : html`<figure>
        <img src=${url} alt="Waveforms of both recordings, from ${text}" loading="lazy" decoding="async" />
        <figcaption>Top: reference; bottom: ${letter}; from ${text}</figcaption>
      </figure>`;
}
