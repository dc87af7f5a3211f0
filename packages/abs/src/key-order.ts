// The service sorts by UTF-16 units, keys are ordered by their UTF-8 bytes: the two differ above U+D7FF only.
import { compareKeys, type ObjectInfo } from "@litewake/core/backend";

const mayDiffer = /[\u{d800}-\u{10ffff}]/u;

/**
 * The objects in the order of their keys' UTF-8 bytes. Nothing is held back until a key with a character above U+D7FF
 * comes; what comes from there on may belong before it, and is sorted. No name of a replica has such a character.
 */
export async function* inKeyOrder(objects: AsyncIterable<ObjectInfo>): AsyncGenerator<ObjectInfo> {
  const held: ObjectInfo[] = [];
  for await (const object of objects) {
    if (held.length > 0 || mayDiffer.test(object.key)) held.push(object);
    else yield object;
  }
  yield* held.sort((a, b) => compareKeys(a.key, b.key));
}
