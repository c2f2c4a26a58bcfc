// The page that creates a challenge: form, upload, merge, review. A reload continues at the same step.

import { ApiError, makeIdempotencyKey } from "../../base/api.js";
import { requireElement, readPageData, setText } from "../../base/dom.js";
import { errorView, explainError, joinSentences, showToast } from "../../base/notice.js";
import { html, iconView, mount } from "../../base/view.js";
import { acceptDrops } from "../../uploads/drop-zone.js";
import { formatBytes } from "../../videos/api.js";
import * as api from "./api.js";
import { Part, Sender } from "./chunk-sender.js";
import { chooseChunkSize, readNetwork } from "./chunk-size.js";
import { askToConfirm } from "./confirm-dialog.js";
import { Draft } from "./draft.js";
import { Form } from "./form.js";
import { Follower } from "./merge-status.js";
import { Work } from "./progress-view.js";
import { Patience, Stopped } from "./retry.js";
import { Review } from "./review.js";
import { requestTabLock } from "../../base/tab-lock.js";

/**
 * @typedef {import("./api.js").Merge} Merge
 * @typedef {import("./progress-view.js").Trouble} Trouble
 * @typedef {"form"|"work"|"review"|"other"} Stage
 * @typedef {import("../../base/view.js").View} View
 */

const TITLE = document.title;
/** Index of each step in the list at the top of the page. */
const STEPS = { form: 0, sending: 1, merging: 2, review: 3 };
const DRAW = 100; // ms between two redraws
const REFUSED = new Set([400, 403, 404, 409, 410, 413, 422]);
/** Statuses of a merge whose clips are being uploaded. */
const LIVE = new Set(["initiated", "uploading"]);
const MERGING = new Set(["queued", "processing"]);
/** Advice about a refused clip, by type of the error. @type {Record<string, string>} */
const ADVICE = {
  not_a_video: "Choose a video file, or record the clip here.",
  no_video: "Choose a clip with video, not only sound.",
  clip_unreadable: "Check that the clip plays and is complete, or record it again.",
  video_too_long: "Shorten the clip.",
  vod_codec_unsupported: "Export the clip as MP4 (H.264), or record it here.",
  chunk_conflict: "Choose the same file as when you started the upload.",
  clip_lost: "Choose the clip again.",
  malware_found: "Choose another clip.",
};
/** Sentences about ended merges, by status. @type {Record<string, string>} */
const ENDS = {
  cancelled: "The merge was stopped",
  expired: "The upload was deleted, because it took longer than a day",
  unknown: "The merge no longer exists on the server",
};

const facts = readPageData("facts");
const said = requireElement("[data-said]");
const notes = requireElement("[data-notes]");
const stages = /** @type {Record<Stage, HTMLElement>} */ (
  Object.fromEntries(["form", "work", "review", "other"].map((name) => [name, requireElement(`[data-stage=${name}]`)]))
);
const steps = [...document.querySelectorAll("[data-steps] li")];
const drawNote = mount(notes);
const drawOther = mount(stages.other);

let draft = new Draft();
/** @type {Sender|null} */ let sender = null;
/** @type {Follower|null} */ let follower = null;
/** Object that retries the request that starts a merge. @type {Patience|null} */ let patience = null;
/** Last known status of the merge. @type {Merge|null} */ let merge = null;
/** Id of the statement that receives dropped files. @type {string} */ let aimedAt = "";
/** True once the browser goes to the page of the new challenge. */ let isOpening = false;

/** @type {Record<import("./progress-view.js").WorkAct, () => unknown>} */
const acts = {
  pause: () => sender?.patience.pause(true),
  resume: () => sender?.resume(),
  now: () => (sender?.patience ?? patience)?.now(),
  cancel: askToCancelWork,
  retry: retryWork,
  replace: replaceClip,
  back: backToForm,
};
const form = new Form(stages.form, draft, facts, { onMake: startUpload, onThrowAway: throwAway, say: announce });
const work = new Work(stages.work, { onAct: (act) => acts[act](), onFiles: giveClips, say: announce });
const review = new Review(stages.review, facts, {
  onDone: finishReview,
  onChange: () => {
    draft.saveChanges();
    if (draft.challengeId) review.drawSaved(!draft.isUnsaved);
  },
  onThrowAway: askToThrowAway,
  renew: async () => (await api.readMerge(draft.mergeId)).merged_video?.merged_video_url ?? "",
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
  if (moved) drawNote(null);
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

/** @param {string} title @param {string} text @param {View} [link] */
function showProblem(title, text, link = null) {
  drawNote(html`
    <div class="note bad" role="alert" tabindex="-1">
      ${iconView("alert")}<div class="spacer"><b>${title}</b><p class="text-small">${text}</p></div>${link}
    </div>`);
  notes.firstElementChild.focus();
}

async function startUpload() {
  form.wait(true);
  drawNote(null);
  const largest = Math.max(...draft.clips.map((clip) => clip.size));
  const { least_chunk: least, most_chunk: most } = facts;
  const body = draft.mergeBody(chooseChunkSize(readNetwork(), largest, { least, most }));
  // If nothing but the chunk size has changed, repeat the stored request: the server then returns the same merge.
  const same = (/** @type {any} */ one) => JSON.stringify({ ...one, chunk_size: 0 });
  if (!draft.begun || same(draft.begun.body) !== same(body)) draft.begun = { key: makeIdempotencyKey(), body };
  await draft.saveNow();
  await initiateMerge();
}

async function initiateMerge() {
  const { body, key } = /** @type {import("./draft.js").Asked} */ (draft.begun);
  patience = new Patience();
  patience.addEventListener("change", () => patience && work.draw());
  showWork("sending", { phase: "beginning" });
  try {
    const answer = await patience.ask(() => api.requestMerge(body, key));
    draft.mergeId = answer.merge_session_id;
    await draft.saveNow();
    setMergeInAddress(draft.mergeId);
    const { clips } = draft;
    const parts = answer.upload_sessions.map((session) => {
      const { size, blob } = clips[session.video_index];
      const remaining_chunks = [...Array(session.total_chunks).keys()];
      return new Part({ ...session, size, remaining_chunks, status: "initiated" }, blob);
    });
    sendParts(parts);
  } catch (error) {
    if (error instanceof Stopped) return;
    draft.begun = null;
    draft.saveNow();
    showForm();
    showRefusedStart(error);
  }
}

/** @param {unknown} error */
function showRefusedStart(error) {
  const { type, body } = error instanceof ApiError ? error : { type: "", body: null };
  if (type === "storage_full") {
    const free = formatBytes(Math.max(0, body?.limit - (body?.used ?? 0)));
    const numbers = body?.limit ? `${free} are free, and these clips need ${formatBytes(draft.size)}. ` : "";
    const text = `${numbers}Delete videos that you do not need, then try again.`;
    return showProblem("Your storage is full", text, html`<a class="btn" href="/library">Go to the library</a>`);
  }
  if (type === "upload_limit") {
    const text = `${explainError(error)} Finish or cancel some uploads, then try again.`;
    return showProblem("Too many uploads are running", text, html`<a class="btn" href="/upload">Go to the uploads</a>`);
  }
  if (type === "too_large") {
    const limit = formatBytes(body?.limit ?? facts.max_upload_bytes);
    const text = `Your plan allows clips up to ${limit}. Shorten the clip, or record it again.`;
    return showProblem("A clip is too large", text, html`<a class="btn" href="/account#plan">See plans</a>`);
  }
  showProblem("The upload could not start", `${explainError(error)} ${joinSentences(body?.errors)}`.trim());
}

// Upload

/** @param {"sending"|"merging"} step @param {Partial<import("./progress-view.js").Stand>} stand */
function showWork(step, stand) {
  const moved = showStage("work", step);
  if (moved) work.show(draft.statements);
  work.draw({ sender, patience: sender?.patience ?? patience, merge: null, trouble: null, ...stand });
  if (moved || stand.phase === "failed") work.focus();
}

/** Send the clips, or only chunks that the server lacks (`again`). @param {Part[]} parts @param {boolean} [again] */
function sendParts(parts, again = false) {
  const told = new Set(draft.told);
  const storeTold = () => {
    draft.told = [...told];
    draft.saveNow();
  };
  const hears = {
    onArrived: () => {
      storeTold();
      drawMerging({ percent: 0, message: "", isQueued: true });
      followMerge();
    },
    onRefused: (/** @type {Part} */ { index, error }) => {
      storeTold();
      const text = describeRefusal(error?.type ?? "", error ? explainError(error) : "");
      showTrouble({ title: `Clip ${index + 1} cannot be used`, text, clip: index, mayRetry: false });
    },
    onOver: followMerge,
  };
  const its = new Sender(parts, hears, told);
  sender = its;
  let drawing = false;
  its.addEventListener("change", () => {
    if (drawing) return;
    drawing = true;
    // A timer limits redraws: progress events are frequent, and hidden pages get no animation frames.
    setTimeout(() => {
      drawing = false;
      if (sender !== its || (!its.isGoing && !its.lacksClips)) return;
      work.draw({ phase: "sending" });
      document.title = its.size ? `${Math.floor((its.sent / its.size) * 100)} % · ${TITLE}` : TITLE;
    }, DRAW);
  });
  showWork("sending", { phase: "sending" });
  if (parts.every((part) => part.state === "arrived")) return followMerge();
  its.start(again);
}

/** Remove the clip's name from an error message, because the page already shows the name. @param {string} text */
const removeClipName = (text) => text.replace(/^Clip \d+ \(statement-\d+\.\w+\): /, "");

/** Return the text shown for a clip that the server refused. @param {string} type @param {string} message */
const describeRefusal = (type, message) =>
  `${removeClipName(message)} ${ADVICE[type] ?? "Choose another clip, or record it again."}`.trim();

/** Give files to the missing clips; return a message about the other files. @param {File[]} files */
function giveClips(files) {
  const others = (sender?.give(files) ?? []).map(({ name, size }) => `“${name}” (${formatBytes(size)})`);
  const advice = "is not one of the missing clips: its size is different. Choose the same files as before.";
  return others.map((other) => `${other} ${advice}`).join(" ");
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
  return new Part(upload, clip?.size === upload.size ? clip.blob : null);
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
  document.title = TITLE;
  showWork(sender ? "sending" : "merging", { phase: "failed", trouble });
}

/** Leave a merge that no longer exists. The clips may still be in this browser. @param {string} status */
function onMergeGone(status) {
  stopWork();
  setMergeInAddress("");
  if (draft.clips.some((clip) => clip.blob)) {
    draft.leaveMerge();
    showForm();
    const text = "Your clips and texts are still in this browser, so you can create the challenge again.";
    return drawNote(html`
      <div class="note warn" role="status">
        ${iconView("info")}
        <div class="spacer"><b>${ENDS[status] ?? "The merge has ended"}</b><p class="text-small">${text}</p></div>
      </div>`);
  }
  if (draft.mayKeep) draft.forget();
  const lost = ["Page not found", "The challenge may have been cancelled, or it belongs to another user."];
  const late = [
    "This challenge has expired",
    "Unfinished uploads are kept for a day. Start again with the same files.",
  ];
  const [title, text] = status === "expired" ? late : lost;
  showOther("hour", title, text);
}

/** @param {string} mark @param {string} title @param {string} text @param {View} [button] */
function showOther(mark, title, text, button) {
  drawOther(html`
    <div class="panel empty">
      ${iconView(mark)}
      <h2 tabindex="-1">${title}</h2>
      <p>${text}</p>
      <div class="row wrap">
        ${button ?? html`<a class="btn primary" href="/challenges/new">${iconView("plus")}New challenge</a>`}
        <a class="btn" href="/challenges">All challenges</a>
      </div>
    </div>`);
  showStage("other");
  requireElement("h2", stages.other).focus();
}

// Actions

async function askToCancelWork() {
  const isMerging = !sender?.isGoing && draft.mergeId;
  const rest = draft.mayKeep ? " The clips and texts stay in this browser, so you can start again." : "";
  const sure = await askToConfirm({
    title: isMerging ? "Stop merging the clips?" : "Stop uploading the clips?",
    text: `This deletes the uploaded data.${rest}`,
    keep: "Continue",
    act: "Stop",
    mark: "x",
  });
  if (!sure || stages.work.hidden) return;
  const { mergeId: id, begun } = draft;
  stopWork();
  try {
    if (id) await api.cancelMerge(id);
    // The answer with the merge's id has not arrived. Repeat the request with the same key to get the id.
    else if (begun)
      api
        .requestMerge(begun.body, begun.key)
        .then((answer) => api.cancelMerge(answer.merge_session_id))
        .catch(() => {});
  } catch (error) {
    if (!(error instanceof ApiError && [404, 409, 410].includes(error.status))) {
      // Cancelling failed, so the merge still runs.
      followMerge();
      return drawNote(errorView("The merge could not be stopped.", error, askToCancelWork));
    }
  }
  await backToForm();
}

async function backToForm() {
  stopWork();
  if (draft.mergeId) api.deleteMerge(draft.mergeId).catch(() => {});
  await draft.leaveMerge();
  setMergeInAddress("");
  showForm();
}

async function retryWork() {
  drawNote(null);
  try {
    showMergeState(await api.retryMerge(draft.mergeId));
    followMerge();
  } catch (error) {
    drawNote(errorView("The merge could not be restarted.", error, retryWork));
  }
}

async function replaceClip() {
  const { clip, text } = /** @type {Trouble} */ (work.trouble);
  const statement = draft.statements[clip];
  if (statement) statement.problem = text;
  await backToForm();
  if (statement) form.focus(statement);
}

// Review

/** @param {Merge} merge A completed merge. */
async function showReview(merge) {
  while (draft.statements.length < merge.uploads.length) draft.add();
  showStage("review", "review");
  review.show(draft, merge);
  review.focus();
  announce("The clips are merged. Watch the video, then publish it or save it as a draft.");
  if (draft.challengeId) review.drawSaved(!draft.isUnsaved);
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
      const { id } = await api.createChallenge(body, key);
      draft.challengeId = id;
      draft.savedAs = JSON.stringify({
        title: body.title,
        texts: body.statements.map((/** @type {any} */ one) => one.text ?? ""),
        lie_statement_index: body.lie_statement_index,
      });
      // The challenge is now on the server, so delete the stored draft.
      await draft.forget();
    }
    const fields = draft.challengeFields();
    if (JSON.stringify(fields) !== draft.savedAs) {
      await api.changeChallenge(draft.challengeId, fields);
      draft.savedAs = JSON.stringify(fields);
      await draft.saveChanges(); // deletes the draft in this browser, unless the user has changed it again
    }
    review.drawSaved(true);
    return true;
  } catch (error) {
    const { type, status, body } = error instanceof ApiError ? error : { type: "", status: 0, body: null };
    if (type === "challenge_exists") {
      openChallenge(body.challenge_id);
      return false;
    }
    // After a refusal, use a new idempotency key: the server repeats its refusal for the same key. After a lost answer,
    // keep the key.
    if (REFUSED.has(status) && type !== "idempotency_running" && !draft.challengeId) draft.made = null;
    review.drawSaved(draft.challengeId !== "" && !draft.isUnsaved);
    review.tellProblem(errorView("The challenge was not saved.", error, saveDraft));
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
      await api.publishChallenge(draft.challengeId);
    } catch (error) {
      review.wait(false);
      review.drawSaved(true);
      return review.tellProblem(errorView("The challenge was not published.", error, () => finishReview(true)));
    }
  }
  openChallenge(draft.challengeId);
}

/** @param {string} challenge */
async function openChallenge(challenge) {
  isOpening = true;
  stopWork();
  await draft.forget();
  location.assign(api.getPagePath(challenge));
}

async function askToThrowAway() {
  const text = "This deletes the video and all texts, in this browser and on the server. This cannot be undone.";
  if (await askToConfirm({ title: "Discard this challenge?", text, act: "Discard" })) throwAway();
}

async function throwAway() {
  const { mergeId, challengeId } = draft;
  try {
    if (challengeId) await api.deleteChallenge(challengeId);
    else if (mergeId) await api.deleteMerge(mergeId);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404))
      return review.tellProblem(errorView("The challenge was not deleted.", error, throwAway));
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
    const now = await api.readMerge(draft.mergeId);
    if (!draft.title) draft.title = now.title;
    while (draft.statements.length < now.uploads.length) draft.add();
    showMergeState(now);
    if (!sender && (LIVE.has(now.overall_status) || MERGING.has(now.overall_status))) followMerge();
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 410))
      return onMergeGone(error.status === 410 ? "expired" : "unknown");
    drawOther(errorView("The progress could not be loaded.", error, resumeWork));
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
  const text = "You can create a challenge in only one tab at a time, so that nothing is uploaded twice.";
  const take = () => startPage(true);
  showOther("copy", title, text, html`<button class="btn primary" type="button" @click=${take}>Continue here</button>`);
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
const aim = (/** @type {DragEvent} */ { target }) => {
  const slot = /** @type {Element} */ (target).closest?.("[data-slot]");
  aimedAt = slot?.getAttribute("data-slot") ?? "";
};
window.addEventListener("drop", aim, { capture: true });
window.addEventListener("beforeunload", (event) => {
  const isRecording = document.querySelector("dialog.recording:is([data-state=recording], [data-state=taken])");
  if (sender?.isGoing || isRecording || (draft.isUnsaved && !isOpening)) event.preventDefault();
});
window.addEventListener("pagehide", () => draft.saveNow());
for (const out of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll('form[action="/logout"]'))) {
  out.addEventListener("submit", async (event) => {
    stopWork();
    if (out.dataset.drafts !== "kept") {
      draft.mayKeep = false;
      return; // the shell deletes the draft and submits the form
    }
    event.preventDefault();
    await draft.saveNow();
    out.submit();
  });
}
setInterval(() => (sender?.patience ?? patience)?.lack?.at && work.draw(), 1000);

startPage();
