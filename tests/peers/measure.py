"""Runs a command, and prints its seconds and the peak memory of the largest process below it, in megabytes."""

import resource
import subprocess
import sys
import time

started = time.monotonic()
status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
seconds = time.monotonic() - started
print(f"{seconds:.3f} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024}")
sys.exit(status)
