#!/usr/bin/env bash
# Prints the key under which the built program is cached: the system, the action's ref, and a sum of the sources, because a
# ref may be a branch that moves. Of folders those are left out that no part of the program lies in: a list of those that have one
# would lack the next.
set -euo pipefail
cd "${GITHUB_ACTION_PATH:?}"

sources=$(find . -type f -not -path './.*' -not -path '*/target/*' -not -path './docs/*' -not -path './examples/*' \
    -not -path './fuzz/*' -not -path './schemas/*' -not -path './tests/*' -print0 | LC_ALL=C sort -z | xargs -0 cat | git hash-object --stdin)
echo "key=eventsmith-${RUNNER_OS:-unknown}-${RUNNER_ARCH:-unknown}-${ACTION_REF:-local}-$sources"
