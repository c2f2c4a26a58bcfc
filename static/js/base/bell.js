// The bell in the top bar: a menu of the jobs that ended while the user was away.

import { listUnseenJobs, markJobsSeen } from "./api.js";
import { setText } from "./dom.js";
import { formatCount, formatWhen } from "./format.js";
import { toggleMenu } from "./menu.js";
import { explainError, showToast } from "./notice.js";

const AGAIN = 60_000; // minimum ms between two requests
const MOST = 99; // maximum count on the bell

const button = /** @type {HTMLElement|null} */ (document.querySelector("[data-bell]"));
const place = /** @type {HTMLElement|null|undefined} */ (button?.querySelector(".bell-count"));
/** Answer of the API with the unseen jobs. @type {any} */ let unseen = { jobs: [], total: 0, until: null };
let readAt = -AGAIN;
/** @type {Promise<void>|undefined} */ let loading;

/** Load the unseen jobs, at most once a minute. */
function load() {
  if (document.visibilityState !== "visible" || performance.now() - readAt < AGAIN) return;
  readAt = performance.now();
  loading = listUnseenJobs().then(
    (found) => {
      unseen = found;
      showCount(unseen.total);
    },
    () => {}, // ignore the error: the next visit of the page retries
  );
}

/** @param {number} count */
function showCount(count) {
  if (!button || !place) return;
  const label = count ? `Results: ${formatCount(count, "job")} ended` : "Results";
  Object.assign(button, { ariaLabel: label, title: label });
  setText(place, count > MOST ? `${MOST}+` : String(count));
  place.hidden = count === 0;
}

/** @param {any} job @returns {import("./menu.js").MenuItem} */
const toItem = ({ title, status, finished_at, url }) => ({
  label: title,
  icon: status === "failed" ? "alert" : "check",
  note: `${status === "failed" ? "Failed" : "Completed"} ${formatWhen(new Date(finished_at))}`,
  href: url,
});

async function toggle() {
  if (!button) return;
  load();
  await loading;
  const items = unseen.jobs.map(toItem);
  const all = { label: items.length ? "All jobs" : "No new results. Show all jobs", icon: "jobs", href: "/jobs" };
  toggleMenu(button, "Results", [...items, { ...all, apart: items.length > 0 }]);
  if (button.ariaExpanded !== "true" || button.title === "Results") return;
  try {
    await markJobsSeen(unseen.until);
    showCount(0);
  } catch (error) {
    showToast(explainError(error), "bad");
  }
}

if (button) {
  button.addEventListener("click", toggle);
  document.addEventListener("visibilitychange", load);
  // Load the jobs once the page is idle. Safari does not offer requestIdleCallback.
  (globalThis.requestIdleCallback ?? setTimeout)(load);
}
