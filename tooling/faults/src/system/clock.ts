// A wall clock of one process that jumps while it runs. The monotonic clock goes on as it is, as when somebody sets the
// system's clock.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

/* The file holds a count of seconds, mapped: a jump is seen at the next look at the clock. */
static volatile long long *offset;
static long long none = 0;
static int (*next_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("LITEWAKE_CLOCK_OFFSET");
  int descriptor = file == NULL ? -1 : open(file, O_RDONLY);
  void *page = descriptor < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, descriptor, 0);
  offset = page == MAP_FAILED ? &none : page;
  next_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t id, struct timespec *at) {
  int failed = next_clock(id, at);
  if (failed == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += *offset;
  return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  (void)zone;
  int failed = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return failed;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
`;

export class Clock {
  readonly #file: string;
  readonly #library: string;

  constructor(folder: string) {
    this.#file = path.join(folder, "clock-offset");
    this.#library = path.join(folder, "clock.so");
    fs.writeFileSync(this.#file, Buffer.alloc(8));
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", this.#library, "-x", "c", "-", "-ldl"], { input: SOURCE });
  }

  /** For a process whose clock this is. */
  get env(): Readonly<Record<string, string>> {
    return { LD_PRELOAD: this.#library, LITEWAKE_CLOCK_OFFSET: this.#file };
  }

  /** From now on the clock is wrong by so many seconds. */
  set(seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    const descriptor = fs.openSync(this.#file, "r+");
    fs.writeSync(descriptor, bytes, 0, 8, 0);
    fs.closeSync(descriptor);
  }
}
