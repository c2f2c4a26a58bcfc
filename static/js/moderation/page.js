// The moderation page.

import { isComposing, keepTypedText } from "../base/drafts.js";
import { bind, enableShortcuts } from "../base/keys.js";
import { formatDay } from "../videos/api.js";

const entries = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll("[data-queue] a")]);
const player = /** @type {HTMLVideoElement|null} */ (document.querySelector("[data-player]"));
const reason = /** @type {HTMLInputElement|null} */ (document.querySelector("#reason"));

for (const time of /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll("[data-day]"))) {
  const at = new Date(time.dateTime);
  time.title = at.toLocaleString();
  time.textContent = formatDay(at);
}
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-start]")))
  button.addEventListener("click", () => {
    if (!player) return;
    player.currentTime = Number(button.dataset.start);
    player.play().catch(() => {});
  });

/** Time (`performance.now()`) at which Enter last moved the focus from the reason field to a button. */
let typedAt = -Infinity;
/** Decision that waits until the moderator enters a reason. */ let waiting = "";

const current = entries.findIndex((entry) => entry.ariaCurrent === "true");
const TYPING_MS = 1500;
const DECIDED = "moderation-decided"; // sessionStorage key; the value names the draft of the reason submitted last
const place = `moderation${entries[current]?.getAttribute("href")}`;
if (reason && entries[current]) keepTypedText(place, { reason });

/** Submit a decision; all except "dismiss" need a reason. @param {string} act */
function decide(act) {
  const button = /** @type {HTMLButtonElement|null} */ (document.querySelector(`[data-do=${act}]`));
  if (!button || !reason) return;
  if (act === "dismiss" || reason.value.trim()) return button.click();
  waiting = act;
  reason.focus();
}

document.querySelector("[data-decide]")?.addEventListener("submit", (event) => {
  const act = /** @type {SubmitEvent} */ (event).submitter?.getAttribute("value");
  if (!reason || act === "dismiss" || reason.value.trim()) return sessionStorage.setItem(DECIDED, place);
  event.preventDefault();
  waiting = act ?? "";
  reason.setCustomValidity("Enter a reason.");
  reason.reportValidity();
});
reason?.addEventListener("input", () => reason.setCustomValidity(""));
reason?.addEventListener("blur", () => {
  waiting = "";
  reason.setCustomValidity("");
});
// Enter submits the decision that waits for a reason. If none waits, Enter focuses the first decision button.
reason?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || isComposing(event)) return;
  event.preventDefault();
  if (event.repeat) return;
  if (waiting) return decide(waiting);
  /** @type {HTMLElement|null} */ (document.querySelector("[data-do]"))?.focus();
  typedAt = performance.now();
});
// If the moderator continues typing after Enter, focus the reason field again. Otherwise, letters would run shortcuts.
window.addEventListener(
  "keydown",
  (event) => {
    if (performance.now() - typedAt > TYPING_MS || event.key.length !== 1 || event.ctrlKey || event.metaKey) return;
    event.stopImmediatePropagation();
    reason?.focus();
  },
  { capture: true },
);
const outcome = /** @type {HTMLElement|null} */ (document.querySelector("[data-outcome]"));
// Delete the draft of the reason only after the server has processed the decision: if the moderator must first sign in
// again, the draft is still needed.
if (outcome?.classList.contains("ok"))
  keepTypedText(sessionStorage.getItem(DECIDED) ?? "", { reason: document.createElement("input") })();
// Focus the result of the last decision, so that screen readers read it and Tab continues there.
outcome?.focus();
document.querySelector("[data-queue] [aria-current]")?.scrollIntoView({ block: "nearest" });

/** @param {number} by */
const makeMove = (by) => () => {
  const entry = entries[current + by];
  if (entry) location.assign(entry.href);
};

enableShortcuts([
  bind("next", makeMove(1)),
  bind("previous", makeMove(-1)),
  bind(
    "toggle",
    () => (player?.paused ? player.play().catch(() => {}) : player?.pause()),
    // If the player has the focus, it handles Space itself.
    (event) => event.target !== player,
  ),
  bind("reason", () => reason?.focus()),
  bind("dismiss", () => decide("dismiss")),
  bind("settle", () => decide("settle")),
  bind("take_down", () => decide("take_down")),
]);
