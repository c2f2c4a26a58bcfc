// Views of an alignment's result: proposed offsets with confidence and evidence, and refused videos.

import { h, icon } from "../base/dom.js";
import { formatClock, describeConfidence, formatOffset, formatPpm } from "../base/format.js";
import { createCrop } from "./timer-readings.js";

/**
 * @typedef {{icon: string, label: string, run: () => void}} WayOut Action offered to the user after a video's alignment
 *   was refused.
 */
/** @typedef {{vod_id: string, time: number, text: string|null, url: string, kind?: "frame"|"outline"|"sample"}} Evidence */

/**
 * Show a proposal. `onChoose` selects or deselects the proposal; it is null for the only proposal, which needs no
 * selection.
 * @param {any} proposal
 * @param {(vodId: string) => string} letterOf
 * @param {object} state
 * @param {boolean} state.isApplied
 * @param {((on: boolean) => void)|null} state.onChoose
 */
export function createProposalView(proposal, letterOf, { isApplied, onChoose }) {
  const letter = letterOf(proposal.vod_id);
  const sure = describeConfidence(proposal.confidence);
  const agree =
    proposal.agreeing != null && proposal.samples != null
      ? `${proposal.agreeing} of ${proposal.samples} measurements agree`
      : "";
  const bound = proposal.error_bound != null ? `±${Math.max(1, Math.round(proposal.error_bound * 1000))} ms` : "";
  return h(
    "section",
    { class: "proposal", data: { letter, ...(isApplied && { applied: "" }) }, "aria-label": `Proposal for ${letter}` },
    h(
      "div",
      { class: "row" },
      h("span", { class: "letter-badge" }, letter),
      h("span", { class: "proposal-offset" }, formatOffset(proposal.offset)),
      h("span", { class: "spacer" }),
      onChoose && !isApplied
        ? h(
            "label",
            { class: "check text-small" },
            h("input", {
              type: "checkbox",
              checked: true,
              onchange: (/** @type {Event} */ e) => onChoose(/** @type {HTMLInputElement} */ (e.target).checked),
            }),
            "Apply",
          )
        : h("span", { class: "status ok" }, icon("check"), isApplied ? "Applied" : "Proposed"),
    ),
    h(
      "div",
      { class: "row text-small wrap" },
      h("progress", { class: `bar conf ${sure.tone}`, value: proposal.confidence, max: "1", "aria-hidden": "true" }),
      h(
        "span",
        { class: "nowrap" },
        h("span", { class: "mono" }, sure.number),
        ` ${sure.word}`,
        h("span", { class: "visually-hidden" }, " confidence"),
      ),
      h("span", { class: "spacer" }),
      h("span", { class: "faint" }, agree, agree && bound ? ", " : "", bound && h("span", { class: "mono" }, bound)),
    ),
    proposal.drift_ppm
      ? h(
          "p",
          { class: "text-small muted" },
          "Clock drift: ",
          h("span", { class: "mono" }, formatPpm(proposal.drift_ppm)),
        )
      : null,
    createFindings(proposal.findings ?? []),
    proposal.note ? h("p", { class: "text-small muted anywhere" }, proposal.note) : null,
    ...createEvidence(proposal.evidence ?? [], letter, letterOf),
  );
}

/**
 * @param {Evidence[]} evidence
 * @param {string} letter
 * @param {(vodId: string) => string} letterOf
 */
function createEvidence(evidence, letter, letterOf) {
  const isFrame = (/** @type {Evidence} */ item) => (item.kind ?? "frame") === "frame";
  return [
    createFramePairs(evidence.filter(isFrame), letterOf),
    createSoundEvidence(
      evidence.filter((item) => !isFrame(item)),
      letter,
    ),
  ];
}

/**
 * @param {{method: string, offset: number|null, confidence: number|null}[]} findings
 */
function createFindings(findings) {
  if (!findings.length) return null;
  return h(
    "dl",
    { class: "found text-small" },
    ...findings.flatMap(({ method, offset: found, confidence: sure }) => [
      h("dt", { class: "faint" }, method === "audio" ? "Sound" : "Timer"),
      h(
        "dd",
        { class: "mono" },
        found === null || sure === null ? "–" : `${formatOffset(found)}, ${describeConfidence(sure).number}`,
      ),
    ]),
  );
}

/**
 * @param {{vod_id: string, message: string, evidence?: Evidence[], findings?: any[]}} refusal
 * @param {(vodId: string) => string} letterOf
 * @param {WayOut[]} waysOut
 */
export function createRefusalView({ vod_id, message, evidence = [], findings = [] }, letterOf, waysOut) {
  const letter = letterOf(vod_id);
  return h(
    "section",
    { class: "proposal", data: { letter }, "aria-label": `No offset proposed for ${letter}` },
    h(
      "div",
      { class: "row" },
      h("span", { class: "letter-badge" }, letter),
      h("span", { class: "strong" }, "No offset proposed"),
      h("span", { class: "spacer" }),
      h("span", { class: "status warn" }, icon("alert"), "Refused"),
    ),
    findings.some((finding) => finding.offset !== null) ? createFindings(findings) : null,
    h("p", { class: "text-small muted anywhere" }, message),
    findings.length
      ? h("div", {}, ...createEvidence(evidence, letter, letterOf))
      : evidence.length
        ? h(
            "div",
            { class: "evidence" },
            ...evidence
              .slice(0, 3)
              .map((e) =>
                h(
                  "figure",
                  {},
                  createCrop(e.url, `${letter} at ${formatClock(e.time)}`),
                  h("figcaption", {}, `${e.text || "–"} · ${formatClock(e.time)}`),
                ),
              ),
          )
        : null,
    h(
      "div",
      { class: "row wrap" },
      ...waysOut.map(({ icon: name, label, run }) =>
        h("button", { class: "btn", type: "button", onclick: run }, icon(name), label),
      ),
    ),
  );
}

/**
 * Show up to three pairs of frames. Each pair shows the same moment in two videos.
 * @param {Evidence[]} evidence
 * @param {(vodId: string) => string} letterOf
 */
function createFramePairs(evidence, letterOf) {
  const pairs = [];
  for (let i = 0; i + 1 < evidence.length && pairs.length < 3; i += 2) pairs.push([evidence[i], evidence[i + 1]]);
  if (!pairs.length) return null;
  return h(
    "div",
    { class: "evidence" },
    ...pairs.map((pair) =>
      h(
        "figure",
        {},
        ...pair.map((e) =>
          createCrop(
            e.url,
            `${letterOf(e.vod_id)} at ${formatClock(e.time)}: ${e.text ? `the timer shows ${e.text}` : "no timer was read"}`,
          ),
        ),
        h("figcaption", {}, `${formatClock(pair[0].time)} | ${formatClock(pair[1].time)}`),
      ),
    ),
  );
}

/**
 * Show the waveforms of both recordings, and an audio sample with the reference on the left channel and the other
 * recording on the right.
 * @param {Evidence[]} evidence
 * @param {string} letter
 */
function createSoundEvidence(evidence, letter) {
  if (!evidence.length) return null;
  return h(
    "div",
    { class: "heard" },
    ...evidence.map(({ kind, url, text }) =>
      kind === "sample"
        ? h(
            "figure",
            {},
            h("audio", {
              controls: true,
              preload: "none",
              src: url,
              "aria-label": `Left channel: reference; right channel: ${letter}`,
            }),
            h("figcaption", {}, `Left channel: reference; right channel: ${letter}; from ${text}`),
          )
        : h(
            "figure",
            {},
            h("img", {
              src: url,
              alt: `Waveforms of both recordings, from ${text}`,
              loading: "lazy",
              decoding: "async",
            }),
            h("figcaption", {}, `Top: reference; bottom: ${letter}; from ${text}`),
          ),
    ),
  );
}
