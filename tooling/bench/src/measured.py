# Runs a program and prints, as its last line, what the operating system says it took: seconds, and the peak of its memory.
import json, resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": code, "seconds": time.monotonic() - began, "cpu": used.ru_utime + used.ru_stime, "peakMb": used.ru_maxrss / 1024}))
