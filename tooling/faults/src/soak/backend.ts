// The nemesis as a backend that `litewake` loads (`backends:` in its configuration): a client of the store that the soak serves.
import { type Backend, prefixed, ReplicaError } from "@litewake/core/backend";
import { RemoteStore } from "../nemesis/remote-store.ts";

/** Names the socket, in the environment of `litewake`. */
export const SOCKET_VARIABLE = "LITEWAKE_NEMESIS_SOCKET";

export const nemesis: Backend = {
  type: "nemesis",
  schemes: ["nemesis"],
  settings: [],
  async open({ url = "", env }) {
    const folder = /^nemesis:\/\/store\/(\w+)$/.exec(url)?.[1];
    const socket = env[SOCKET_VARIABLE];
    if (folder === undefined || socket === undefined) {
      const reason = `${url} is not nemesis://store/FOLDER, or ${SOCKET_VARIABLE} is not set`;
      throw new ReplicaError({ code: "InvalidConfig", operation: "open", reason });
    }
    return prefixed(new RemoteStore({ socket, url: "nemesis://store", putIfAbsent: true }), folder);
  },
};
