// Every command of the documentation is run as it stands, per document, in a fresh folder.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { repositoryRoot, runToEnd, sqliteShell, tempDir } from "@litewake-tooling/testkit";
import { describe, expect, it } from "vitest";
import { commandBlocks, scriptOf } from "./commands.ts";

const folder = path.join(repositoryRoot, "docs");
const documents = [
  "README.md",
  ...fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const texts = new Map(documents.map((name) => [name, fs.readFileSync(path.join(repositoryRoot, name), "utf8")]));

/** What age's own tool does, by the library: `age-keygen -o FILE` makes a key, `age-keygen -y FILE` prints its recipient. */
const AGE_KEYGEN = `#!/usr/bin/env node
const fs = require("node:fs");
const [flag, file] = process.argv.slice(2);
import(${JSON.stringify(createRequire(path.join(repositoryRoot, "packages/litewake/package.json")).resolve("age-encryption"))}).then(async (age) => {
  const written = flag === "-y" ? fs.readFileSync(file, "utf8").split("\\n").find((line) => line.startsWith("AGE-")) : undefined;
  const identity = written ?? (await age.generateX25519Identity());
  const recipient = await age.identityToRecipient(identity);
  if (flag === "-y") console.log(recipient);
  else fs.writeFileSync(file, \`# public key: \${recipient}\\n\${identity}\\n\`, { mode: 0o600, flag: "wx" });
});
`;

/** Names the document and the line of a command that fails. */
const PRELUDE = `trap 'code=$?; echo "$DOCUMENT:$LINENO: exit code $code: $BASH_COMMAND" >&2' ERR\n`;

describe("the documentation", () => {
  it("has commands to run", () => {
    expect(documents.filter((name) => commandBlocks(texts.get(name) ?? "").length > 0)).toEqual(
      expect.arrayContaining(["README.md", "docs/cli.md", "docs/configuration.md", "docs/recovery.md"]),
    );
  });

  it.each(documents)("%s: every command in it works, in its order", async (name) => {
    const text = texts.get(name) ?? "";
    if (commandBlocks(text).length === 0) return;
    using work = tempDir("docs");
    using tools = tempDir("docs-tools");
    fs.symlinkSync(await sqliteShell(), tools.join("sqlite3"));
    fs.writeFileSync(tools.join("age-keygen"), AGE_KEYGEN, { mode: 0o755 });
    const env = {
      DOCUMENT: name,
      PATH: [path.join(repositoryRoot, "node_modules/.bin"), tools.path, process.env["PATH"]].join(path.delimiter),
      LITEWAKE_CONFIG: undefined,
      LITESTREAM_CONFIG: undefined,
    };
    // The prelude takes the first line, which in a document is its title.
    const script = scriptOf(text).replace("\n", PRELUDE);
    fs.writeFileSync(tools.join("script.sh"), script);
    const { code, stdout, stderr } = await runToEnd("bash", ["-euo", "pipefail", tools.join("script.sh")], {
      cwd: work.path,
      env,
    });
    expect(code, `${name}\n${stdout}${stderr}`).toBe(0);
  });
});
