// Makes the JavaScript of the packages (their types are made by tsc): a few files each in place of hundreds, which Node loads
// in half the time. What a package depends on stays outside of it: bugs there are mended without us, and audits see it.
//   node tooling/bundle/src/bundle.ts [FOLDER ...]     (default: all packages)
import fs from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";

/** What the oldest Node that is supported knows. */
const TARGET = "node22";

/** Programs beside those that `exports` names: started by path, as threads, as processes or by the shell. */
const PROGRAMS = /(?:-worker|^drill\/drill-child|^embed\/engine|^main)\.ts$/;

const root = path.resolve(import.meta.dirname, "../../..");

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** The files that others load, by the name they have below dist/. */
function entries(folder: string, { exports }: Manifest): Record<string, string> {
  const faces = Object.values(exports).flatMap((face) => (typeof face === "string" ? [] : [face["@litewake/source"]]));
  const programs = fs
    .readdirSync(path.join(folder, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => PROGRAMS.test(file.split(path.sep).join("/")))
    .map((file) => path.join("src", file));
  const found: Record<string, string> = {};
  for (const file of [...faces, ...programs]) {
    if (file === undefined) continue;
    const name = path.basename(file, ".ts");
    // A thread is looked for beside whoever starts it, wherever that came to lie: all lie in one folder.
    if (Object.hasOwn(found, name)) throw new Error(`${folder}: two entries are named ${name}`);
    found[name] = path.join(folder, file);
  }
  return found;
}

async function bundle(folder: string): Promise<void> {
  const dist = path.join(folder, "dist");
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")) as Manifest;
  const outside = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  const bundled = await rolldown({
    input: entries(folder, manifest),
    platform: "node",
    external: (id) => outside.some((name) => id === name || id.startsWith(`${name}/`)),
    transform: { target: TARGET },
  });
  for (const file of fs.readdirSync(dist, { recursive: true, encoding: "utf8" }))
    if (/\.js(?:\.map)?$/.test(file)) fs.rmSync(path.join(dist, file));
  await bundled.write({
    dir: dist,
    format: "es",
    sourcemap: true,
    entryFileNames: "[name].js",
    // Never the name of a face.
    chunkFileNames: "[name]-chunk.js",
  });
  await bundled.close();
}

const named = process.argv.slice(2).map((folder) => path.resolve(folder));
const folders = fs.readdirSync(path.join(root, "packages")).map((name) => path.join(root, "packages", name));
for (const folder of named.length > 0 ? named : folders) await bundle(folder);
