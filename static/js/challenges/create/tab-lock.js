// A lock that lets only one tab create a challenge, so that nothing is sent twice. Without https, browsers have no
// locks and every tab proceeds.

/**
 * Request the lock; return whether this tab holds the lock.
 * @param {string} name
 * @param {() => void} onTaken Callback that runs when another tab takes the lock.
 * @param {boolean} [take] True to take the lock from another tab.
 * @returns {Promise<boolean>}
 */
export function requestTabLock(name, onTaken, take = false) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = navigator.locks.request(name, take ? { steal: true } : { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
    held.catch(() => onTaken());
  });
}
