/** Web Locks as far as the client uses them; pages that are gone let go. */
export class Locks {
  held = new Set();

  async request(name, { ifAvailable }, use) {
    if (!ifAvailable) throw new TypeError("only ifAvailable");
    if (this.held.has(name)) return use(null);
    this.held.add(name);
    try {
      return await use({ name });
    } finally {
      this.held.delete(name);
    }
  }
}
