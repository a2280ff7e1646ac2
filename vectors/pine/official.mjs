// Plays a vector file of draft-chen-cfrg-vdaf-pine (`poc/test_vec/01/` at 4d11ac8).
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Pine } from "./pine.mjs";

const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"));
const hex = (bytes) => Buffer.from(bytes).toString("hex");

// One file: two reports of one instance and their sum. The variant is in the file's name.
export function playOfficial(path) {
  const file = JSON.parse(readFileSync(path, "utf8"));
  const name = basename(path, ".json");
  const failed = [];
  const expect = (what, found, wanted) => {
    if (JSON.stringify(found) !== JSON.stringify(wanted)) failed.push(`${name}: ${what} differs`);
  };
  const pine = new Pine({ ...file, variant: name.split("_")[0] });
  expect("field", pine.field.name, file.field);
  const key = unhex(file.verify_key);
  const outShares = file.agg_shares.map(() => []);
  file.prep.forEach((report, index) => {
    const of = (what) => `report ${index}, ${what}`;
    const nonce = unhex(report.nonce);
    const shared = pine.shard(pine.quantise(report.measurement), nonce, unhex(report.rand));
    expect(of("public share"), hex(shared.public_share), report.public_share);
    expect(of("input shares"), shared.input_shares.map(hex), report.input_shares);
    const begun = report.input_shares.map((share, j) =>
      pine.verifyInit(key, j, nonce, unhex(report.public_share), unhex(share)),
    );
    const shares = begun.map(({ verifier_share: share }) => share);
    expect(of("verifier shares"), shares.map(hex), report.prep_shares[0]);
    const message = pine.verifierSharesToMessage(shares);
    expect(of("verifier message"), hex(message), report.prep_messages[0]);
    begun.forEach(({ verifier_state: state }, j) => {
      const out = pine.verifyNext(state, message);
      expect(of(`output share ${j}`), hex(out), report.out_shares[j].join(""));
      outShares[j].push(out);
    });
  });
  const aggShares = outShares.map((shares) => pine.aggregate(shares));
  expect("aggregate shares", aggShares.map(hex), file.agg_shares);
  const sums = pine.unshard(aggShares, file.prep.length);
  const floats = sums.map((integer) => Number(integer) / 2 ** file.num_frac_bits);
  expect("aggregate result", floats, file.agg_result);
  return { vectors: 1, failed: failed.slice(0, 1) };
}
