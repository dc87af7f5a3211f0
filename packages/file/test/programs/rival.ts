// Puts lease/0, lease/1, … if absent, as fast as it can, and prints which of them it won.
import { ReplicaError } from "@litewake/core/backend";
import { FileClient } from "@litewake/file";

const [root = "", name = "", count = "0"] = process.argv.slice(2);
const client = new FileClient({ root });
const won: number[] = [];
for (let n = 0; n < Number(count); n += 1) {
  try {
    await client.put(`lease/${n}`, new TextEncoder().encode(name), { ifAbsent: true });
    won.push(n);
  } catch (error) {
    if (!ReplicaError.is(error, "Conflict")) throw error;
  }
}
await client.close();
console.log(JSON.stringify(won));
