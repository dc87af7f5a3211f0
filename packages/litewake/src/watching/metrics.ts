// The report as Prometheus reads it (text exposition format 0.0.4). Litestream's names where they mean the same.
import fs from "node:fs";
import type { DrillStatus } from "@litewake/core";
import type { Report, Watched } from "./report.ts";

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: readonly Sample[];
}

export function metricsOf(report: Report, { operations }: Watched): string {
  return [...databaseFamilies(report), ...drillFamilies(report), ...operationFamilies(operations)].map(render).join("");
}

function databaseFamilies({ databases, healthy }: Report): Family[] {
  const perDatabase = (
    name: string,
    help: string,
    value: (database: Report["databases"][number]) => number,
  ): Family => ({
    name,
    type: "gauge",
    help,
    samples: databases.map((database) => ({ labels: { db: database.path }, value: value(database) })),
  });
  const replicas = databases.flatMap(({ path, replicas: all }) =>
    all.map((replica) => ({ labels: { db: path, name: replica.name }, replica })),
  );
  const perReplica = (
    name: string,
    help: string,
    value: (replica: (typeof replicas)[number]["replica"]) => number,
  ): Family => ({
    name,
    type: "gauge",
    help,
    samples: replicas.map(({ labels, replica }) => ({ labels, value: value(replica) })),
  });
  return [
    {
      name: "litewake_healthy",
      type: "gauge",
      help: "1: nothing needs a person.",
      samples: [{ labels: {}, value: Number(healthy) }],
    },
    perDatabase(
      "litestream_db_size",
      "Size of the database file, bytes.",
      ({ path }) => fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0,
    ),
    perDatabase("litestream_wal_size", "Size of the live WAL, bytes.", ({ walBytes }) => walBytes),
    perDatabase("litewake_database_following", "1: the database is there and followed.", ({ state }) =>
      Number(state === "following"),
    ),
    perReplica("litewake_replica_up", "1: the replica takes what is shipped.", ({ state }) =>
      Number(state === "shipping"),
    ),
    perReplica(
      "litewake_replica_lag_seconds",
      "Age of the oldest commit that the replica may not have.",
      ({ lagMs }) => lagMs / 1000,
    ),
    perReplica(
      "litewake_replica_pending_bytes",
      "WAL that the replica has not acknowledged.",
      ({ pendingBytes }) => pendingBytes,
    ),
    perReplica(
      "litewake_replica_position_index",
      "WAL index of the last position acknowledged.",
      ({ position }) => position?.index ?? 0,
    ),
    perReplica(
      "litewake_replica_position_offset",
      "Offset of the last position acknowledged, bytes.",
      ({ position }) => position?.offset ?? 0,
    ),
  ];
}

/** Only of replicas on which drills are held. */
function drillFamilies({ databases }: Report): Family[] {
  const drilled = databases.flatMap(({ path, replicas }) =>
    replicas.flatMap(({ name, drill }) => (drill === undefined ? [] : [{ labels: { db: path, name }, drill }])),
  );
  const gauge = (name: string, help: string, value: (drill: DrillStatus) => number | undefined): Family => ({
    name,
    type: "gauge",
    help,
    samples: drilled.flatMap(({ labels, drill }) => {
      const known = value(drill);
      return known === undefined ? [] : [{ labels, value: known }];
    }),
  });
  const ended = (value: (drill: DrillStatus) => number) => (drill: DrillStatus) =>
    drill.outcome === null ? undefined : value(drill);
  const runs = drilled.flatMap(({ labels, drill }) =>
    Object.entries(drill.runs).map(([outcome, value]) => ({ labels: { ...labels, outcome }, value })),
  );
  const families: Family[] = [
    gauge(
      "litewake_drill_ok",
      "1: the last drill brought the database back, 0: the replica did not.",
      ({ outcome, proved }) => (outcome === null ? undefined : Number(outcome !== "failed" && proved !== null)),
    ),
    gauge(
      "litewake_drill_proved_timestamp_seconds",
      "Everything committed before this moment was restored and compared, seconds since 1970.",
      ({ proved }) => (proved === null ? undefined : Date.parse(proved.moment) / 1000),
    ),
    gauge(
      "litewake_drill_proved_index",
      "WAL index of the place that was restored.",
      ({ proved }) => proved?.position.index,
    ),
    gauge(
      "litewake_drill_proved_offset",
      "Offset of the place that was restored, bytes.",
      ({ proved }) => proved?.position.offset,
    ),
    gauge(
      "litewake_drill_seconds",
      "How long the last drill took.",
      ended(({ tookMs }) => tookMs / 1000),
    ),
    gauge(
      "litewake_drill_held_seconds",
      "How long the last drill kept the WAL from being rotated.",
      ended(({ heldMs }) => heldMs / 1000),
    ),
    { name: "litewake_drill_runs_total", type: "counter", help: "Drills, by outcome.", samples: runs },
  ];
  return families.filter(({ samples }) => samples.length > 0);
}

/** What Litestream calls an operation. */
const OPERATIONS = { put: "PUT", get: "GET", list: "LIST", delete: "DELETE" } as const;

function operationFamilies(operations: Watched["operations"]): Family[] {
  const each = [...operations].flatMap(([type, metrics]) =>
    Object.entries(OPERATIONS).map(([key, operation]) => ({
      labels: { replica_type: type, operation },
      totals: metrics[key as keyof typeof OPERATIONS],
    })),
  );
  const errors = each.flatMap(({ labels, totals }) =>
    Object.entries(totals.errors).map(([kind, value]) => ({ labels: { ...labels, kind }, value })),
  );
  return [
    {
      name: "litestream_replica_operation_total",
      type: "counter",
      help: "Calls to the store.",
      samples: each.map(({ labels, totals }) => ({ labels, value: totals.calls })),
    },
    {
      name: "litestream_replica_operation_bytes",
      type: "counter",
      help: "Bytes put and got.",
      samples: each.map(({ labels, totals }) => ({ labels, value: totals.bytes })),
    },
    {
      name: "litewake_replica_operation_seconds_total",
      type: "counter",
      help: "Time spent in calls to the store.",
      samples: each.map(({ labels, totals }) => ({ labels, value: totals.seconds })),
    },
    {
      name: "litewake_replica_errors_total",
      type: "counter",
      help: "Failed calls to the store, by kind.",
      samples: errors,
    },
  ];
}

function render({ name, type, help, samples }: Family): string {
  const lines = samples.map(({ labels, value }) => {
    const text = Object.entries(labels).map(
      ([key, label]) => `${key}="${label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
    );
    return `${name}${text.length === 0 ? "" : `{${text.join(",")}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}
