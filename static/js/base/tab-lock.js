// A lock that lets only one tab create a challenge, so that no challenge is sent twice. Without https, browsers have
// no locks, so every tab proceeds.

/**
 * Request the lock; return whether this tab holds the lock.
 * @param {string} name
 * @param {() => void} onTaken Runs when another tab takes the lock.
 * @param {boolean} take True to take the lock from another tab.
 * @returns {Promise<boolean>}
 */
export function requestTabLock(name, onTaken, take) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = navigator.locks.request(name, take ? { steal: true } : { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
    held.catch(() => onTaken());
  });
}
