// The report as Prometheus reads it (text exposition format 0.0.4). Litestream's names where they mean the same.
import fs from "node:fs";
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
  return [...databaseFamilies(report), ...operationFamilies(operations)].map(render).join("");
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
