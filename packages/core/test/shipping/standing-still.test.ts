// A look under a mark that could not hold the file: what was seen may be of two moments, and is given to nobody. No writer
// can bring that about on purpose, so the session is made up.
import { expect, it } from "vitest";
import type { DatabaseSession } from "../../src/shipping/database-session.ts";
import type { HeldDatabase, HoldOptions } from "../../src/shipping/shipper-host.ts";
import type { Shipper } from "../../src/shipping/shipper.ts";
import { lookAtStandingFile, LookInterrupted } from "../../src/shipping/standing-still.ts";

it.each([true, false])(
  "what was seen is told where the file stood still to the end (%s), and it is let go",
  async (stood) => {
    let released = 0;
    const at = { epoch: 0, offset: 4152 };
    const held: HeldDatabase = {
      ...at,
      sizeBytes: 4096,
      at: new Date(),
      valid: () => stood,
      release: () => released++,
    };
    const session = {
      database: { descriptor: 0, pageSize: 4096 },
      hold: async (_signal: AbortSignal, { onHeld }: HoldOptions) => (onHeld?.(at), held),
    } as unknown as DatabaseSession;
    const shipper = { cutAt: () => ({ generation: "0123456789abcdef", index: 0, offset: 4152, snapshot: 0 }) };
    const signal = new AbortController().signal;
    const work = async () => "seen";
    const look = lookAtStandingFile({ session, shipper: shipper as unknown as Shipper, signal, work });
    if (stood) expect((await look)?.value).toBe("seen");
    else await expect(look).rejects.toBeInstanceOf(LookInterrupted);
    expect(released).toBe(1);
  },
);
