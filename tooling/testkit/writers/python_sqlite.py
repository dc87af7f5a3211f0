# The ledger written with Python's sqlite3: the same command line and the same lines as contract.ts tells.
import hashlib, json, os, select, signal, sqlite3, sys, threading, time

database, given = sys.argv[1], {}
for name, value in zip(sys.argv[2::2], sys.argv[3::2]):
    given[name.lstrip("-")] = value


def number(name, fallback):
    return float(given.get(name, fallback))


stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())


def open_connection():
    c = sqlite3.connect(database, timeout=number("busy-timeout-ms", 5000) / 1000, isolation_level=None)
    wanted = []
    if number("page-size", 0) > 0:
        wanted.append("page_size=%d" % number("page-size", 0))
    wanted.append("journal_mode=" + given.get("journal-mode", "wal"))
    wanted.append("synchronous=" + given.get("synchronous", "normal"))
    if number("autocheckpoint", -1) >= 0:
        wanted.append("wal_autocheckpoint=%d" % number("autocheckpoint", -1))
    if number("journal-size-limit", -2) >= -1:
        wanted.append("journal_size_limit=%d" % number("journal-size-limit", -2))
    for pragma in wanted:
        until_free(c, "pragma " + pragma)
    return c


def until_free(c, sql):
    deadline = time.monotonic() + 10
    while True:
        try:
            return c.execute(sql).fetchall()
        except sqlite3.OperationalError as e:
            if time.monotonic() > deadline or "locked" not in str(e):
                raise
            time.sleep(0.005)


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def transact(c, turn):
    c.execute("begin " + given.get("begin", "immediate"))
    seq, last = (c.execute("select seq, hash from ledger order by seq desc limit 1").fetchone()) or (0, "")
    for _ in range(1 + turn % int(number("rows", 1))):
        seq += 1
        payload = os.urandom(int(number("payload-bytes", 100)))
        digest = hashlib.sha256(b"%s|%d|" % (last.encode(), seq) + payload).hexdigest()
        c.execute("insert into ledger values(?, ?, ?, ?)", (seq, last, payload, digest))
        last = digest
    touch = int(number("touch-every", 0))
    if touch > 0 and turn % touch == 0:
        c.execute("insert or replace into touched values(?, ?)", (seq % 97, seq))
    c.execute("commit")
    return seq


c = open_connection()
until_free(c, "create table if not exists ledger(seq integer primary key, prev text not null, payload blob not null, hash text not null)")
until_free(c, "create table if not exists touched(slot integer primary key, seq integer not null)")
say("ready")
rate, limit, seconds = number("rate", 0), number("commits", 0), number("seconds", 0)
report_every, reopen_every = int(number("report-every", 1)), int(number("reopen-every", 0))
mode, _, every_ms = given.get("checkpoint", "").partition(":")
begun = looked = checkpointed = time.monotonic()
commits = last_seq = 0
times, errors = [], {}


def failed(e):
    errors[str(e)] = errors.get(str(e), 0) + 1


while not stopping.is_set():
    now = time.monotonic()
    if (limit and commits >= limit) or (seconds and now - begun >= seconds):
        break
    if now - looked > 0.02:
        # Nothing is ever written to standard input: readable means that whoever started us is gone.
        looked = now
        if select.select([sys.stdin], [], [], 0)[0] and not os.read(0, 1):
            break
    if rate and commits / rate > now - begun:
        time.sleep(min(commits / rate - (now - begun), 0.02))
        continue
    try:
        last_seq = transact(c, commits)
    except sqlite3.Error as e:
        failed(e)
        if c.in_transaction:
            c.execute("rollback")
        time.sleep(0.001)
        continue
    times.append((time.monotonic() - now) * 1000)
    commits += 1
    if commits % report_every == 0:
        say("committed %d %d" % (last_seq, time.time() * 1000))
    if mode and (time.monotonic() - checkpointed) * 1000 >= float(every_ms or 0):
        try:
            c.execute("pragma wal_checkpoint(%s)" % mode).fetchall()
        except sqlite3.Error as e:
            failed(e)
        checkpointed = time.monotonic()
    if reopen_every and commits % reopen_every == 0:
        c.close()
        c = open_connection()

say("committed %d %d" % (last_seq, time.time() * 1000))
c.close()
elapsed = time.monotonic() - begun
times.sort()
at = lambda share: round(times[min(len(times) - 1, int(len(times) * share))], 4) if times else 0
say("report " + json.dumps({
    "commits": commits, "lastSeq": last_seq, "seconds": round(elapsed, 4), "perSecond": round(commits / elapsed, 4),
    "meanMs": round(sum(times) / max(1, len(times)), 4), "p50Ms": at(0.5), "p99Ms": at(0.99), "maxMs": at(1), "errors": errors,
}))
