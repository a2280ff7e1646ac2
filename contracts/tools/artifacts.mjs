// From the compiler's output to one deterministic artefact per contract that has to be deployed.
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

const outward = (part) =>
  part.nodeType === "FunctionDefinition" && ["external", "public"].includes(part.visibility);

// A library that other contracts call, and not only compile in, has to be deployed like them.
const deployable = (node) =>
  node.nodeType === "ContractDefinition" &&
  (node.contractKind === "library"
    ? node.nodes.some(outward)
    : node.contractKind === "contract" && !node.abstract);

const places = (found) =>
  found.map(({ start, length }) => [start, length]).sort((a, b) => a[0] - b[0]);

// Code with zeros where the compiler left placeholders for the libraries' addresses, and the places
// of these: { library: [[start, length], ...] }.
function unlinked({ object, linkReferences }) {
  const links = {};
  for (const [name, found] of Object.values(linkReferences).flatMap(Object.entries)) {
    links[name] = places(found);
    for (const [start, length] of links[name]) {
      object = object.slice(0, 2 * start) + "00".repeat(length) + object.slice(2 * (start + length));
    }
  }
  return { code: "0x" + object, links };
}

// Places of the runtime code that are filled when it is deployed. A library's starts by pushing its
// own address, to tell a direct call (PUSH20 address ADDRESS EQ).
function immutables(kind, { object, immutableReferences }) {
  const found = places(Object.values(immutableReferences ?? {}).flat());
  if (kind !== "library") return found;
  if (!object.startsWith("73" + "00".repeat(20) + "3014") || found.length > 0) {
    throw new Error("a library that does not start with its address");
  }
  return [[1, 20]];
}

// Returns a map from contract name to the text of its artefact, for every contract of `roots`
// (names of our files) that has to be deployed and every library that one of them calls.
// Interfaces, abstract contracts and libraries without external functions have none.
export function artifacts(output, roots, texts) {
  const result = new Map();
  const add = (file, node) => {
    const { abi, evm } = output.contracts[file][node.name];
    const bytecode = unlinked(evm.bytecode);
    const deployed = unlinked(evm.deployedBytecode);
    const sources = [...closure(output, file)].sort().map((name) => [name, sha256(texts[name])]);
    const artifact = canonical({
      name: node.name,
      kind: node.contractKind,
      source: file,
      abi: [...abi].sort((a, b) => (abiOrder(a) < abiOrder(b) ? -1 : 1)),
      bytecode: bytecode.code,
      links: bytecode.links,
      deployedBytecode: deployed.code,
      deployedLinks: deployed.links,
      immutables: immutables(node.contractKind, evm.deployedBytecode),
      compiler: { name: "solc", version: compilerVersion(), settings: SETTINGS },
      sources: Object.fromEntries(sources),
    });
    if ((result.get(node.name) ?? artifact) !== artifact) {
      throw new Error(`${file}: a second contract named ${node.name}`);
    }
    result.set(node.name, artifact);
    for (const [from, libraries] of Object.entries(evm.bytecode.linkReferences)) {
      for (const library of output.sources[from].ast.nodes) {
        if (library.name in libraries && !result.has(library.name)) add(from, library);
      }
    }
  };
  for (const file of roots) {
    for (const node of output.sources[file].ast.nodes) {
      if (deployable(node)) add(file, node);
    }
  }
  return result;
}
