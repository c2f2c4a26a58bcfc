// One challenge is made in one tab: two of them would send and keep the same things. By the browser's locks, which are
// there over https; over plain http nobody is told of the other.

/**
 * @param {string} name
 * @param {() => void} onTaken another tab has it now
 * @param {boolean} [take] from whoever has it
 * @returns {Promise<boolean>} whether this tab has it
 */
export function holdAlone(name, onTaken, take = false) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = navigator.locks.request(name, take ? { steal: true } : { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      // Held until the page closes, or another tab takes it.
      return lock && new Promise(() => {});
    });
    held.catch(() => onTaken());
  });
}
