// The face of core for whoever holds drills beside replication.
export { Drills } from "./drill/drills.ts";
export { proveRestorable } from "./drill/prove-restorable.ts";
