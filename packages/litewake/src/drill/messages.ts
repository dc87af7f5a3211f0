// What the process that replicates and the one that holds a drill say to each other, as plain JSON over the channel between them.
import type { DrillProof, DrillTask, FailureKind } from "@litewake/core";
import type { ReplicaConfig } from "../config/config.ts";

export interface DrillOrder {
  readonly replica: ReplicaConfig;
  /** Packages of third-party backends, and the folders from which packages are looked for. */
  readonly packages: Readonly<Record<string, string>>;
  readonly from: readonly string[];
  readonly task: DrillTask & { readonly folder: string };
}

export type DrillAnswer =
  | { readonly proof: DrillProof }
  | { readonly failure: { readonly kind: FailureKind; readonly message: string } };
