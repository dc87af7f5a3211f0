// All cases, in the order of the report.
import { abortCases } from "./cases/abort.ts";
import type { ConformanceCase } from "./case.ts";
import { concurrencyCases } from "./cases/concurrency.ts";
import { conditionalCases } from "./cases/conditional.ts";
import { deleteCases } from "./cases/delete.ts";
import { errorCases } from "./cases/errors.ts";
import { getCases } from "./cases/get.ts";
import { keyCases } from "./cases/keys.ts";
import { lifecycleCases } from "./cases/lifecycle.ts";
import { listCases } from "./cases/list.ts";
import { openingCases } from "./cases/opening.ts";
import { putCases } from "./cases/put.ts";
import { sizeCases } from "./cases/sizes.ts";

/** Every promise of `ReplicaClient`, as data. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...openingCases,
  ...putCases,
  ...getCases,
  ...listCases,
  ...deleteCases,
  ...keyCases,
  ...sizeCases,
  ...concurrencyCases,
  ...conditionalCases,
  ...abortCases,
  ...errorCases,
  ...lifecycleCases,
];
