// Strict decoders of all messages: another length, or an element too large, is refused.
import { Derivation } from "./derivation.mjs";
import { need } from "./field.mjs";
import { sum } from "./parameters.mjs";

export function cut(bytes, sizes) {
  need(bytes.length === sum(sizes), `${bytes.length} bytes`, "decode");
  let at = 0;
  return sizes.map((size) => bytes.slice(at, (at += size)));
}

export class Decoders extends Derivation {
  decodePublicShare(bytes) {
    const parts = cut(bytes, new Array(2 * this.shares).fill(this.seedSize));
    return { wraparound: parts.slice(0, this.shares), verification: parts.slice(this.shares) };
  }

  decodeInputShare(aggregator, bytes) {
    need(aggregator < this.shares, "aggregator");
    const { field, seedSize } = this;
    if (aggregator === 0) {
      const lengths = [this.measurementLen * field.size, this.proofsLen * field.size];
      const [measurement, proofs, ...blinds] = cut(bytes, [...lengths, seedSize, seedSize]);
      return [field.decode(measurement), field.decode(proofs), ...blinds];
    }
    return cut(bytes, new Array(4).fill(seedSize));
  }

  decodeVerifierShare(bytes) {
    const sizes = [this.verifiersLen * this.field.size, this.seedSize, this.seedSize];
    const [verifiers, wraparound, verification] = cut(bytes, sizes);
    return { verifiers: this.field.decode(verifiers), wraparound, verification };
  }

  decodeMessage(bytes) {
    return cut(bytes, [this.seedSize, this.seedSize]);
  }

  decodeState(bytes) {
    const sizes = [this.dimension * this.field.size, this.seedSize, this.seedSize];
    const [outShare, ...seeds] = cut(bytes, sizes);
    this.field.decode(outShare);
    return [outShare, ...seeds];
  }

  decodeGradient(bytes) {
    return this.field.decode(...cut(bytes, [this.dimension * this.field.size]));
  }
}
