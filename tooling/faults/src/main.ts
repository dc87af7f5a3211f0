// `npm run faults -- NAME [options]`: the full forms of what `npm test` runs in its quick form. Each prints its figures
// and, for a failure, what repeats it; the exit code is 1 when a promise was broken.

/** What the module of a command, `NAME/main.ts`, exports: `main` takes the arguments and returns how many cases failed. */
interface Command {
  readonly main: (argv: readonly string[]) => Promise<number>;
}

/** By name, which is also the folder's: what it proves. */
const COMMANDS: Readonly<Record<string, string>> = {
  crash: "SIGKILL at every step of the protocol and around every call to the store",
  nemesis: "stores that fail, lie, hang and forget, by seed",
  damage: "replicas with every kind of damage: the exact database, or a refusal",
  system: "full disks, lost permissions, no descriptors, jumping clocks, databases changed under us",
  rivals: "two writers racing for one replica",
  encryption: "encrypted objects, whole, in part, over broken streams and with every kind of damage",
  soak: "many writers, faults and drills for as long as wanted; memory, descriptors and lag must stay flat",
  fuzz: "hostile bytes, names, configurations and URLs",
};

function usage(why: string): never {
  console.error(`faults: ${why}\nusage: npm run faults -- NAME [options]`);
  for (const [name, about] of Object.entries(COMMANDS)) console.error(`  ${name.padEnd(11)} ${about}`);
  process.exit(2);
}

const words = process.argv.slice(2).filter((word) => word !== "--");
const wanted = words[0] ?? "";
if (COMMANDS[wanted] === undefined) usage(wanted === "" ? "which one?" : `there is no ${wanted}`);
const { main } = (await import(`./${wanted}/main.ts`)) as Command;
process.exitCode = (await main(words.slice(1))) === 0 ? 0 : 1;
