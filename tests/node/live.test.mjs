// The live channel, with sockets and a clock of the test's own: what is asked for without a socket, and what counts.

import assert from "node:assert/strict";
import test, { mock } from "node:test";

import { LiveChannel } from "./js/base/live-channel.js";

/** @type {Socket[]} */ const sockets = [];

class Socket {
  constructor(address) {
    this.address = address;
    sockets.push(this);
  }

  close() {}
}

Object.assign(globalThis, {
  window: Object.assign(new EventTarget(), {
    setTimeout: (...given) => setTimeout(...given),
    setInterval: (...given) => setInterval(...given),
  }),
  location: { protocol: "https:", host: "here" },
  WebSocket: Socket,
});
mock.timers.enable({ apis: ["setTimeout", "setInterval"] });

const LONG = 20_000;
const ignore = () => {};

/** A channel with a socket that has not opened yet. */
const connecting = (more = {}) =>
  new LiveChannel("/ws/jobs/", { onMessage: ignore, snapshot: async () => ({}), onSnapshot: ignore, ...more });

/** A channel whose first three connections came to nothing, so that it asks; what it asks for comes by `answer`. */
function polling() {
  const heard = [];
  const hear = ({ words }) => heard.push(words);
  let resolve;
  const snapshot = () => new Promise((settle) => (resolve = settle));
  const channel = new LiveChannel("/ws/jobs/1/", { onMessage: hear, snapshot, onSnapshot: hear });
  for (let n = 0; n < 3; n += 1) {
    sockets.at(-1).onclose({ code: 1006 });
    if (n < 2) mock.timers.tick(LONG);
  }
  const answer = async (words) => {
    resolve({ words });
    await new Promise((done) => setImmediate(done));
  };
  return { channel, heard, answer };
}

test("without a socket the state is asked for", async () => {
  const { channel, heard, answer } = polling();
  await answer("as it was asked for");
  assert.deepEqual(heard, ["as it was asked for"]);
  channel.close();
});

test("an answer that comes after a message takes nothing back", async () => {
  const { channel, heard, answer } = polling();
  mock.timers.tick(LONG);
  sockets.at(-1).onmessage({ data: JSON.stringify({ words: "newer" }) });
  await answer("older");
  assert.deepEqual(heard, ["newer"]);
  channel.close();
});

test("a socket that is closed at once is opened again after pauses that double up to ten seconds", (t) => {
  t.mock.method(Math, "random", () => 0.5);
  const channel = connecting();
  for (const pause of [500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
    const opened = sockets.length;
    sockets.at(-1).onclose({ code: 1006 });
    mock.timers.tick(pause - 1);
    assert.equal(sockets.length, opened);
    mock.timers.tick(1);
    assert.equal(sockets.length, opened + 1);
  }
  // Its first message makes it a connection: the next loss begins with the shortest pause.
  sockets.at(-1).onmessage({ data: "{}" });
  const opened = sockets.length;
  sockets.at(-1).onclose({ code: 1006 });
  mock.timers.tick(500);
  assert.equal(sockets.length, opened + 1);
  channel.close();
});

test("a channel that was closed because the session ended is opened again when somebody signs in", () => {
  const states = [];
  const channel = connecting({ onState: (state) => states.push(state) });
  const opened = sockets.length;
  sockets.at(-1).onclose({ code: 4401 });
  mock.timers.tick(LONG);
  assert.equal(sockets.length, opened);
  window.dispatchEvent(new Event("signedin"));
  assert.equal(sockets.length, opened + 1);
  assert.deepEqual(states, ["connecting", "closed", "connecting"]);
  channel.close();
});
