// A mapping of a YAML file whose values are asked for by type; whatever is wrong is one line with file, line and column.
import { LitewakeError } from "@litewake/core";
import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from "yaml";
import { parseDuration } from "./duration.ts";
import { likely } from "./likely.ts";
import { parseSize } from "./size.ts";

/** Where messages point to. */
export interface YamlSource {
  readonly file: string;
  readonly lines: LineCounter;
}

export function yamlError(source: YamlSource, node: unknown, what: string, next?: string): LitewakeError {
  const range = typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range) ? node.range : [0];
  const { line, col } = source.lines.linePos(Number(range[0]));
  return new LitewakeError("usage", `${source.file}:${line}:${col}: ${what}`, next === undefined ? {} : { next });
}

/** Parses a file's text. Throws one line that names the place of the first mistake. */
export function parseYaml(file: string, text: string): YamlMap {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const source = { file, lines };
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw yamlError(source, { range: problem.pos }, `not YAML: ${problem.message.split("\n")[0] ?? ""}`, "check the indentation and the quotes there");
  }
  if (document.contents === null) return new YamlMap(source, undefined);
  if (!isMap(document.contents)) throw yamlError(source, document.contents, "the file must be a mapping of keys", "begin with `dbs:`");
  return new YamlMap(source, document.contents);
}

export class YamlMap {
  readonly source: YamlSource;
  readonly node: YAMLMap | undefined;

  constructor(source: YamlSource, node: YAMLMap | undefined) {
    this.source = source;
    this.node = node;
  }

  error(key: string | undefined, what: string, next?: string): LitewakeError {
    return yamlError(this.source, (key === undefined ? undefined : this.#pair(key)?.key) ?? this.node, what, next);
  }

  #pair(key: string): Pair | undefined {
    return this.node?.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  }

  #value(key: string): Node | undefined {
    const value = this.#pair(key)?.value;
    return value === null || value === undefined || (isScalar(value) && value.value === null) ? undefined : (value as Node);
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  keys(): string[] {
    return (this.node?.items ?? []).map((item) => (isScalar(item.key) ? String(item.key.value) : ""));
  }

  /** Refuses every key that is not among those given. */
  only(known: readonly string[], where: string): void {
    for (const key of this.keys()) {
      if (known.includes(key)) continue;
      const meant = likely(key, known);
      throw this.error(key, `unknown key ${JSON.stringify(key)} ${where}`, meant === undefined ? `known keys: ${known.join(", ")}` : `did you mean ${JSON.stringify(meant)}?`);
    }
  }

  /** A string, number or boolean. */
  scalar(key: string): string | number | boolean | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (!isScalar(value)) throw this.error(key, `${key} must be a single value`);
    const plain = value.value;
    return typeof plain === "string" || typeof plain === "number" || typeof plain === "boolean" ? plain : String(plain);
  }

  string(key: string): string | undefined {
    const value = this.scalar(key);
    return value === undefined ? undefined : String(value);
  }

  boolean(key: string): boolean | undefined {
    const value = this.scalar(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.error(key, `${key}: ${JSON.stringify(value)} is neither true nor false`);
  }

  /** Milliseconds. */
  duration(key: string, least = 0): number | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    const ms = parseDuration(text);
    if (ms === undefined) {
      const bare = /^\d+$/.test(text);
      throw this.error(key, `${key}: ${JSON.stringify(text)} is not a duration`, bare ? `write the unit: "${text}s" or "${text}ms"` : 'write it as "1s", "500ms" or "1h30m"');
    }
    if (ms < least || ms < 0) throw this.error(key, `${key}: ${text} is too short`, least > 0 ? `write at least ${least}ms` : "it cannot be negative");
    return ms;
  }

  /** Bytes. */
  size(key: string): number | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    const bytes = parseSize(text);
    if (bytes === undefined || bytes <= 0) throw this.error(key, `${key}: ${JSON.stringify(text)} is not a size`, 'write it as "1GiB" or "500MB"');
    return bytes;
  }

  map(key: string): YamlMap | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (!isMap(value)) throw this.error(key, `${key} must be a mapping of keys`);
    return new YamlMap(this.source, value);
  }

  maps(key: string): YamlMap[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    if (!isSeq(value)) throw this.error(key, `${key} must be a list`, "begin each entry with `- `");
    return value.items.map((item) => {
      if (!isMap(item)) throw yamlError(this.source, item, `each entry of ${key} must be a mapping of keys`);
      return new YamlMap(this.source, item);
    });
  }
}
