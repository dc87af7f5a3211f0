// `litewake databases`: what the configuration names.
import { type Command, JSON_FLAG, print, printJson } from "../command.ts";
import { table } from "../table.ts";
import { CONFIG_FLAGS, loadConfig } from "../targets.ts";

export const databases: Command = {
  usage: ["databases [flags]"],
  flags: { ...CONFIG_FLAGS, ...JSON_FLAG },
  async run(flags) {
    const config = await loadConfig(flags);
    const rows = config.databases.map((database) => ({
      path: database.path,
      replicas: database.replicas.map((replica) => replica.name),
    }));
    if (flags.boolean("json")) printJson({ databases: rows });
    else
      print(
        table(
          ["path", "replicas"],
          rows.map(({ path, replicas }) => [path, replicas.join(",")]),
        ),
      );
    return 0;
  },
};
