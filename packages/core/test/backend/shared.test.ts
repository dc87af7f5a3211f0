// What clients of one store have in common: made once, closed with the last of them.
import { expect, it } from "vitest";
import { SharedConnections } from "../../src/backend/shared.ts";

class Connection {
  closed = 0;

  close(): void {
    this.closed += 1;
  }
}

it("one connection serves all that ask with the same options, and is closed with the last of them", () => {
  const connections = new SharedConnections<Connection>();
  let made = 0;
  const take = (options: object) =>
    connections.take(options, () => {
      made += 1;
      return new Connection();
    });
  const [first, second] = [take({ host: "a", key: "k" }), take({ host: "a", key: "k" })];
  const other = take({ host: "a", key: "another" });
  expect(made).toBe(2);
  expect(second.connection).toBe(first.connection);
  expect(other.connection).not.toBe(first.connection);
  first.release();
  first.release();
  expect(second.connection.closed).toBe(0);
  second.release();
  expect(second.connection.closed).toBe(1);
  expect(other.connection.closed).toBe(0);
  // A later one is made anew.
  expect(take({ host: "a", key: "k" }).connection).not.toBe(first.connection);
  expect(made).toBe(3);
});
