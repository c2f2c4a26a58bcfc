// The lock that lets only one tab create a challenge, so that nothing is sent twice. Browsers have locks only over
// https; without them every tab may proceed.

/**
 * @param {string} name
 * @param {() => void} onTaken another tab has taken the lock
 * @param {boolean} [take] whether to take it from another tab
 * @returns {Promise<boolean>} whether this tab has it
 */
export function holdAlone(name, onTaken, take = false) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = navigator.locks.request(name, take ? { steal: true } : { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      // The lock is held until the page closes or another tab takes it.
      return lock && new Promise(() => {});
    });
    held.catch(() => onTaken());
  });
}
