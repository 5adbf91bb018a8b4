"""Runs a command, and prints the CPU seconds of all processes below it and the peak memory of the largest, in megabytes.

Not the time on the clock: what else the machine does would be in it, and how many cores it has."""

import resource
import subprocess
import sys

status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{usage.ru_utime + usage.ru_stime:.3f} {usage.ru_maxrss // 1024}")
sys.exit(status)
