// `npm run faults -- NAME [options]`: the full forms of what `npm test` runs in its quick form. Each prints its figures
// and, for a failure, what repeats it; the exit code is 1 when a promise was broken.

/** By name: what it proves, and its module, whose `main` takes the arguments and returns how many cases failed. */
const COMMANDS: Record<string, { about: string; load: () => Promise<{ main: (argv: string[]) => Promise<number> }> }> =
  {};

function usage(why: string): never {
  console.error(`faults: ${why}\nusage: npm run faults -- NAME [options]`);
  for (const [name, { about }] of Object.entries(COMMANDS)) console.error(`  ${name.padEnd(10)} ${about}`);
  process.exit(2);
}

const [name = "", ...argv]: string[] = process.argv.slice(2).filter((word) => word !== "--");
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command === undefined) usage(name === "" ? "which one?" : `there is no ${name}`);
process.exitCode = (await (await command.load()).main(argv)) === 0 ? 0 : 1;
