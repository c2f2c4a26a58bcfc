// Key presses in the notation of the table of shortcuts.

import assert from "node:assert/strict";
import test from "node:test";

import { getPress } from "./js/base/keys.js";

const press = (key, { ctrl = false, shift = false, altGraph = false } = {}) =>
  getPress({ key, ctrlKey: ctrl, shiftKey: shift, getModifierState: () => altGraph });

test("letters are lower-case, also with Caps Lock or Shift", () => {
  assert.equal(press("K"), "k");
  assert.equal(press("K", { shift: true }), "k");
  assert.equal(press(" "), "Space");
  assert.equal(press("ArrowLeft", { shift: true }), "ArrowLeft");
});

test("Ctrl makes another press; Shift does only for letters with Ctrl", () => {
  assert.equal(press("z", { ctrl: true }), "Ctrl+z");
  assert.equal(press("Z", { ctrl: true, shift: true }), "Ctrl+Shift+z");
  assert.equal(press("ArrowLeft", { ctrl: true, shift: true }), "Ctrl+ArrowLeft");
});

test("AltGr types a character and is not Ctrl", () => {
  assert.equal(press("[", { ctrl: true, altGraph: true }), "[");
});
