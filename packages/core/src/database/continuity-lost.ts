// Why a history cannot go on.

/** What a follower saw that should be impossible while its mark stood: the history has to begin anew. */
export class ContinuityLost extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "ContinuityLost";
  }
}
