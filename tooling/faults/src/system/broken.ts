/** A promise was not kept. The message says which, for whoever repeats the case. */
export class Broken extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Broken";
  }
}

export function require(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Broken(otherwise);
}
