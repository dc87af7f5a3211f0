// Puts objects whose every byte is told by their key, over and over, until it is killed.
import { FileClient } from "@litewake/file";

const [root = ""] = process.argv.slice(2);
const client = new FileClient({ root });
await Promise.all(
  Array.from({ length: 4 }, async (_, lane) => {
    for (let n = 0; ; n += 1) {
      const size = 1 + ((n * 7919 + lane) % 3_000_000);
      const body = async function* (): AsyncGenerator<Uint8Array> {
        for (let left = size; left > 0; left -= 100_000) yield new Uint8Array(Math.min(left, 100_000)).fill(n % 251);
      };
      await client.put(`lane-${lane}/${n % 20}-${size}-${n % 251}`, body(), { ifAbsent: false });
      if (n === 0) process.stdout.write("begun\n");
    }
  }),
);
