// Runs the kit in the folder given; the second folder is one that this user may not enter. Prints the report.
import { runConformance } from "@litewake/conformance";
import { FileClient } from "@litewake/file";

const [base = "", forbidden = ""] = process.argv.slice(2);
let opened = 0;

const report = await runConformance(
  {
    name: "@litewake/file without privileges",
    open: async () => new FileClient({ root: `${base}/replica-${(opened += 1)}` }),
    denied: async () => new FileClient({ root: `${forbidden}/replica` }),
    secrets: ["there is none"],
  },
  { bigBytes: 1 << 20 },
);
const failures = report.results.flatMap((result) =>
  result.outcome === "failed" ? [`${result.id}: ${String(result.error)}`] : [],
);
console.log(JSON.stringify({ ...report, results: undefined, failures }));
