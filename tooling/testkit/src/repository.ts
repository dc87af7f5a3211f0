// Where things lie in this repository.
import path from "node:path";

/** The repository's root folder. */
export const repositoryRoot: string = path.resolve(import.meta.dirname, "../../..");

/** A folder that git ignores, for what is fetched or built once and kept. */
export const cacheFolder: string = path.join(repositoryRoot, ".cache");

/** The folder of the programs that the testkit starts. */
export const writersFolder: string = path.resolve(import.meta.dirname, "../writers");
