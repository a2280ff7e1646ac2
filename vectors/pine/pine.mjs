// The protocol: what the client does, what each aggregator does, and how the sum comes out.
import { tables } from "./derivation.mjs";
import { need } from "./field.mjs";
import { cut, Decoders } from "./messages.mjs";
import { concat } from "./xof.mjs";

const NONCE_SIZE = 16;

const same = (a, b) => Buffer.compare(a, b) === 0;

export class Pine extends Decoders {
  // The client

  // Floats to integers, exactly: x = mantissa * 2^exponent, rounded half to even.
  quantise(floats) {
    const view = new DataView(new ArrayBuffer(8));
    return floats.map((x) => {
      view.setFloat64(0, x);
      const bits = view.getBigUint64(0);
      const biased = Number((bits >> 52n) & 0x7ffn);
      const fraction = bits & ((1n << 52n) - 1n);
      need(biased !== 0x7ff, "not finite", "encoding");
      need(biased !== 0 || fraction === 0n, "subnormal", "encoding");
      if (biased === 0) return 0n;
      const mantissa = fraction | (1n << 52n);
      const exponent = biased - 1075 + this.num_frac_bits;
      let integer;
      if (exponent >= 0) integer = mantissa << BigInt(exponent);
      else {
        const unit = 1n << BigInt(-exponent);
        const remainder = mantissa % unit;
        integer = mantissa / unit;
        const up = 2n * remainder > unit || (2n * remainder === unit && integer % 2n === 1n);
        if (up) integer += 1n;
      }
      return bits >> 63n ? -integer : integer;
    });
  }

  shard(integers, nonce, rand) {
    need(integers.length === this.dimension, "dimension");
    need(nonce.length === NONCE_SIZE, "nonce");
    need(rand.length === this.randSize, "rand");
    const { field, shares, seedSize } = this;
    const bits = (value, width) =>
      Array.from({ length: width }, (_, k) => (value >> BigInt(k)) & 1n);

    const norm = integers.reduce((total, x) => total + x * x, 0n);
    const rest = this.normBound ** 2n - norm;
    need(rest >= 0n, "norm above the bound", "encoding");
    const gradient = integers.map((x) => field.reduce(x));
    const prefix = [...gradient, ...bits(norm, this.normBits), ...bits(rest, this.normBits)];

    const seeds = cut(rand, new Array(4 * (shares - 1) + 3).fill(seedSize));
    const helpers = Array.from({ length: shares - 1 }, (_, k) => seeds.slice(4 * k, 4 * k + 4));
    const [leaderWraparound, leaderVerification, proveSeed] = seeds.slice(-3);
    const wraparoundBlinds = [leaderWraparound, ...helpers.map((of) => of[2])];
    const verificationBlinds = [leaderVerification, ...helpers.map((of) => of[3])];
    const leaderShare = (vector, others) =>
      vector.map((x, k) => field.reduce(others.reduce((left, share) => left - share[k], x)));

    const helperMeasurements = helpers.map(([seed], k) =>
      this.helperMeasurement(seed, k + 1),
    );
    const helperPrefixes = helperMeasurements.map((share) => share.slice(0, this.prefixLen));
    const wraparoundParts = [leaderShare(prefix, helperPrefixes), ...helperPrefixes].map(
      (share, j) => this.part("wraparoundPart", wraparoundBlinds[j], j, nonce, share),
    );
    const results = this.wraparoundResults(this.seed("wraparoundSeed", wraparoundParts), gradient);
    const claims = results.flatMap((result, k) => {
      const shifted = field.signed(result) + this.wrBound - 1n;
      need(shifted >= 0n && shifted < 2n * this.wrBound, "wraparound result", "encoding");
      return [...bits(shifted, this.wrBits), k < this.num_wr_successes ? 1n : 0n];
    });

    const measurement = [...prefix, ...claims];
    const measurements = [leaderShare(measurement, helperMeasurements), ...helperMeasurements];
    const verificationParts = measurements.map((share, j) =>
      this.part("verificationPart", verificationBlinds[j], j, nonce, share),
    );
    const joint = this.jointRandomness(this.seed("verificationSeed", verificationParts));
    const proveRand = this.rows(
      this.xof("proveRandomness", proveSeed, this.counts()),
      this.flps.map((flp) => flp.proveRandLen),
    );
    const complete = [...measurement, ...results];
    const proofs = this.flps.flatMap((flp, c) =>
      proveRand[c].flatMap((row, k) => flp.prove(complete, row, joint[c][k])),
    );
    const helperProofs = helpers.map(([, seed], k) => this.helperProofs(seed, k + 1));
    const leader = concat(
      field.encode(measurements[0]),
      field.encode(leaderShare(proofs, helperProofs)),
      leaderWraparound,
      leaderVerification,
    );
    return {
      public_share: concat(...wraparoundParts, ...verificationParts),
      input_shares: [leader, ...helpers.map((of) => concat(...of))],
    };
  }

  // The aggregators

  verifyInit(verifyKey, aggregator, nonce, publicShareBytes, inputShareBytes) {
    const published = this.decodePublicShare(publicShareBytes);
    const inputShare = this.decodeInputShare(aggregator, inputShareBytes);
    need(verifyKey.length === this.seedSize, "verify key");
    need(nonce.length === NONCE_SIZE, "nonce");
    const queryXof = this.xof("queryRandomness", verifyKey, this.counts(), nonce);
    const points = this.rows(queryXof, [1, 1]);
    this.flps.forEach((flp, c) =>
      points[c].forEach(([t]) => need(flp.usable(t), "t^P = 1", "query")),
    );

    let [measurement, proofs] = inputShare;
    const [, , wraparoundBlind, verificationBlind] = inputShare;
    if (aggregator > 0) {
      measurement = this.helperMeasurement(measurement, aggregator);
      proofs = this.helperProofs(proofs, aggregator);
    }
    // The own part is computed; those of the others are taken from the public share.
    const own = (usage, blind, share) => this.part(usage, blind, aggregator, nonce, share);
    const wraparoundPart = own(
      "wraparoundPart",
      wraparoundBlind,
      measurement.slice(0, this.prefixLen),
    );
    const verificationPart = own("verificationPart", verificationBlind, measurement);
    const wraparoundSeed = this.seed(
      "wraparoundSeed",
      published.wraparound.with(aggregator, wraparoundPart),
    );
    const verificationSeed = this.seed(
      "verificationSeed",
      published.verification.with(aggregator, verificationPart),
    );
    const gradient = measurement.slice(0, this.dimension);
    const results = this.wraparoundResults(wraparoundSeed, gradient);
    const complete = [...measurement, ...results];
    const joint = this.jointRandomness(verificationSeed);
    const proofRows = this.proofTables(proofs);
    const verifiers = this.flps.flatMap((flp, c) =>
      proofRows[c].flatMap((proof, k) =>
        flp.query(complete, proof, points[c][k][0], joint[c][k], this.shares),
      ),
    );
    return {
      verifier_state: concat(this.field.encode(gradient), wraparoundSeed, verificationSeed),
      verifier_share: concat(this.field.encode(verifiers), wraparoundPart, verificationPart),
    };
  }

  verifierSharesToMessage(encoded) {
    const shares = encoded.map((bytes) => this.decodeVerifierShare(bytes));
    need(shares.length === this.shares, "number of verifier shares");
    const total = this.addUp(shares.map(({ verifiers }) => verifiers));
    const shapes = this.flps.map((flp) => [flp.proofs, flp.verifierLen]);
    tables(total, shapes).forEach((rows, c) => rows.forEach((row) => this.flps[c].decide(row)));
    return concat(
      this.seed("wraparoundSeed", shares.map(({ wraparound }) => wraparound)),
      this.seed("verificationSeed", shares.map(({ verification }) => verification)),
    );
  }

  verifyNext(stateBytes, messageBytes) {
    const [outShare, ...seeds] = this.decodeState(stateBytes);
    const message = this.decodeMessage(messageBytes);
    const matches = seeds.every((seed, k) => same(seed, message[k]));
    need(matches, "seeds differ", "joint_randomness");
    return outShare;
  }

  // In public: every own part is the published one, and the message is what the parts give.
  checkJointRandomness(publicShareBytes, encoded, messageBytes) {
    const published = this.decodePublicShare(publicShareBytes);
    const shares = encoded.map((bytes) => this.decodeVerifierShare(bytes));
    const message = this.decodeMessage(messageBytes);
    need(shares.length === this.shares, "number of verifier shares");
    const honest = shares.every(
      (share, j) =>
        same(share.wraparound, published.wraparound[j]) &&
        same(share.verification, published.verification[j]),
    );
    need(honest, "a part differs", "joint_randomness");
    const seeds = concat(
      this.seed("wraparoundSeed", published.wraparound),
      this.seed("verificationSeed", published.verification),
    );
    need(same(seeds, concat(...message)), "a seed differs", "joint_randomness");
  }

  // The sum

  addUp(vectors) {
    return vectors.reduce((a, b) => a.map((x, k) => (x + b[k]) % this.field.modulus));
  }

  aggregate(outShares) {
    const zero = new Array(this.dimension).fill(0n);
    const vectors = outShares.map((bytes) => this.decodeGradient(bytes));
    return this.field.encode(this.addUp([zero, ...vectors]));
  }

  // Signed integers; as floats they are divided by 2^num_frac_bits.
  unshard(aggShares, count) {
    const vectors = aggShares.map((bytes) => this.decodeGradient(bytes));
    need(vectors.length === this.shares, "number of aggregate shares");
    const most = this.field.modulus / 2n / this.normBound;
    need(Number.isInteger(count) && count >= 0 && BigInt(count) <= most, "too many measurements");
    return this.addUp(vectors).map((x) => this.field.signed(x));
  }
}
