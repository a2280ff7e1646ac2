// The two extendable-output functions, each a stream of bytes from (seed, tag, binder).
import { createCipheriv, createHmac } from "node:crypto";
import { littleEndian, Refused } from "./field.mjs";

export function concat(...pieces) {
  const whole = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

class Xof {
  constructor(seed, tag, binder) {
    if (seed.length !== this.constructor.SEED_SIZE) throw new Refused("parameter", "seed size");
    if (tag.length > 255) throw new Refused("parameter", "tag over 255 bytes");
    this.buffer = new Uint8Array(0);
    this.start(seed, concat([tag.length], tag), binder);
  }

  // The next bytes of the stream; `block()` of the subclass gives some at a time.
  next(length) {
    const pieces = [this.buffer];
    let have = this.buffer.length;
    while (have < length) {
      const block = this.block(length - have);
      pieces.push(block);
      have += block.length;
    }
    const all = concat(...pieces);
    this.buffer = all.slice(length);
    return all.slice(0, length);
  }

  // Elements that are not below the modulus are skipped.
  nextVec(field, length) {
    const vector = [];
    while (vector.length < length) {
      const missing = length - vector.length;
      const bytes = this.next(missing * field.size);
      for (let k = 0; k < missing; k++) {
        const candidate = littleEndian(bytes, k * field.size, field.size);
        if (candidate < field.modulus) vector.push(candidate);
      }
    }
    return vector;
  }
}

// Keccak-p[1600, 12]: the last twelve rounds of Keccak-f (FIPS 202, section 3.2; RFC 9861).
const MASK = (1n << 64n) - 1n;
const rotate = (lane, n) => ((lane << n) | (lane >> (64n - n))) & MASK;

// Rotation offsets and round constants follow from their definitions in FIPS 202.
const OFFSETS = (() => {
  const offsets = new Array(25).fill(0n);
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t++) {
    offsets[x + 5 * y] = BigInt((((t + 1) * (t + 2)) / 2) % 64);
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return offsets;
})();

const ROUND_CONSTANTS = (() => {
  let register = 1; // x^8 + x^6 + x^5 + x^4 + 1 over two elements
  const bit = () => {
    const out = register & 1;
    register <<= 1;
    if (register & 0x100) register ^= 0x171;
    return out;
  };
  const constants = [];
  for (let round = 0; round < 24; round++) {
    let constant = 0n;
    for (let j = 0; j <= 6; j++) if (bit()) constant |= 1n << BigInt(2 ** j - 1);
    constants.push(constant);
  }
  return constants;
})();

function permute(state) {
  for (const constant of ROUND_CONSTANTS.slice(12)) {
    // theta
    const column = [0, 1, 2, 3, 4].map(
      (x) => state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20],
    );
    for (let x = 0; x < 5; x++) {
      const mix = column[(x + 4) % 5] ^ rotate(column[(x + 1) % 5], 1n);
      for (let y = 0; y < 5; y++) state[x + 5 * y] ^= mix;
    }
    // rho and pi
    const moved = new Array(25);
    for (let x = 0; x < 5; x++)
      for (let y = 0; y < 5; y++)
        moved[y + 5 * ((2 * x + 3 * y) % 5)] = rotate(state[x + 5 * y], OFFSETS[x + 5 * y]);
    // chi
    for (let y = 0; y < 25; y += 5)
      for (let x = 0; x < 5; x++)
        state[x + y] = moved[x + y] ^ (~moved[((x + 1) % 5) + y] & MASK & moved[((x + 2) % 5) + y]);
    // iota
    state[0] ^= constant;
  }
}

const RATE = 168;

export class XofTurboShake128 extends Xof {
  static SEED_SIZE = 16;

  start(seed, prefixedTag, binder) {
    const message = concat(prefixedTag, seed, binder, [0x01]); // domain byte 1
    const padded = new Uint8Array(Math.ceil(message.length / RATE) * RATE);
    padded.set(message);
    padded[padded.length - 1] ^= 0x80;
    this.state = new Array(25).fill(0n);
    for (let start = 0; start < padded.length; start += RATE) {
      for (let lane = 0; lane < RATE / 8; lane++)
        this.state[lane] ^= littleEndian(padded, start + 8 * lane, 8);
      permute(this.state);
    }
    this.fresh = true;
  }

  block() {
    if (!this.fresh) permute(this.state);
    this.fresh = false;
    const bytes = new Uint8Array(RATE);
    const view = new DataView(bytes.buffer);
    for (let lane = 0; lane < RATE / 8; lane++) view.setBigUint64(8 * lane, this.state[lane], true);
    return bytes;
  }
}

export class XofHmacSha256Aes128 extends Xof {
  static SEED_SIZE = 32;

  start(seed, prefixedTag, binder) {
    const digest = createHmac("sha256", seed).update(concat(prefixedTag, binder)).digest();
    this.aes = createCipheriv("aes-128-ecb", digest.subarray(0, 16), null).setAutoPadding(false);
    this.fixed = digest.subarray(16, 24);
    this.counter = digest.readBigUInt64BE(24);
  }

  // Counter mode block by block: only the last 8 bytes count, without carry into the first 8.
  block(wanted) {
    const blocks = Math.ceil(wanted / 16);
    const counters = Buffer.alloc(16 * blocks);
    for (let k = 0; k < blocks; k++) {
      counters.set(this.fixed, 16 * k);
      counters.writeBigUInt64BE(this.counter, 16 * k + 8);
      this.counter = (this.counter + 1n) & MASK;
    }
    return new Uint8Array(this.aes.update(counters));
  }
}

export const XOFS = { XofTurboShake128, XofHmacSha256Aes128 };
