// The page that creates a challenge: form, upload, merge, review. A reload continues at the same step.

import { ApiError, makeIdempotencyKey } from "../../base/api.js";
import { h, icon, requireElement, readPageData, setText } from "../../base/dom.js";
import { createErrorNote, explainError, showToast } from "../../base/notice.js";
import { acceptDrops } from "../../uploads/drop-zone.js";
import { formatBytes } from "../../videos/api.js";
import { requestTabLock } from "./tab-lock.js";
import {
  cancelMerge,
  changeChallenge,
  deleteChallenge,
  deleteMerge,
  requestMerge,
  createChallenge,
  getPagePath,
  publishChallenge,
  readMerge,
  retryMerge,
} from "./api.js";
import { askToConfirm } from "./confirm-dialog.js";
import { Draft } from "./draft.js";
import { Form } from "./form.js";
import { deleteDraft } from "./storage.js";
import { Follower } from "./merge-status.js";
import { readNetwork } from "./network-speed.js";
import { chooseChunkSize } from "./chunk-size.js";
import { Patience, Stopped } from "./retry.js";
import { Review } from "./review.js";
import { Part, Sender } from "./chunk-sender.js";
import { Work } from "./progress-view.js";

/**
 * @typedef {import("./api.js").Merge} Merge
 * @typedef {import("./progress-view.js").Trouble} Trouble
 * @typedef {"form"|"work"|"review"|"other"} Stage
 */

const TITLE = document.title;
/** Index of each step in the list at the top of the page. */
const STEPS = { form: 0, sending: 1, merging: 2, review: 3 };
const DRAW = 100; // ms between two redraws
const REFUSED = new Set([400, 403, 404, 409, 410, 413, 422]);
/** Statuses of a merge whose clips are being uploaded. */
const LIVE = new Set(["initiated", "uploading"]);

const facts = readPageData("facts");
const said = requireElement("[data-said]");
const notes = requireElement("[data-notes]");
const stages = /** @type {Record<Stage, HTMLElement>} */ (
  Object.fromEntries(["form", "work", "review", "other"].map((name) => [name, requireElement(`[data-stage=${name}]`)]))
);
const steps = [...document.querySelectorAll("[data-steps] li")];

let draft = new Draft();
/** @type {Sender|null} */ let sender = null;
/** @type {Follower|null} */ let follower = null;
/** Object that retries the request that starts a merge. @type {Patience|null} */ let patience = null;
/** Last known status of the merge. @type {Merge|null} */ let merge = null;
/** Id of the statement that receives dropped files. @type {string} */ let aimedAt = "";
/** JSON of the challenge's fields as last saved on the server. */ let savedAs = "";
/** True once the browser goes to the page of the new challenge. */ let isOpening = false;

const form = new Form(stages.form, draft, facts, { onMake: startUpload, onThrowAway: throwAway, say: announce });
const work = new Work(stages.work, { onAct: performAct, onFiles: giveClips, say: announce });
const review = new Review(stages.review, facts, {
  onDone: finishReview,
  onChange: () => {
    draft.changed();
    if (draft.challengeId) review.drawSaved(!isUnsaved());
  },
  onThrowAway: askToThrowAway,
  renew: async () => (await readMerge(draft.mergeId)).merged_video?.merged_video_url ?? "",
});

/** Return whether the challenge on the server has other texts than this page shows. */
const isUnsaved = () =>
  draft.challengeId !== "" && savedAs !== "" && JSON.stringify(draft.challengeFields()) !== savedAs;
window.addEventListener("beforeunload", (event) => {
  if (isUnsaved() && !isOpening) event.preventDefault();
});

/** @param {string} text */
function announce(text) {
  setText(said, text);
}

/** @param {Stage} stage @param {keyof typeof STEPS} [step] */
function showStage(stage, step = "form") {
  const moved = stages[stage].hidden;
  for (const [name, element] of Object.entries(stages)) element.hidden = name !== stage;
  requireElement("[data-steps]").hidden = stage === "other";
  steps.forEach((element, at) => {
    element.toggleAttribute("data-done", at < STEPS[step]);
    if (at === STEPS[step]) element.setAttribute("aria-current", "step");
    else element.removeAttribute("aria-current");
  });
  if (moved) notes.replaceChildren();
  if (stage !== "work") document.title = TITLE;
  if (stage !== "review") review.end();
  return moved;
}

/** @param {string} id Id of the merge to put into the page's URL; empty to remove it. */
function setMergeInAddress(id) {
  history.replaceState(null, "", id ? `?merge=${encodeURIComponent(id)}` : location.pathname);
}

/** Stop this page's uploads and polls. A merge continues on the server. */
function stopWork() {
  sender?.stop();
  follower?.end();
  patience?.stop();
  [sender, follower, patience] = [null, null, null];
}

// Form

function showForm() {
  stopWork();
  form.show(draft);
  form.wait(false);
  if (showStage("form")) requireElement("h1").focus();
}

/** @param {string} title @param {string} text */
function showRemark(title, text) {
  notes.replaceChildren(
    h(
      "div",
      { class: "note warn", role: "status" },
      icon("info"),
      h("div", { class: "spacer" }, h("b", {}, title), h("p", { class: "text-small" }, text)),
    ),
  );
}

async function startUpload() {
  form.wait(true);
  notes.replaceChildren();
  const largest = Math.max(...draft.clips.map((clip) => clip.size));
  const body = draft.mergeBody(
    chooseChunkSize(readNetwork(), largest, { least: facts.least_chunk, most: facts.most_chunk }),
  );
  // If nothing but the chunk size has changed, repeat the stored request: the server then returns the same merge.
  const same = (/** @type {any} */ one) => JSON.stringify({ ...one, chunk_size: 0 });
  if (!draft.begun || same(draft.begun.body) !== same(body)) draft.begun = { key: makeIdempotencyKey(), body };
  await draft.saveNow();
  await initiateMerge();
}

async function initiateMerge() {
  const begun = /** @type {import("./draft.js").Asked} */ (draft.begun);
  patience = new Patience();
  patience.addEventListener("change", () => patience && work.draw());
  showWork("sending", { phase: "beginning" });
  try {
    const answer = await patience.ask(() => requestMerge(begun.body, begun.key));
    draft.mergeId = answer.merge_session_id;
    await draft.saveNow();
    setMergeInAddress(draft.mergeId);
    const clips = draft.clips;
    sendParts(
      answer.upload_sessions.map(
        (one) =>
          new Part({
            index: one.video_index,
            upload: one.session_id,
            size: clips[one.video_index].size,
            chunkSize: one.chunk_size,
            missing: Array.from({ length: one.total_chunks }, (_, number) => number),
            isComplete: false,
            blob: clips[one.video_index].blob,
          }),
      ),
    );
  } catch (error) {
    if (error instanceof Stopped) return;
    draft.begun = null;
    draft.changed();
    showForm();
    onBeginRefused(error);
  }
}

/** @param {unknown} error */
function onBeginRefused(error) {
  const type = error instanceof ApiError ? error.type : "";
  const body = error instanceof ApiError ? error.body : null;
  const [title, text, link, words] = {
    storage_full: [
      "Your storage is full",
      `${body?.limit ? `${formatBytes(Math.max(0, body.limit - (body.used ?? 0)))} are free, and these clips need ${formatBytes(draft.size)}. ` : ""}Delete videos that you do not need, then try again.`,
      "/library",
      "Go to the library",
    ],
    upload_limit: [
      "Too many uploads are running",
      `${explainError(error)} Finish or cancel some uploads, then try again.`,
      "/upload",
      "Go to the uploads",
    ],
    too_large: [
      "A clip is too large",
      `Your plan allows clips up to ${formatBytes(body?.limit ?? facts.max_upload_bytes)}. Shorten the clip, or record it again.`,
      "/account#plan",
      "See plans",
    ],
  }[/** @type {"storage_full"} */ (type)] ?? [
    "The upload could not start",
    [explainError(error), ...listFieldErrors(body?.errors)].join(" "),
    "",
    "",
  ];
  notes.replaceChildren(
    h(
      "div",
      { class: "note bad", role: "alert", tabindex: "-1" },
      icon("alert"),
      h("div", { class: "spacer" }, h("b", {}, title), h("p", { class: "text-small" }, text)),
      link && h("a", { class: "btn", href: link }, words),
    ),
  );
  /** @type {HTMLElement} */ (notes.firstElementChild).focus();
}

/** @param {any} errors @returns {string[]} */
function listFieldErrors(errors) {
  if (!errors) return [];
  return Object.values(errors).flatMap((one) => (typeof one === "string" ? [one] : listFieldErrors(one)));
}

// Upload

/**
 * @param {"sending"|"merging"} step
 * @param {Partial<import("./progress-view.js").Stand>} stand
 */
function showWork(step, stand) {
  const moved = showStage("work", step);
  if (moved)
    work.show(
      draft.statements.map(({ text, clip }, at) => ({
        title: text.trim() || `Statement ${at + 1}`,
        name: clip?.name ?? "",
        clip,
      })),
    );
  work.draw({ sender, patience: sender?.patience ?? patience, merge: null, trouble: null, ...stand });
  if (moved || stand.phase === "failed") work.focus();
}

/**
 * Send the clips. If `again` is true, first ask the server which chunks are missing.
 * @param {Part[]} parts
 * @param {boolean} [again]
 */
function sendParts(parts, again = false) {
  const told = new Set(draft.told);
  const its = new Sender(parts, {
    told,
    onArrived: () => {
      storeTold(told);
      showWork("merging", {
        phase: "merging",
        merge: { percent: 0, message: "", isQueued: true, estimate: merge?.estimated_merge_time_seconds ?? 0 },
      });
      followMerge();
    },
    onRefused: (part) => {
      storeTold(told);
      showTrouble({
        title: `Clip ${part.index + 1} cannot be used`,
        text: describeRefusal(part.error?.type ?? "", part.error ? explainError(part.error) : ""),
        clip: part.index,
        mayRetry: false,
      });
    },
    onOver: () => followMerge(),
  });
  sender = its;
  let drawing = false;
  its.addEventListener("change", () => {
    if (drawing) return;
    drawing = true;
    // A timer limits redraws: progress events are frequent, and hidden pages get no animation frames.
    setTimeout(() => {
      drawing = false;
      if (sender === its && (its.isGoing || its.lacksClips)) drawSending();
    }, DRAW);
  });
  showWork("sending", { phase: "sending" });
  if (parts.every((part) => part.state === "arrived")) return followMerge();
  its.start(again);
}

function drawSending() {
  const its = /** @type {Sender} */ (sender);
  work.draw({ phase: "sending" });
  document.title = its.size ? `${Math.floor((its.sent / its.size) * 100)} % · ${TITLE}` : TITLE;
}

/** @param {Set<string>} told */
function storeTold(told) {
  draft.told = [...told];
  draft.changed();
}

/** Remove the clip's name from an error message, because the page already shows the name. @param {string} text */
const removeClipName = (text) => text.replace(/^Clip \d+ \(statement-\d+\.\w+\): /, "");

/**
 * Return the text shown for a clip that the server refused.
 * @param {string} type
 * @param {string} message
 */
function describeRefusal(type, message) {
  const steps = /** @type {Record<string, string>} */ ({
    not_a_video: "Choose a video file, or record the clip here.",
    no_video: "Choose a clip with video, not only sound.",
    clip_unreadable: "Check that the clip plays and is complete, or record it again.",
    video_too_long: "Shorten the clip.",
    vod_codec_unsupported: "Export the clip as MP4 (H.264), or record it here.",
    chunk_conflict: "Choose the same file as when you started the upload.",
    clip_lost: "Choose the clip again.",
    malware_found: "Choose another clip.",
  });
  return `${removeClipName(message)} ${steps[type] ?? "Choose another clip, or record it again."}`.trim();
}

/**
 * @param {File[]} files
 * @returns {string}
 */
function giveClips(files) {
  const others = sender?.give(files) ?? [];
  const words = others.map(
    (file) =>
      `“${file.name}” (${formatBytes(file.size)}) is not one of the missing clips: its size is different. Choose the same files as before.`,
  );
  return words.join(" ");
}

// Merge

function followMerge() {
  follower?.end();
  follower = new Follower(draft.mergeId, {
    onStatus: showMergeState,
    onGone: () => onMergeGone("unknown"),
    onProgress: (percent, message) => drawMerging({ percent, message, isQueued: false }),
  });
}

/** @param {{percent: number, message: string, isQueued: boolean}} at */
function drawMerging(at) {
  showWork("merging", { phase: "merging", merge: { ...at, estimate: merge?.estimated_merge_time_seconds ?? 0 } });
  document.title = at.isQueued ? TITLE : `${Math.floor(at.percent)} % · ${TITLE}`;
}

/** @param {Merge} now */
function showMergeState(now) {
  merge = now;
  const { overall_status: status, uploads, challenge_id } = now;
  if (challenge_id && challenge_id !== draft.challengeId) return void openChallenge(challenge_id);
  // The first half of the server's progress is uploading, so show only the second half, from 0 to 100 percent.
  if (status === "processing")
    return drawMerging({ percent: Math.max(0, now.progress * 2 - 100), message: now.message, isQueued: false });
  // All clips are uploaded, but the server has not started the merge, so continue polling.
  if (status === "queued" || (LIVE.has(status) && (sender || uploads.every((one) => one.status === "completed"))))
    return drawMerging({ percent: 0, message: "", isQueued: true });
  if (LIVE.has(status)) {
    follower?.end();
    return sendParts(uploads.map(toPart), true);
  }
  stopWork();
  if (status === "completed") return showReview(now);
  if (status === "failed") return showTrouble(toTrouble(now));
  onMergeGone(status);
}

/** @param {import("./api.js").UploadState} upload */
function toPart(upload) {
  const clip = draft.statements[upload.video_index]?.clip;
  const fits = clip?.blob && clip.size === upload.size;
  return new Part({
    index: upload.video_index,
    upload: upload.session_id,
    size: upload.size,
    chunkSize: upload.chunk_size,
    missing: upload.remaining_chunks,
    isComplete: upload.status === "completed",
    blob: fits ? clip.blob : null,
  });
}

/** @param {Merge} failed @returns {Trouble} */
function toTrouble({ uploads, error_message, retry_available }) {
  // If the server refuses one clip, all other uploads get the error `merge_failed`. The refused clip has another error.
  const refused = uploads.find((one) => one.error && one.error.type !== "merge_failed");
  // If a clip is unreadable, the merge's error begins with the clip's number.
  const named = /^Clip (\d+)\b/.exec(error_message ?? "");
  const clip = refused ? refused.video_index : named ? Number(named[1]) - 1 : -1;
  return {
    title: clip >= 0 ? `Clip ${clip + 1} cannot be used` : "The merge failed",
    text: refused?.error
      ? describeRefusal(refused.error.type, refused.error.message)
      : removeClipName(error_message ?? "The server gave no reason."),
    clip,
    mayRetry: retry_available,
  };
}

/** @param {Trouble} trouble */
function showTrouble(trouble) {
  showWork(sender ? "sending" : "merging", { phase: "failed", trouble });
  document.title = TITLE;
}

/** Leave a merge that no longer exists. The clips may still be in this browser. @param {string} status */
function onMergeGone(status) {
  stopWork();
  setMergeInAddress("");
  if (draft.clips.some((clip) => clip.blob)) {
    draft.leaveMerge();
    showForm();
    const words =
      /** @type {Record<string, string>} */ ({
        cancelled: "The merge was stopped",
        expired: "The upload was deleted, because it took longer than a day",
        unknown: "The merge no longer exists on the server",
      })[status] ?? "The merge has ended";
    return showRemark(words, "Your clips and texts are still in this browser, so you can create the challenge again.");
  }
  if (draft.mayKeep) draft.forget();
  showOther(
    "hour",
    status === "expired" ? "This challenge has expired" : "Page not found",
    status === "expired"
      ? "Unfinished uploads are kept for a day. Start again with the same files."
      : "The challenge may have been cancelled, or it belongs to another user.",
  );
}

/** @param {string} mark @param {string} title @param {string} text @param {HTMLElement|null} [button] */
function showOther(mark, title, text, button = null) {
  stages.other.replaceChildren(
    h(
      "div",
      { class: "panel empty" },
      icon(mark),
      h("h2", { tabindex: "-1" }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "row wrap" },
        button ?? h("a", { class: "btn primary", href: "/challenges/new" }, icon("plus"), "New challenge"),
        h("a", { class: "btn", href: "/challenges" }, "All challenges"),
      ),
    ),
  );
  showStage("other");
  requireElement("h2", stages.other).focus();
}

// Actions

/** @param {import("./progress-view.js").WorkAct} what */
async function performAct(what) {
  if (what === "pause") sender?.pause();
  else if (what === "resume") sender?.resume();
  else if (what === "now") (sender?.patience ?? patience)?.now();
  else if (what === "cancel") askToCancelWork();
  else if (what === "retry") retryWork();
  else if (what === "replace") replaceClip(/** @type {Trouble} */ (work.trouble));
  else if (what === "back") backToForm();
}

async function askToCancelWork() {
  const isMerging = !sender?.isGoing && draft.mergeId;
  const sure = await askToConfirm({
    title: isMerging ? "Stop merging the clips?" : "Stop uploading the clips?",
    text: draft.mayKeep
      ? "This deletes the uploaded data. The clips and texts stay in this browser, so you can start again."
      : "This deletes the uploaded data.",
    keep: "Continue",
    act: "Stop",
    mark: "x",
  });
  if (!sure || stages.work.hidden) return;
  const { mergeId: id, begun } = draft;
  stopWork();
  try {
    if (id) await cancelMerge(id);
    // The answer with the merge's id has not arrived. Repeat the request with the same key to get the id.
    else if (begun)
      requestMerge(begun.body, begun.key)
        .then((answer) => cancelMerge(answer.merge_session_id))
        .catch(() => {});
  } catch (error) {
    const over = error instanceof ApiError && [404, 409, 410].includes(error.status);
    if (!over) {
      // Cancelling failed, so the merge still runs.
      followMerge();
      return notes.replaceChildren(createErrorNote("The merge could not be stopped.", error, askToCancelWork));
    }
  }
  await backToForm();
}

async function backToForm() {
  stopWork();
  if (draft.mergeId) deleteMerge(draft.mergeId).catch(() => {});
  await draft.leaveMerge();
  setMergeInAddress("");
  showForm();
}

async function retryWork() {
  notes.replaceChildren();
  try {
    showMergeState(await retryMerge(draft.mergeId));
    followMerge();
  } catch (error) {
    notes.replaceChildren(createErrorNote("The merge could not be restarted.", error, retryWork));
  }
}

/** @param {Trouble} trouble */
async function replaceClip({ clip, text }) {
  const statement = draft.statements[clip];
  if (statement) statement.problem = text;
  await backToForm();
  if (statement) form.focus(statement);
}

// Review

/** @param {Merge} merge A completed merge. */
async function showReview(merge) {
  merge.uploads.forEach((_, at) => draft.statements[at] ?? draft.add());
  showStage("review", "review");
  review.show(draft, merge);
  review.focus();
  announce("The clips are merged. Watch the video, then publish it or save it as a draft.");
  if (draft.challengeId) review.drawSaved(true);
  else if (draft.title.trim() && draft.lie) await saveDraft();
}

/** Create or update the draft on the server; return whether it was saved. @returns {Promise<boolean>} */
async function saveDraft() {
  const now = /** @type {Merge} */ (merge);
  review.wait(true, "Saving");
  review.tellProblem(null);
  try {
    // Store the request before sending it, so that a repetition creates no second challenge.
    draft.made ??= { key: makeIdempotencyKey(), body: draft.challengeBody(now) };
    await draft.saveNow();
    const { key, body } = draft.made;
    if (!draft.challengeId) {
      const { id } = await createChallenge(body, key);
      draft.challengeId = id;
      savedAs = JSON.stringify({
        title: body.title,
        texts: body.statements.map((/** @type {any} */ one) => one.text ?? ""),
        lie_statement_index: body.lie_statement_index,
      });
      // The challenge is now on the server, so delete the stored draft.
      await draft.forget();
    }
    const fields = draft.challengeFields();
    if (JSON.stringify(fields) !== savedAs) {
      await changeChallenge(draft.challengeId, fields);
      savedAs = JSON.stringify(fields);
    }
    review.drawSaved(true);
    return true;
  } catch (error) {
    const type = error instanceof ApiError ? error.type : "";
    if (type === "challenge_exists") {
      openChallenge(/** @type {ApiError} */ (error).body.challenge_id);
      return false;
    }
    // After a refusal, use a new idempotency key: the server repeats its refusal for the same key. After a lost answer,
    // keep the key.
    if (error instanceof ApiError && REFUSED.has(error.status) && type !== "idempotency_running" && !draft.challengeId)
      draft.made = null;
    review.drawSaved(Boolean(draft.challengeId));
    review.tellProblem(createErrorNote("The challenge was not saved.", error, saveDraft));
    return false;
  } finally {
    review.wait(false);
  }
}

/** @param {boolean} publish */
async function finishReview(publish) {
  if (!(await saveDraft())) return;
  if (publish) {
    review.wait(true, "Publishing");
    try {
      await publishChallenge(draft.challengeId);
    } catch (error) {
      review.wait(false);
      review.drawSaved(true);
      return review.tellProblem(createErrorNote("The challenge was not published.", error, () => finishReview(true)));
    }
  }
  openChallenge(draft.challengeId);
}

/** @param {string} challenge */
async function openChallenge(challenge) {
  isOpening = true;
  stopWork();
  await draft.forget();
  location.assign(getPagePath(challenge));
}

async function askToThrowAway() {
  if (
    await askToConfirm({
      title: "Discard this challenge?",
      text: "This deletes the video and all texts, in this browser and on the server. This cannot be undone.",
      keep: "Cancel",
      act: "Discard",
    })
  )
    throwAway();
}

async function throwAway() {
  const { mergeId, challengeId } = draft;
  try {
    if (challengeId) await deleteChallenge(challengeId);
    else if (mergeId) await deleteMerge(mergeId);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404))
      return review.tellProblem(createErrorNote("The challenge was not deleted.", error, throwAway));
  }
  stopWork();
  await draft.forget();
  setMergeInAddress("");
  draft = new Draft();
  showForm();
  announce("Challenge discarded.");
}

// Start

/** Start the page. If `take` is true, take over the challenge from another tab. @param {boolean} take */
async function startPage(take = false) {
  const alone = await requestTabLock(`vod-challenge-${document.body.dataset.user}`, onTakenElsewhere, take);
  if (!alone) return showElsewhere("A challenge is being created in another tab");
  const asked = new URL(location.href).searchParams.get("merge") ?? "";
  const kept = await Draft.load();
  if (kept && (!asked || asked === kept.mergeId)) draft = kept;
  else if (asked) {
    draft = new Draft(0);
    // Do not overwrite a stored draft of another challenge.
    draft.mayKeep = !kept || kept.isEmpty;
  }
  if (asked && !draft.mergeId) draft.mergeId = asked;
  if (draft.mergeId) return resumeWork();
  form.show(draft);
  showStage("form");
  // If the answer to the stored request was lost, repeat the request, which returns the same merge.
  if (draft.begun && draft.clips.length === draft.begun.body.video_count && draft.clips.every((clip) => clip.blob))
    initiateMerge();
}

async function resumeWork() {
  setMergeInAddress(draft.mergeId);
  try {
    const now = await readMerge(draft.mergeId);
    if (!draft.title) draft.title = now.title;
    while (draft.statements.length < now.uploads.length) draft.add();
    showMergeState(now);
    if (
      !sender &&
      (LIVE.has(now.overall_status) || now.overall_status === "queued" || now.overall_status === "processing")
    )
      followMerge();
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 410))
      return onMergeGone(error.status === 410 ? "expired" : "unknown");
    stages.other.replaceChildren(createErrorNote("The progress could not be loaded.", error, () => resumeWork()));
    showStage("other");
  }
}

function onTakenElsewhere() {
  stopWork();
  showElsewhere("This challenge is now open in another tab");
}

/** @param {string} title */
function showElsewhere(title) {
  // Another tab is creating the challenge, so only that tab may store the draft.
  draft.mayKeep = false;
  showOther(
    "copy",
    title,
    "You can create a challenge in only one tab at a time, so that nothing is uploaded twice.",
    h("button", { class: "btn primary", type: "button", onclick: () => startPage(true) }, "Continue here"),
  );
}

// Events

acceptDrops(requireElement("main"), (files) => {
  const found = files.map(({ file }) => file);
  if (!stages.form.hidden) form.take(found, draft.statements.find(({ id }) => id === aimedAt) ?? null);
  else if (sender?.lacksClips) {
    const misfits = giveClips(found);
    if (misfits) showToast(misfits, "warn");
  }
  aimedAt = "";
});
window.addEventListener(
  "drop",
  (event) => {
    aimedAt =
      /** @type {HTMLElement|null} */ (/** @type {Element} */ (event.target).closest?.("[data-slot]"))?.dataset.slot ??
      "";
  },
  { capture: true },
);
window.addEventListener("beforeunload", (event) => {
  if (sender?.isGoing || document.querySelector("dialog.recording:is([data-state=recording], [data-state=taken])"))
    event.preventDefault();
});
window.addEventListener("pagehide", () => draft.saveNow());
for (const out of document.querySelectorAll('form[action="/logout"]')) {
  out.addEventListener("submit", async (event) => {
    event.preventDefault();
    stopWork();
    draft.mayKeep = false;
    await deleteDraft();
    /** @type {HTMLFormElement} */ (out).submit();
  });
}
setInterval(() => (sender?.patience ?? patience)?.lack?.at && work.draw(), 1000);

startPage();
