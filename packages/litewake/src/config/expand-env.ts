// `$VAR` and `${VAR}` in the text of a configuration file, exactly as Go's os.ExpandEnv does it (formats.md A8).

type Environment = Readonly<Record<string, string | undefined>>;

const special = /^[*#$@!?\-0-9]/;
const name = /^[A-Za-z_][A-Za-z0-9_]*/;

/** Replaces every variable by its value, an unset one by nothing. A `$` before any other character stays. */
export function expandEnv(text: string, env: Environment): string {
  let out = "";
  let at = 0;
  for (;;) {
    const dollar = text.indexOf("$", at);
    if (dollar < 0 || dollar === text.length - 1) return out + text.slice(at);
    out += text.slice(at, dollar);
    const { value, length } = variable(text.slice(dollar + 1), env);
    out += value;
    at = dollar + 1 + length;
  }
}

function variable(rest: string, env: Environment): { value: string; length: number } {
  if (rest.startsWith("{")) return braced(rest, env);
  if (special.test(rest)) return { value: valueOf(env, rest.charAt(0)), length: 1 };
  const found = name.exec(rest)?.[0];
  if (found === undefined) return { value: "$", length: 0 };
  return { value: valueOf(env, found), length: found.length };
}

function braced(rest: string, env: Environment): { value: string; length: number } {
  const end = rest.indexOf("}");
  // Bad syntax: Go eats the `${`, or `${}` whole.
  if (end < 0) return { value: "", length: 1 };
  if (end === 1) return { value: "", length: 2 };
  return { value: valueOf(env, rest.slice(1, end)), length: end + 1 };
}

/** Not what every object has, as `constructor`. */
function valueOf(env: Environment, key: string): string {
  return Object.hasOwn(env, key) ? (env[key] ?? "") : "";
}
