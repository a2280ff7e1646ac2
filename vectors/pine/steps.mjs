// What each step of a vector stands for.
import { FIELDS } from "./field.mjs";
import { XOFS } from "./xof.mjs";

// Integers in -span … span, drawn by a linear congruence modulo 2^64.
function generated({ length, seed, span, num_frac_bits: fracBits }, floats) {
  let state = BigInt(seed);
  return Array.from({ length }, () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    const integer = ((state >> 33n) % BigInt(2 * span + 1)) - BigInt(span);
    return floats ? Number(integer) / 2 ** fracBits : integer;
  });
}

function measurement(step, floats) {
  if (!Array.isArray(step.measurement)) return generated(step.measurement, floats);
  return step.measurement.map(floats ? Number : BigInt);
}

// Per step: what comes out, by the step's keys. `get` gives the bytes that a key names.
export const STEPS = {
  parameters: (pine) => ({ derived: pine.derived() }),
  shard: (pine, step, get) =>
    pine.shard(pine.quantise(measurement(step, true)), get("nonce"), get("rand")),
  shard_integers: (pine, step, get) =>
    pine.shard(measurement(step, false), get("nonce"), get("rand")),
  verify_init: (pine, step, get) =>
    pine.verifyInit(
      get("verify_key"),
      step.aggregator_id,
      get("nonce"),
      get("public_share"),
      get("input_share"),
    ),
  verifier_shares_to_message: (pine, step, get) => ({
    verifier_message: pine.verifierSharesToMessage(get("verifier_shares")),
  }),
  check_joint_randomness: (pine, step, get) => {
    const shares = get("verifier_shares");
    pine.checkJointRandomness(get("public_share"), shares, get("verifier_message"));
    return {};
  },
  verify_next: (pine, step, get) => ({
    out_share: pine.verifyNext(get("verifier_state"), get("verifier_message")),
  }),
  aggregate: (pine, step, get) => ({ agg_share: pine.aggregate(get("out_shares")) }),
  unshard: (pine, step, get) => {
    const sums = pine.unshard(get("agg_shares"), step.num_measurements);
    return { agg_result: sums.map((integer) => Number(integer) / 2 ** pine.num_frac_bits) };
  },
  unshard_integers: (pine, step, get) => ({
    agg_result: pine.unshard(get("agg_shares"), step.num_measurements),
  }),
  decode: (pine, step, get) => {
    const decoders = {
      public_share: (data) => pine.decodePublicShare(data),
      input_share: (data) => pine.decodeInputShare(step.aggregator_id, data),
      verifier_share: (data) => pine.decodeVerifierShare(data),
      verifier_message: (data) => pine.decodeMessage(data),
      verifier_state: (data) => pine.decodeState(data),
      out_share: (data) => pine.decodeGradient(data),
      agg_share: (data) => pine.decodeGradient(data),
    };
    decoders[step.message](get("data"));
    return {};
  },
  xof: (_, step, get) => {
    const stream = new XOFS[step.xof](get("seed"), get("dst"), get("binder"));
    return { output: stream.next(step.length) };
  },
  xof_vec: (_, step, get) => {
    const stream = new XOFS[step.xof](get("seed"), get("dst"), get("binder"));
    const field = FIELDS[step.field];
    return { output: field.encode(stream.nextVec(field, step.length)) };
  },
  field_decode: (_, step, get) => ({
    elements: FIELDS[step.field].decode(get("data")).map(String),
  }),
  field_encode: (_, step) => ({ data: FIELDS[step.field].encode(step.elements.map(BigInt)) }),
};

export const INSTANCE_FREE = new Set(["xof", "xof_vec", "field_decode", "field_encode"]);
