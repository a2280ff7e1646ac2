// Everything that is derived from seeds, keys and nonces.
import { Parameters, sum } from "./parameters.mjs";
import { concat } from "./xof.mjs";

const USAGE = {
  measurementShare: 1,
  proofShare: 2,
  jointRandomness: 3,
  proveRandomness: 4,
  queryRandomness: 5,
  verificationSeed: 6,
  verificationPart: 7,
  wraparoundRandomness: 8,
  wraparoundSeed: 9,
  wraparoundPart: 10,
};

// A vector cut into rows; `shapes` lists [rows, columns] per table.
export function tables(vector, shapes) {
  let at = 0;
  return shapes.map(([rows, columns]) =>
    Array.from({ length: rows }, () => vector.slice(at, (at += columns))),
  );
}

export class Derivation extends Parameters {
  xof(usage, seed, ...binder) {
    const tag = Buffer.alloc(7); // version, identifier, usage
    tag.writeUInt8(1, 0);
    tag.writeUInt32BE(this.id, 1);
    tag.writeUInt16BE(USAGE[usage], 5);
    return new this.Xof(seed, tag, concat(...binder));
  }

  seed(usage, parts) {
    return this.xof(usage, new Uint8Array(this.seedSize), ...parts).next(this.seedSize);
  }

  part(usage, blind, aggregator, nonce, share) {
    const bytes = this.field.encode(share);
    return this.xof(usage, blind, [aggregator], nonce, bytes).next(this.seedSize);
  }

  counts() {
    return [this.proofs_norm_equality, this.proofs];
  }

  // One stream, cut into a row per proof, norm-equality proofs first.
  rows(xof, lengths) {
    const shapes = this.flps.map((flp, k) => [flp.proofs, lengths[k]]);
    return tables(xof.nextVec(this.field, sum(shapes.map(([r, c]) => r * c))), shapes);
  }

  jointRandomness(seed) {
    return this.rows(this.xof("jointRandomness", seed, [this.proofs]), [0, 3]);
  }

  proofTables(vector) {
    return tables(vector, this.flps.map((flp) => [flp.proofs, flp.proofLen]));
  }

  // Random sums of entries: two bits per entry, low bits first, whole bytes per check.
  wraparoundResults(seed, gradient) {
    const xof = this.xof("wraparoundRandomness", seed);
    return Array.from({ length: this.num_wr_checks }, () => {
      const bytes = xof.next(Math.ceil(this.dimension / 4));
      let total = 0n;
      gradient.forEach((entry, k) => {
        const pair = (bytes[k >> 2] >> (2 * (k & 3))) & 3;
        if (pair === 0) total -= entry;
        if (pair === 3) total += entry;
      });
      return this.field.reduce(total);
    });
  }

  helperMeasurement(seed, aggregator) {
    const xof = this.xof("measurementShare", seed, [aggregator]);
    return xof.nextVec(this.field, this.measurementLen);
  }

  helperProofs(seed, aggregator) {
    const xof = this.xof("proofShare", seed, this.counts(), [aggregator]);
    return xof.nextVec(this.field, this.proofsLen);
  }
}
