// Compares what a module gives with what is expected, where numbers may differ by a little: pytest.approx for node.

import assert from "node:assert/strict";

class Near {
  constructor(value, tolerance) {
    Object.assign(this, { value, tolerance });
  }
}

/** A number within a tolerance, by default a millionth of itself; only for assertMatches. */
export function near(value, tolerance = Math.max(1e-6 * Math.abs(value), 1e-12)) {
  return new Near(value, tolerance);
}

/** Like assert.deepEqual; `expected` may have near(…) anywhere in it. */
export function assertMatches(found, expected) {
  assert.deepEqual(settled(found, expected), expected);
}

/** `found` with what is expected in the place of each number that is near enough. */
function settled(found, expected) {
  if (expected instanceof Near) {
    return typeof found === "number" && Math.abs(found - expected.value) <= expected.tolerance ? expected : found;
  }
  if (Array.isArray(found)) return found.map((one, n) => settled(one, expected?.[n]));
  if (found === null || typeof found !== "object") return found;
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, settled(value, expected?.[name])]));
}
