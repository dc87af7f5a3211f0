// The shell commands of a document, as a reader would run them: every ```sh block, in order, each line in its place.

export interface CommandBlock {
  /** Of the fence that opens it; the first line of the document is 1. */
  readonly line: number;
  readonly text: string;
}

/** Only blocks marked `sh`; those marked otherwise (`yaml`, `text`, none) are not meant to be run. */
export function commandBlocks(markdown: string): CommandBlock[] {
  const blocks: CommandBlock[] = [];
  let open: { fence: string; line: number; runs: boolean; lines: string[] } | undefined;
  for (const [i, line] of markdown.split("\n").entries()) {
    const fence = /^\s*(`{3,})\s*(\S*)\s*$/.exec(line);
    if (open === undefined) {
      if (fence !== null) open = { fence: fence[1] ?? "", line: i + 1, runs: fence[2] === "sh", lines: [] };
    } else if (fence !== null && fence[2] === "" && (fence[1] ?? "").length >= open.fence.length) {
      if (open.runs) blocks.push({ line: open.line, text: open.lines.join("\n") });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  if (open !== undefined) throw new Error(`the block that begins in line ${open.line} has no end`);
  return blocks;
}

/** One script of all blocks, every command in the line of the document in which it stands: what fails is named by it. */
export function scriptOf(markdown: string): string {
  const lines: string[] = [];
  for (const block of commandBlocks(markdown)) {
    while (lines.length < block.line) lines.push("");
    lines.push(...block.text.split("\n"));
  }
  return `${lines.join("\n")}\n`;
}
