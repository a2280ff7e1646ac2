// The variants of PINE, what follows from parameters, and which are refused.
import { FIELDS, need } from "./field.mjs";
import { Flp, NormEquality, Validity } from "./flp.mjs";
import { XOFS } from "./xof.mjs";

// Field, XOF, identifier, default proofs, and whether the proof counts may be chosen.
const VARIANTS = {
  Pine128: ["Field128", "XofTurboShake128", 0xffffffff, 1, false],
  Pine64: ["Field64", "XofTurboShake128", 0xffffffff, 2, false],
  Pine64HmacSha256Aes128: ["Field64", "XofHmacSha256Aes128", 0xffff1004, 2, true],
  Pine32HmacSha256Aes128: ["Field32", "XofHmacSha256Aes128", 0xffff1005, 5, true],
  Pine40HmacSha256Aes128: ["Field40", "XofHmacSha256Aes128", 0xffff1006, 4, true],
};

const within = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;
const bitLength = (integer) => integer.toString(2).length;
export const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

export class Parameters {
  constructor(given) {
    Object.assign(this, given); // the names of the vectors: shares, dimension, num_frac_bits, …
    need(Object.hasOwn(VARIANTS, given.variant), "unknown variant");
    const [field, xof, id, proofs, choosesProofs] = VARIANTS[given.variant];
    this.field = FIELDS[field];
    this.Xof = XOFS[xof];
    this.id = id;
    this.normBound = BigInt(given.l2_norm_bound);
    const q = this.field.modulus;
    const most = Number(q - 1n);
    need(within(this.shares, 2, 255), "shares");
    need(within(this.dimension, 1, most), "dimension");
    need(within(this.num_frac_bits, 0, 127), "num_frac_bits");
    need(within(this.num_wr_checks, 1, most), "num_wr_checks");
    need(within(this.num_wr_successes, 1, this.num_wr_checks), "num_wr_successes");
    need(within(this.proofs, 1, 255), "proofs");
    need(within(this.proofs_norm_equality, 1, 255), "proofs_norm_equality");
    need(within(this.chunk_length, 1, most), "chunk_length");
    need(within(this.chunk_length_norm_equality, 1, most), "chunk_length_norm_equality");
    if (choosesProofs) need(this.alpha === 8.7, "alpha is fixed");
    else need(this.proofs === proofs && this.proofs_norm_equality === 1, "proofs are fixed");
    need(this.alpha > 0 && this.normBound >= 1n, "sign");

    const squared = this.normBound ** 2n;
    this.normBits = bitLength(squared);
    const reach = this.alpha * Number(this.normBound); // a product of floats, as in the reference
    need(Number.isFinite(reach), "alpha");
    const least = BigInt(Math.ceil(reach)) + 1n;
    this.wrBound = 1n;
    while (this.wrBound < least) this.wrBound *= 2n;
    this.wrBits = bitLength(2n * this.wrBound - 1n);
    // The reference divides to a float: (q - 2) / B^2 must be over 3 also when it is rounded, and
    // what rounds to 3 reaches up to 3 + 2^-52.
    need((q - 2n) << 52n > ((3n << 52n) + 1n) * squared, "norm bound");
    need(q >= 2n * BigInt(this.num_wr_checks), "number of checks");
    need(q >= 2600n * this.wrBound, "wraparound bound");
    need(this.wrBound ** 2n <= 4000n * q, "square of the wraparound bound");

    this.prefixLen = this.dimension + 2 * this.normBits;
    this.measurementLen = this.prefixLen + this.num_wr_checks * (this.wrBits + 1);
    this.flps = [
      new Flp(new NormEquality(this), this.proofs_norm_equality),
      new Flp(new Validity(this), this.proofs),
    ];
    need(this.flps.every((flp) => flp.fits), "too many gadget calls");
    this.proofsLen = sum(this.flps.map((flp) => flp.proofs * flp.proofLen));
    this.verifiersLen = sum(this.flps.map((flp) => flp.proofs * flp.verifierLen));
    this.seedSize = this.Xof.SEED_SIZE;
    this.randSize = (4 * (this.shares - 1) + 3) * this.seedSize;
  }

  derived() {
    const { size } = this.field;
    const [normEquality, validity] = this.flps;
    return {
      field: this.field.name,
      wr_check_bound: String(this.wrBound),
      num_bits_for_sq_norm: this.normBits,
      num_bits_for_wr_check: this.wrBits,
      measurement_len: this.measurementLen,
      proof_len: validity.proofLen,
      proof_len_norm_equality: normEquality.proofLen,
      rand_size: this.randSize,
      verify_key_size: this.seedSize,
      public_share_size: 2 * this.shares * this.seedSize,
      leader_share_size: (this.measurementLen + this.proofsLen) * size + 2 * this.seedSize,
      helper_share_size: 4 * this.seedSize,
      verifier_share_size: this.verifiersLen * size + 2 * this.seedSize,
      verifier_message_size: 2 * this.seedSize,
      out_share_size: this.dimension * size,
    };
  }
}
