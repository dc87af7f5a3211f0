// A mapping of a YAML file whose values are asked for by type; whatever is wrong is one line with file, line and column.
import { LitewakeError } from "@litewake/core";
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from "yaml";
import { parseDuration } from "./duration.ts";
import { likely } from "./likely.ts";
import { parseSize } from "./size.ts";
import { inOurWords } from "./yaml-problems.ts";

/** Where messages point to. */
export interface YamlSource {
  readonly file: string;
  readonly lines: LineCounter;
  /** What aliases (`*name`) are looked up in. */
  readonly document: Document;
}

const TRUE = new Set(["true", "y", "yes", "on"]);
const FALSE = new Set(["false", "n", "no", "off"]);

function placeOf(source: YamlSource, node: unknown): string {
  const range =
    typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range) ? node.range : [0];
  const { line, col } = source.lines.linePos(Number(range[0]));
  return `${source.file}:${line}:${col}`;
}

export function yamlError(source: YamlSource, node: unknown, what: string, next?: string): LitewakeError {
  return new LitewakeError("usage", `${placeOf(source, node)}: ${what}`, next === undefined ? {} : { next });
}

function nameOf({ key }: Pair): string {
  return isScalar(key) ? (key.source ?? String(key.value)) : "";
}

function isMerge(pair: Pair): boolean {
  return nameOf(pair) === "<<";
}

/** Parses a file's text. Throws one line that names the place of the first mistake. */
export function parseYaml(file: string, text: string): YamlMap {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const source = { file, lines, document };
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw yamlError(
      source,
      { range: problem.pos },
      `not YAML: ${inOurWords(problem)}`,
      "check the indentation and the quotes there",
    );
  }
  if (document.contents === null) return new YamlMap(source, undefined);
  if (!isMap(document.contents))
    throw yamlError(source, document.contents, "the file must be a mapping of keys", "begin with `dbs:`");
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

  /** Where a key is, as `file:line:column`. */
  at(key: string): string {
    return placeOf(this.source, this.#pair(key)?.key ?? this.node);
  }

  /** The map's own pairs first, then those that `<<: *alias` brings in. */
  #pairs(node: unknown = this.node): Pair[] {
    if (!isMap(node)) return [];
    const own = node.items.filter((item) => !isMerge(item));
    const merged = node.items.filter(isMerge).flatMap((item) => {
      const value = this.#resolve(item.value);
      return (isSeq(value) ? value.items : [value]).flatMap((part) => this.#pairs(this.#resolve(part)));
    });
    return [...own, ...merged];
  }

  #resolve(value: unknown): unknown {
    if (!isAlias(value)) return value;
    const target = value.resolve(this.source.document);
    if (target === undefined)
      throw yamlError(
        this.source,
        value,
        // Not by its name: it may be a password that begins with a star.
        "an alias, which begins with *, names nothing above it",
        "put a value that begins with * in quotes",
      );
    return target;
  }

  #pair(key: string): Pair | undefined {
    return this.#pairs().find((item) => nameOf(item) === key);
  }

  #value(key: string): unknown {
    const value = this.#resolve(this.#pair(key)?.value);
    return value === null || value === undefined || (isScalar(value) && value.value === null) ? undefined : value;
  }

  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  keys(): string[] {
    return [...new Set(this.#pairs().map(nameOf))];
  }

  /** Refuses every key that is not among those given. */
  only(known: readonly string[], where: string): void {
    for (const key of this.keys()) if (!known.includes(key)) throw this.unknown(key, known, where);
  }

  unknown(key: string, known: readonly string[], where: string): LitewakeError {
    const meant = likely(key, known);
    const next = meant === undefined ? `known keys: ${known.join(", ")}` : `did you mean ${JSON.stringify(meant)}?`;
    // Where the blank behind the colon is missing, the value is part of the key, and may be a secret.
    const [name = ""] = key.split(/[:=]/);
    return this.error(key, `unknown key ${JSON.stringify(name)} ${where}`, next);
  }

  #scalar(key: string): Scalar | undefined {
    const value = this.#value(key);
    if (value === undefined || isScalar(value)) return value;
    throw this.error(key, `${key} must be a single value`);
  }

  /** The value as it is written: `007` and `1e5` stay so, as in Litestream. */
  string(key: string): string | undefined {
    const value = this.#scalar(key);
    return value === undefined ? undefined : (value.source ?? String(value.value));
  }

  /** A string, number or boolean; a number only if it is written as it would be printed. */
  scalar(key: string): string | number | boolean | undefined {
    const value = this.#scalar(key)?.value;
    if (typeof value === "boolean") return value;
    const text = this.string(key);
    return typeof value === "number" && String(value) === text ? value : text;
  }

  /** True or false, in YAML's old spellings too. */
  boolean(key: string): boolean | undefined {
    const text = this.string(key)?.toLowerCase();
    if (text === undefined) return undefined;
    if (TRUE.has(text)) return true;
    if (FALSE.has(text)) return false;
    throw this.error(key, `${key}: ${JSON.stringify(text)} is neither true nor false`);
  }

  /** A whole number. */
  count(key: string, least: number): number | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(count) && count >= least) return count;
    throw this.error(key, `${key}: ${JSON.stringify(text)} is no whole number from ${least} on`);
  }

  /** Milliseconds. */
  duration(key: string, least = 0): number | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    const ms = parseDuration(text);
    if (ms === undefined) {
      const bare = /^\d+$/.test(text);
      throw this.error(
        key,
        `${key}: ${JSON.stringify(text)} is not a duration`,
        bare ? `write the unit: "${text}s" or "${text}ms"` : 'write it as "1s", "500ms" or "1h30m"',
      );
    }
    if (ms < least || ms < 0)
      throw this.error(
        key,
        `${key}: ${text} is too short`,
        least > 0 ? `write at least ${least}ms` : "it cannot be negative",
      );
    return ms;
  }

  /** Bytes. */
  size(key: string): number | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    const bytes = parseSize(text);
    if (bytes === undefined || bytes <= 0)
      throw this.error(key, `${key}: ${JSON.stringify(text)} is not a size`, 'write it as "1GiB" or "500MB"');
    return bytes;
  }

  map(key: string): YamlMap | undefined {
    const value = this.#value(key);
    if (value === undefined) return undefined;
    if (!isMap(value)) throw this.error(key, `${key} must be a mapping of keys`);
    return new YamlMap(this.source, value);
  }

  /** Every value that is a mapping itself. */
  blocks(): YamlMap[] {
    return this.#pairs().flatMap((pair) => {
      const value = this.#resolve(pair.value);
      return isMap(value) ? [new YamlMap(this.source, value)] : [];
    });
  }

  /** A list of names. */
  strings(key: string): string[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    if (!isSeq(value)) throw this.error(key, `${key} must be a list`, "begin each entry with `- `");
    return value.items.map((entry) => {
      const item = this.#resolve(entry);
      if (!isScalar(item)) throw yamlError(this.source, entry, `each entry of ${key} must be a name`);
      return item.source ?? String(item.value);
    });
  }

  maps(key: string): YamlMap[] {
    const value = this.#value(key);
    if (value === undefined) return [];
    if (!isSeq(value)) throw this.error(key, `${key} must be a list`, "begin each entry with `- `");
    return value.items.map((entry) => {
      const item = this.#resolve(entry);
      if (!isMap(item)) throw yamlError(this.source, entry, `each entry of ${key} must be a mapping of keys`);
      return new YamlMap(this.source, item);
    });
  }
}
