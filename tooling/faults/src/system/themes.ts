// All scenarios, by theme.
import { databaseFiles } from "./scenarios/database-files.ts";
import { descriptors } from "./scenarios/descriptors.ts";
import { fullDisks } from "./scenarios/full-disks.ts";
import { journals } from "./scenarios/journals.ts";
import { locks } from "./scenarios/locks.ts";
import { olderCopies } from "./scenarios/older-copies.ts";
import { permissions } from "./scenarios/permissions.ts";
import { readOnly } from "./scenarios/read-only.ts";
import { time } from "./scenarios/time.ts";
import type { Theme } from "./scenario.ts";

export const THEMES: Readonly<Record<string, Theme>> = {
  "full-disks": fullDisks,
  "read-only": readOnly,
  permissions,
  descriptors,
  time,
  "database-files": databaseFiles,
  "older-copies": olderCopies,
  journals,
  locks,
};
