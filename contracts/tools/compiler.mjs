// The pinned Solidity compiler as one pure function: sources in, contracts and warnings out.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import solc from "solc";

// bytecodeHash "none" and appendCBOR false keep file paths out of the bytecode, so that the same
// sources give the same bytes in every checkout. viaIR stays off: with it our contracts take three
// times as long to compile and use within 1 % of the same gas. Turn it on when "stack too deep"
// cannot be avoided otherwise.
export const SETTINGS = {
  evmVersion: "cancun",
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  optimizer: { enabled: true, runs: 200 },
  viaIR: false,
};

export const compilerVersion = () => solc.version().split("+")[0];

export const sha256 = (text) => createHash("sha256").update(text).digest("hex");

// Compiles `roots` (name -> text). Imports are looked up in `own` (name -> text), then in the
// folder `modules` (node_modules). Returns { output, imported } where `imported` maps the names of
// the third-party files that were read to their texts.
export function compile(roots, own, modules) {
  const imported = {};
  const readImport = (name) => {
    if (name in own) return { contents: own[name] };
    const path = join(modules, name);
    if (!existsSync(path)) return { error: `${name} is neither among our sources nor installed` };
    imported[name] = readFileSync(path, "utf8");
    return { contents: imported[name] };
  };
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(Object.entries(roots).map(([k, v]) => [k, { content: v }])),
    settings: {
      ...SETTINGS,
      outputSelection: {
        "*": {
          "": ["ast"],
          "*": [
            "abi",
            "evm.bytecode.object",
            "evm.bytecode.linkReferences",
            "evm.deployedBytecode.object",
            "evm.deployedBytecode.linkReferences",
            "evm.deployedBytecode.immutableReferences",
          ],
        },
      },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
  return { output, imported };
}
