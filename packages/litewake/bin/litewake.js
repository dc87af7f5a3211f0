#!/usr/bin/env node
// Starts the command line. Old syntax on purpose: an older Node must reach the check and say one clear line.
"use strict";
const [major, minor] = process.versions.node.split(".").map(Number);
if (!(major >= 24 || (major === 22 && minor >= 23))) {
  console.error(
    `litewake: Node ${process.versions.node} is too old: SQLite 3.51.3 or newer is needed, which comes with Node 22.23 or 24: install one of these`,
  );
  process.exit(1);
}
await import("../dist/main.js");
