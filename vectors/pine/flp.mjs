// The fully linear proof and PINE's two circuits, in the plainest way.
//
// The gadget is called `calls` times. For each of its `arity` wires there is a polynomial that takes
// a random seed at 1, the wire's inputs at w, w^2, … and 0 at the rest of the P powers of w. A proof
// is the seeds and the coefficients of the gadget applied to those polynomials.
import { Refused } from "./field.mjs";

const dot = (field, a, b) => {
  let sum = 0n;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum % field.modulus;
};

function powers(field, base, count) {
  const list = [];
  for (let power = 1n; list.length < count; power = (power * base) % field.modulus) {
    list.push(power);
  }
  return list;
}

const horner = (field, coefficients, x) =>
  coefficients.reduceRight((value, coefficient) => (value * x + coefficient) % field.modulus, 0n);

export const pointsFor = (calls) => {
  let points = 1;
  while (points < calls + 1) points *= 2;
  return points;
};

const chunks = (entries, chunk) => Math.ceil(entries / chunk);

const bitsToInteger = (bits) => bits.reduceRight((value, bit) => 2n * value + bit, 0n);

// Pads pairs of inputs to whole gadget calls.
function toCalls(inputs, size) {
  const calls = [];
  for (let start = 0; start < inputs.length; start += size) {
    const call = inputs.slice(start, start + size);
    while (call.length < size) call.push(0n);
    calls.push(call);
  }
  return calls;
}

// Norm bits say the squared norm of the gradient. Gadget: sum of squares.
export class NormEquality {
  check = "norm_equality";
  jointRandLen = 0;

  constructor(p) {
    this.p = p;
    this.arity = p.chunk_length_norm_equality;
    this.calls = chunks(p.dimension, this.arity);
  }

  inputs(measurement) {
    return toCalls(measurement.slice(0, this.p.dimension), this.arity);
  }

  // The gadget on polynomials (lists of coefficients): here and below by schoolbook products.
  gadgetOfPolynomials(wires) {
    return productSum(this.p.field, wires.map((wire) => [wire, wire]));
  }

  gadget(values) {
    return dot(this.p.field, values, values);
  }

  output(measurement, jointRand, gadgetOutputs) {
    const { dimension, normBits, field } = this.p;
    const claimed = bitsToInteger(measurement.slice(dimension, dimension + normBits));
    return field.reduce(gadgetOutputs.reduce((sum, value) => sum - value, claimed));
  }
}

// Bits are bits, the norm is in range, the wraparound checks succeed. Gadget: sum of products.
export class Validity {
  check = "validity";
  jointRandLen = 3;

  constructor(p) {
    this.p = p;
    this.arity = 2 * p.chunk_length;
    this.bitCalls = chunks(p.measurementLen - p.dimension, p.chunk_length);
    this.calls = this.bitCalls + chunks(p.num_wr_checks, p.chunk_length);
  }

  // Per wraparound check: result, claimed result, success bit.
  checks(measurement) {
    const { prefixLen, measurementLen, wrBits, num_wr_checks } = this.p;
    return Array.from({ length: num_wr_checks }, (_, k) => {
      const start = prefixLen + k * (wrBits + 1);
      return {
        result: measurement[measurementLen + k],
        claimed: bitsToInteger(measurement.slice(start, start + wrBits)),
        success: measurement[start + wrBits],
      };
    });
  }

  inputs(measurement, [rBit, rWr], shares) {
    const { field, dimension, measurementLen, wrBound } = this.p;
    const share = field.inverse(BigInt(shares)); // every constant is split evenly
    const ofBits = [];
    let power = 1n;
    for (const bit of measurement.slice(dimension, measurementLen)) {
      ofBits.push(field.reduce(power * bit), field.reduce(bit - share));
      power = field.reduce(power * rBit);
    }
    const ofChecks = [];
    power = 1n;
    for (const { result, claimed, success } of this.checks(measurement)) {
      const difference = result - (claimed - (wrBound - 1n) * share);
      ofChecks.push(field.reduce(power * difference), success);
      power = field.reduce(power * rWr);
    }
    return [...toCalls(ofBits, this.arity), ...toCalls(ofChecks, this.arity)];
  }

  gadgetOfPolynomials(wires) {
    const pairs = [];
    for (let k = 0; k < wires.length; k += 2) pairs.push([wires[k], wires[k + 1]]);
    return productSum(this.p.field, pairs);
  }

  gadget(values) {
    let sum = 0n;
    for (let k = 0; k < values.length; k += 2) sum += values[k] * values[k + 1];
    return sum % this.p.field.modulus;
  }

  output(measurement, [, , r], gadgetOutputs, shares) {
    const { field, dimension, normBits, normBound, num_wr_successes } = this.p;
    const share = field.inverse(BigInt(shares));
    const total = (values) => values.reduce((sum, value) => sum + value, 0n);
    const bitChecks = total(gadgetOutputs.slice(0, this.bitCalls));
    const wraparound = total(gadgetOutputs.slice(this.bitCalls));
    const norm = bitsToInteger(measurement.slice(dimension, dimension + normBits));
    const rest = bitsToInteger(measurement.slice(dimension + normBits, dimension + 2 * normBits));
    const range = norm + rest - normBound * normBound * share;
    const successes = total(this.checks(measurement).map(({ success }) => success));
    const count = successes - BigInt(num_wr_successes) * share;
    return field.reduce(bitChecks + r * range + r ** 2n * wraparound + r ** 3n * count);
  }
}

function productSum(field, pairs) {
  const size = pairs[0][0].length;
  const sum = new Array(2 * size - 1).fill(0n);
  for (const [a, b] of pairs)
    for (let i = 0; i < size; i++)
      if (a[i]) for (let j = 0; j < size; j++) sum[i + j] += a[i] * b[j];
  return sum.map((coefficient) => coefficient % field.modulus);
}

// A number of proofs for one circuit.
export class Flp {
  constructor(circuit, proofs) {
    this.circuit = circuit;
    this.proofs = proofs;
    this.field = circuit.p.field;
    this.points = pointsFor(circuit.calls);
    this.proveRandLen = circuit.arity;
    this.proofLen = circuit.arity + 2 * (this.points - 1) + 1;
    this.verifierLen = circuit.arity + 2;
    // Not before the parameters are known to fit the field.
    this.fits = 2 * this.points <= 2 ** Math.min(this.field.logOrder, 50);
    if (this.fits) this.roots = powers(this.field, this.field.root(this.points), this.points);
  }

  prove(measurement, proveRand, jointRand) {
    const { field, points, roots, circuit } = this;
    const inputs = circuit.inputs(measurement, jointRand, 1);
    const scale = field.inverse(BigInt(points));
    const wires = proveRand.map((seed, wire) => {
      const values = [seed, ...inputs.map((call) => call[wire])];
      // The inverse discrete Fourier transform, term by term.
      return Array.from({ length: points }, (_, power) => {
        let sum = 0n;
        values.forEach((value, k) => {
          if (value) sum += value * roots[(points - ((k * power) % points)) % points];
        });
        return ((sum % field.modulus) * scale) % field.modulus;
      });
    });
    return [...proveRand, ...circuit.gadgetOfPolynomials(wires)];
  }

  usable(t) {
    return this.field.power(t, BigInt(this.points)) !== 1n;
  }

  query(measurement, proof, t, jointRand, shares) {
    const { field, points, roots, circuit } = this;
    const seeds = proof.slice(0, circuit.arity);
    const gadgetPolynomial = proof.slice(circuit.arity);
    const calls = [seeds, ...circuit.inputs(measurement, jointRand, shares)];
    // Lagrange's basis at t: (t^P - 1) w^k / (P (t - w^k)).
    const factor = field.reduce(
      (field.power(t, BigInt(points)) - 1n) * field.inverse(BigInt(points)),
    );
    const basis = calls.map((_, k) =>
      field.reduce(factor * roots[k] * field.inverse(t - roots[k])),
    );
    const wires = seeds.map((_, wire) => dot(field, basis, calls.map((call) => call[wire])));
    const evaluate = (x) => horner(field, gadgetPolynomial, x);
    const outputs = roots.slice(1, circuit.calls + 1).map(evaluate);
    const output = circuit.output(measurement, jointRand, outputs, shares);
    return [output, ...wires, evaluate(t)];
  }

  decide(verifier) {
    const valid =
      verifier[0] === 0n && this.circuit.gadget(verifier.slice(1, -1)) === verifier.at(-1);
    if (!valid) throw new Refused(this.circuit.check, "proof");
  }
}
