// From the compiler's output to one deterministic artefact per deployable contract.
import { SETTINGS, compilerVersion, sha256 } from "./compiler.mjs";

// JSON with sorted keys, so that equal content means equal bytes.
export function canonical(value) {
  const sorted = (v) => {
    if (Array.isArray(v)) return v.map(sorted);
    if (v === null || typeof v !== "object") return v;
    return Object.fromEntries(
      Object.keys(v)
        .sort()
        .map((k) => [k, sorted(v[k])]),
    );
  };
  return JSON.stringify(sorted(value), null, 1) + "\n";
}

// Names of the files that `name` reads, itself included.
function closure(output, name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const node of output.sources[name].ast.nodes) {
    if (node.nodeType === "ImportDirective") closure(output, node.absolutePath, seen);
  }
  return seen;
}

// The type names of Solidity ("struct IRounds.Terms") stay: bindings take struct names from them.
const abiOrder = (entry) => `${entry.type} ${entry.name ?? ""} ${JSON.stringify(entry.inputs ?? [])}`;

// Returns a map from contract name to the text of its artefact, for every contract of `own` (names
// of our files) that can be deployed. Interfaces, libraries and abstract contracts have none.
export function artifacts(output, own, texts) {
  const result = new Map();
  for (const file of own) {
    for (const node of output.sources[file].ast.nodes) {
      if (node.nodeType !== "ContractDefinition") continue;
      if (node.contractKind !== "contract" || node.abstract) continue;
      const compiled = output.contracts[file][node.name];
      const { bytecode, deployedBytecode } = compiled.evm;
      if (Object.keys(bytecode.linkReferences).length > 0) {
        throw new Error(`${file}: ${node.name} calls an external library; make its functions internal`);
      }
      if (result.has(node.name)) throw new Error(`${file}: a second contract named ${node.name}`);
      const immutables = Object.values(deployedBytecode.immutableReferences ?? {})
        .flat()
        .map(({ start, length }) => [start, length])
        .sort((a, b) => a[0] - b[0]);
      const sources = [...closure(output, file)].sort().map((name) => [name, sha256(texts[name])]);
      result.set(
        node.name,
        canonical({
          name: node.name,
          source: file,
          abi: [...compiled.abi].sort((a, b) => (abiOrder(a) < abiOrder(b) ? -1 : 1)),
          bytecode: "0x" + bytecode.object,
          deployedBytecode: "0x" + deployedBytecode.object,
          immutables,
          compiler: { name: "solc", version: compilerVersion(), settings: SETTINGS },
          sources: Object.fromEntries(sources),
        }),
      );
    }
  }
  return result;
}
