// Splits a command line into words as a shell would, without a shell: quotes and backslashes, nothing else.
import { LitewakeError } from "@litewake/core";

export function shellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: "'" | '"' | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (quote === "'") {
      if (char === "'") quote = undefined;
      else word = (word ?? "") + char;
    } else if (char === "\\" && (quote === undefined || '"\\$`\n'.includes(line.charAt(i + 1)))) {
      if (i + 1 >= line.length) throw new LitewakeError("usage", "the command of exec ends with a backslash");
      word = (word ?? "") + line.charAt(++i);
    } else if (char === '"') {
      quote = quote === '"' ? undefined : '"';
      word ??= "";
    } else if (quote === undefined && char === "'") {
      quote = "'";
      word ??= "";
    } else if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== undefined) throw new LitewakeError("usage", `the command of exec has an open ${quote} quote`);
  if (word !== undefined) words.push(word);
  return words;
}
