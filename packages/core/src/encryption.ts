// The face of core for whoever encrypts: loaded where keys are given, and nowhere else.
export { AgeKeys, type AgeKeyTexts, type AgeLibrary } from "./encryption/age-keys.ts";
export { encrypted } from "./encryption/encrypted.ts";
