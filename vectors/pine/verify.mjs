// Plays the vectors of this folder: recomputes every byte, and every refusal.
//
//   node verify.mjs                  all *.json of this folder but the schema
//   node verify.mjs FILE …           these files
//   node verify.mjs --official DIR   the official vectors of the draft, of which DIR has copies
//
// Exit codes: 0 all agree, 1 a vector differs (it is named), 2 wrong use.
// Needs Node 20 and nothing else. Shares no code and no table with any other implementation.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { playOfficial } from "./official.mjs";
import { Mismatch, play } from "./play.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const FORMAT = "pine-vectors-1";

function playFile(path) {
  const file = JSON.parse(readFileSync(path, "utf8"));
  if (file.format !== FORMAT) return { vectors: 1, failed: [`format is not ${FORMAT}`] };
  const failed = [];
  for (const vector of file.vectors) {
    try {
      play(vector, file.values);
    } catch (error) {
      failed.push(`${vector.id}: ${error instanceof Mismatch ? error.message : error.stack}`);
    }
  }
  return { vectors: file.vectors.length, failed };
}

function filesOf(folder) {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((n) => n.endsWith(".json") && n !== "schema.json");
  return names.sort().map((name) => join(folder, name));
}

function main(args) {
  const official = args[0] === "--official";
  const named = official ? args.slice(1) : args;
  if (named.some((name) => name.startsWith("-")) || (official && named.length !== 1)) {
    console.error("usage: node verify.mjs [FILE … | --official DIR]");
    return 2;
  }
  const missing = named.filter((name) => !existsSync(name));
  const files = official || named.length === 0 ? filesOf(named[0] ?? HERE) : named;
  if (missing.length > 0 || files.length === 0) {
    console.error(`no vectors found: ${missing.join(", ")}`);
    return 2;
  }
  let [total, wrong] = [0, 0];
  for (const path of files) {
    const started = performance.now();
    const { vectors, failed } = official ? playOfficial(path) : playFile(path);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${basename(path)}: ${vectors - failed.length} of ${vectors} agree, ${seconds} s`);
    for (const line of failed) console.error(`  ${line}`);
    total += vectors;
    wrong += failed.length;
  }
  console.log(`${total - wrong} of ${total} agree`);
  return wrong ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
