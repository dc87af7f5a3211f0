// What is wrong with a text that is no YAML, never in the parser's words: those quote the file, and what stands there may be a
// password.
import type { ErrorCode, YAMLError } from "yaml";

const PROBLEMS: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias, which begins with *, takes no & or ! before it",
  BAD_ALIAS: "a name after * or & is missing or ambiguous",
  BAD_COLLECTION_TYPE: "a tag, which begins with !, does not fit what follows it",
  BAD_DIRECTIVE: "a line that begins with % is no directive of YAML",
  BAD_DQ_ESCAPE: "a backslash in double quotes begins no escape of YAML",
  BAD_INDENT: "the line is indented too little, or otherwise than the lines it belongs to",
  BAD_PROP_ORDER: "an anchor or a tag stands before its indicator",
  BAD_SCALAR_START: "a value cannot begin with this character without quotes",
  BLOCK_AS_IMPLICIT_KEY: "a mapping or a list begins in the middle of a line",
  BLOCK_IN_FLOW: "a block stands within [ ] or { }",
  DUPLICATE_KEY: "the key is there twice",
  IMPOSSIBLE: "the text cannot be parsed",
  KEY_OVER_1024_CHARS: "a key is longer than 1,024 characters",
  MISSING_CHAR: "a character is missing: a colon, a comma, a blank or a bracket",
  MULTILINE_IMPLICIT_KEY: "a key goes over several lines: a colon or a quote is missing",
  MULTIPLE_ANCHORS: "a value has two anchors",
  MULTIPLE_DOCS: "a second document begins here",
  MULTIPLE_TAGS: "a value has two tags",
  NON_STRING_KEY: "a key is no string",
  RESOURCE_EXHAUSTION: "it is nested too deeply",
  TAB_AS_INDENT: "a line is indented with a tab",
  TAG_RESOLVE_FAILED: "a tag, which begins with !, is not known",
  UNEXPECTED_TOKEN: "something stands here that does not belong here",
};

/** Messages that quote nothing and of which there are several to a code. */
const DETAILS: Readonly<Record<string, string>> = {
  "Missing closing 'quote": "a single quote is not closed",
  'Missing closing "quote': "a double quote is not closed",
  "Implicit map keys need to be followed by map values": "a key has no colon and blank after it",
};

export function inOurWords({ code, message }: YAMLError): string {
  return DETAILS[message] ?? PROBLEMS[code];
}
