// Plays one vector: carries out its steps and compares everything that comes out.
import { createHash } from "node:crypto";
import { Refused } from "./field.mjs";
import { Pine } from "./pine.mjs";
import { INSTANCE_FREE, STEPS } from "./steps.mjs";
import { concat } from "./xof.mjs";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

export class Mismatch extends Error {}

function differ(where, problem) {
  throw new Mismatch(`${where}: ${problem}`);
}

const AUDIENCE = { shard: "client", shard_integers: "client" };

// Where, by which check and for whom a vector fails, told from its steps.
function expectation(steps) {
  const failing = steps.filter((step) => !step.success);
  if (failing.length === 0) return { outcome: "accepted" };
  const { operation, check } = failing[0];
  const alike = failing.every((step) => step.operation === operation && step.check === check);
  if (!alike) return { outcome: "several" };
  const ids = failing.map((step) => step.aggregator_id);
  const by = ids.includes(undefined) ? (AUDIENCE[operation] ?? "everybody") : ids;
  return { outcome: "refused", step: operation, check, by };
}

// Results are written in the step; long ones as the digest of their 8-byte little-endian entries.
function sameResult(stored, found) {
  if (stored.sha256 !== undefined) {
    const bytes = Buffer.alloc(8 * found.length);
    found.forEach((value, k) =>
      typeof value === "bigint"
        ? bytes.writeBigInt64LE(value, 8 * k)
        : bytes.writeDoubleLE(value, 8 * k),
    );
    return stored.sha256 === sha256(bytes);
  }
  if (!Array.isArray(found)) return canonical(stored) === canonical(found);
  const equal = (text, value) =>
    typeof value === "number" ? Object.is(Number(text), value) : text === String(value);
  return stored.length === found.length && found.every((value, k) => equal(stored[k], value));
}

const canonical = (object) => JSON.stringify(Object.entries(object).sort());

// A constructor works hard; neighbours often have the same parameters.
let last = { key: null, pine: null };
function instance(parameters) {
  const key = JSON.stringify(parameters);
  if (last.key !== key) last = { key, pine: new Pine(parameters) };
  return last.pine;
}

export function play(vector, shared) {
  const stored = { ...shared, ...vector.values };
  const known = {};

  const bytesOf = (name) => {
    if (known[name]) return known[name];
    const value = stored[name] ?? differ(name, "no such value");
    if (typeof value === "string") return new Uint8Array(Buffer.from(value, "hex"));
    if (value.sha256) return differ(name, "only a digest, and no earlier step gave it");
    const changed = bytesOf(value.of).slice();
    for (const [offset, text] of value.set ?? []) changed.set(Buffer.from(text, "hex"), offset);
    const kept = changed.slice(0, value.cut ?? changed.length);
    return concat(kept, Buffer.from(value.append ?? "", "hex"));
  };

  const compare = (where, name, found) => {
    const value = stored[name] ?? differ(where, `${name} is not stored`);
    const agrees = value.sha256
      ? value.sha256 === sha256(found) && value.length === found.length
      : hex(bytesOf(name)) === hex(found);
    if (!agrees) differ(where, `${name} comes out otherwise`);
    known[name] = found;
  };

  vector.operations.forEach((step, index) => {
    const where = `step ${index}, ${step.operation}`;
    const get = (key) => (Array.isArray(step[key]) ? step[key].map(bytesOf) : bytesOf(step[key]));
    let outputs;
    try {
      const pine = INSTANCE_FREE.has(step.operation) ? null : instance(vector.parameters);
      outputs = STEPS[step.operation](pine, step, get);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (step.success || step.check !== error.check) differ(where, `refused: ${error.message}`);
      return;
    }
    if (!step.success) differ(where, `succeeds, must fail by ${step.check}`);
    for (const [key, found] of Object.entries(outputs)) {
      if (["derived", "agg_result", "elements"].includes(key)) {
        if (!sameResult(step[key], found)) differ(where, `${key} comes out as ${String(found)}`);
      } else if (Array.isArray(found)) {
        if (found.length !== step[key].length) differ(where, `number of ${key}`);
        found.forEach((each, k) => compare(where, step[key][k], each));
      } else compare(where, step[key], found);
    }
  });
  const told = expectation(vector.operations);
  if (canonical(told) !== canonical(vector.expect)) differ("expect", "is not what the steps say");
}
