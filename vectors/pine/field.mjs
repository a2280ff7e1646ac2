// The four prime fields: BigInt arithmetic, and vectors as little-endian bytes.

// Why an operation refuses its input; `check` is the vectors' word for it.
export class Refused extends Error {
  constructor(check, detail) {
    super(`${check}: ${detail}`);
    this.check = check;
  }
}

export function need(condition, detail, check = "parameter") {
  if (!condition) throw new Refused(check, detail);
}

export class Field {
  // `cofactor` times 2^logOrder, plus one, is the modulus; `generator` has order 2^logOrder.
  constructor(name, size, cofactor, logOrder, generator) {
    this.name = name;
    this.size = size;
    this.modulus = cofactor * (1n << BigInt(logOrder)) + 1n;
    this.logOrder = logOrder;
    this.generator = generator ?? this.power(7n, cofactor);
  }

  reduce(a) {
    const r = a % this.modulus;
    return r < 0n ? r + this.modulus : r;
  }

  power(base, exponent) {
    let result = 1n;
    for (let square = base; exponent > 0n; exponent >>= 1n) {
      if (exponent & 1n) result = (result * square) % this.modulus;
      square = (square * square) % this.modulus;
    }
    return result;
  }

  inverse(a) {
    return this.power(this.reduce(a), this.modulus - 2n); // Fermat
  }

  // An element of order n, a power of two.
  root(n) {
    return this.power(this.generator, (1n << BigInt(this.logOrder)) / BigInt(n));
  }

  // The integer closest to zero.
  signed(a) {
    return a > this.modulus / 2n ? a - this.modulus : a;
  }

  encode(vector) {
    const bytes = new Uint8Array(vector.length * this.size);
    vector.forEach((element, index) => {
      if (element < 0n || element >= this.modulus) throw new Refused("encoding", "not an element");
      let rest = element;
      for (let k = 0; k < this.size; k++, rest >>= 8n)
        bytes[index * this.size + k] = Number(rest & 255n);
    });
    return bytes;
  }

  decode(bytes) {
    if (bytes.length % this.size) throw new Refused("decode", "length of a vector");
    const vector = [];
    for (let start = 0; start < bytes.length; start += this.size) {
      const element = littleEndian(bytes, start, this.size);
      if (element >= this.modulus) throw new Refused("decode", "element not below the modulus");
      vector.push(element);
    }
    return vector;
  }
}

export function littleEndian(bytes, start, size) {
  let value = 0n;
  for (let k = size - 1; k >= 0; k--) value = (value << 8n) | BigInt(bytes[start + k]);
  return value;
}

export const FIELDS = {
  Field32: new Field("Field32", 4, 4095n, 20, 3925978153n),
  Field40: new Field("Field40", 5, 1048555n, 20),
  Field64: new Field("Field64", 8, (1n << 32n) - 1n, 32),
  Field128: new Field("Field128", 16, 4611686018427387897n, 66),
};
