// Compiles the contracts and writes one artefact per contract, and per library that they call.
//
//   node build.mjs            compile ./**/*.sol into ../src/troth/ledger/artifacts
//   node build.mjs --check    compile in memory; exit 1 and name what differs from those files
//   --sources DIR --out DIR   the same for another set of contracts (those of tests)
//   --only NAME,NAME          only NAME.sol and the libraries that it calls; other artefacts are
//                             left alone
//
// Exit codes: 0 done, 1 does not compile or differs, 2 wrong use.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { artifacts } from "./tools/artifacts.mjs";
import { compile } from "./tools/compiler.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));

class Failure extends Error {}

function options() {
  try {
    return parseArgs({
      options: {
        check: { type: "boolean", default: false },
        sources: { type: "string", default: HERE },
        out: { type: "string", default: join(HERE, "..", "src", "troth", "ledger", "artifacts") },
        only: { type: "string" },
      },
    }).values;
  } catch (problem) {
    console.error(`build: ${problem.message}`);
    process.exit(2);
  }
}

// Every .sol file below `folder`: name relative to it, with forward slashes -> text.
function readSources(folder) {
  const texts = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".sol")) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const name = relative(folder, path).split(sep).join("/");
    if (!name.split("/").includes("node_modules")) texts[name] = readFileSync(path, "utf8");
  }
  return texts;
}

// Errors always count. Warnings count in our own files: the library warns under newer compilers.
function complaints(output, own) {
  return (output.errors ?? []).filter(
    (e) => e.severity === "error" || !e.sourceLocation || e.sourceLocation.file in own,
  );
}

// Artefacts by contract name; `only` (names, or null for all) picks the files to start from.
function build(folder, only) {
  const own = readSources(folder);
  const roots = Object.keys(own).filter((n) => only === null || only.includes(basename(n, ".sol")));
  if (roots.length === 0) throw new Failure(`no such .sol file below ${folder}`);
  const start = Object.fromEntries(roots.sort().map((name) => [name, own[name]]));
  const { output, imported } = compile(start, own, join(HERE, "node_modules"));
  const bad = complaints(output, own);
  if (bad.length > 0) throw new Failure(bad.map((e) => e.formattedMessage).join("\n"));
  return artifacts(output, roots, { ...own, ...imported });
}

// Names of artefacts that no contract gives any more; unknown when only some were compiled.
function stale(built, folder, only) {
  if (only !== null || !existsSync(folder)) return [];
  const stored = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return stored.map((name) => basename(name, ".json")).filter((name) => !built.has(name));
}

function check(built, folder, only) {
  const differing = [];
  for (const [name, text] of built) {
    let stored = null;
    try {
      stored = readFileSync(join(folder, `${name}.json`), "utf8");
    } catch {
      differing.push(`${name}: no artefact`);
      continue;
    }
    if (stored !== text) differing.push(`${name}: the artefact is not what the sources give`);
  }
  for (const name of stale(built, folder, only)) {
    differing.push(`${name}: an artefact without a contract`);
  }
  if (differing.length > 0) {
    throw new Failure(`${differing.join("\n")}\nrun \`node build.mjs\` in contracts/ and commit`);
  }
}

function write(built, folder, only) {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of built) writeFileSync(join(folder, `${name}.json`), text);
  for (const name of stale(built, folder, only)) rmSync(join(folder, `${name}.json`));
}

const { check: checking, sources, out, only } = options();
const names = only === undefined ? null : only.split(",");
try {
  const built = build(resolve(sources), names);
  (checking ? check : write)(built, resolve(out), names);
  const sizes = [...built].map(([name, text]) => {
    const size = (JSON.parse(text).deployedBytecode.length - 2) / 2;
    return `${name} (${size} bytes)`;
  });
  console.log(`${checking ? "checked" : "wrote"} ${sizes.join(", ") || "nothing"}`);
} catch (problem) {
  console.error(problem instanceof Failure ? problem.message : `build: ${problem.stack}`);
  process.exit(1);
}
