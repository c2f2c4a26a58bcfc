// Messages and errors of the server's /sync endpoint.

import { getCounter } from "../crdt.js";

/** @typedef {import("../crdt.js").Operation} Operation */

/** A failed exchange with the /sync endpoint. */
export class SyncError extends Error {
  /**
   * @param {string} sentence
   * @param {{status?: number, type?: string, body?: any, retryAfter?: number}} [about]
   */
  constructor(sentence, { status = 0, type = "offline", body = null, retryAfter = 0 } = {}) {
    super(sentence);
    this.name = "SyncError";
    this.status = status;
    this.type = type;
    this.body = body;
    this.retryAfter = retryAfter; // seconds to wait before a retry
  }

  get sentence() {
    return this.message;
  }

  /** True if a retry may succeed. */
  get passes() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** @param {Operation} one */
export const makeDot = (one) => `${getCounter(one)} ${one.actor}`;

/** @param {Operation|undefined} one */
export const getContent = (one) => one && [one.type, one.value];

/**
 * Return whether an operation from the server is the one that was sent. The types must be equal. The server may have
 * normalised the value, and a page may have corrected the time, so only one of these two must be equal.
 * @param {Operation} told
 * @param {Operation} sent
 */
export const isRepetition = (told, sent) =>
  told.type === sent.type && (told.timestamp === sent.timestamp || isSame(told.value, sent.value));

/**
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Replace runs of spaces and control characters by one space, as the server does. @param {string} value */
export const toLine = (value) =>
  toText(value)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Zs}]+/gu, " ")
    .trim();

/** @param {string} value */
export const toText = (value) => String(value ?? "").normalize("NFC");

/**
 * @param {Operation} operation
 * @param {import("../crdt.js").Clock} clock
 */
export const toWire = (operation, clock) => ({
  operation_type: operation.type,
  operation_data: { value: operation.value, ...(operation.state && { state: operation.state }) },
  timestamp: formatMicroseconds(operation.timestamp),
  vector_clock: clock,
  actor_id: operation.actor,
});

/**
 * @param {any} told
 * @returns {Operation}
 */
export const fromWire = (told) => ({
  type: told.operation_type,
  value: told.operation_data.value,
  timestamp: parseMicroseconds(told.timestamp),
  actor: told.actor_id,
  clock: told.vector_clock,
  ...(told.operation_data.state && { state: told.operation_data.state }),
});

/**
 * Convert microseconds since 1970 to ISO 8601 with six decimals.
 * @param {number} microseconds
 * @returns {string}
 */
export function formatMicroseconds(microseconds) {
  const whole = Math.floor(microseconds / 1e6);
  const rest = String(microseconds - whole * 1e6).padStart(6, "0");
  return new Date(whole * 1000).toISOString().replace(/\.\d+Z$/, `.${rest}Z`);
}

/**
 * Convert ISO 8601 to microseconds since 1970.
 * @param {string} iso
 * @returns {number}
 */
export function parseMicroseconds(iso) {
  const [, whole, fraction = "", zone] = /** @type {string[]} */ (/^([^.]*?)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)$/.exec(iso));
  return Date.parse(whole + zone) * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}
