// The face of core for whoever verifies a replica: loaded when that is asked for.
export { verifyFleet } from "./fleet/verify-fleet.ts";
export { verify } from "./verify/verify.ts";
