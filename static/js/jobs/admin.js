// Live updates of the job list in the Django admin.

const FIRST_DELAY = 1000;
const LAST_DELAY = 30_000;
let delay = FIRST_DELAY;

/** @param {{id: string, status: string, progress: number, message: string}} job */
function showJob(job) {
  for (const part of document.querySelectorAll(`[data-job="${CSS.escape(job.id)}"]`)) {
    const name = /** @type {HTMLElement} */ (part).dataset.part;
    if (part instanceof HTMLProgressElement) part.value = job.progress;
    else if (name === "status") part.textContent = job.status;
    else if (name === "message") part.textContent = job.message;
  }
}

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/jobs/`);
  socket.addEventListener("message", (event) => {
    delay = FIRST_DELAY;
    const message = JSON.parse(event.data);
    if (message.type === "job") showJob(message.job);
    if (message.type === "jobs") message.jobs.forEach(showJob);
  });
  socket.addEventListener("close", (event) => {
    if (event.code >= 4000) return;
    setTimeout(connect, delay);
    delay = Math.min(delay * 2, LAST_DELAY);
  });
}

if (document.querySelector("[data-job]")) connect();
