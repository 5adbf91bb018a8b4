#!/usr/bin/env bash
# Prints the key under which the built program is cached: the system, the action's ref, and a sum of the sources, because a
# ref may be a branch that moves.
set -euo pipefail
cd "${GITHUB_ACTION_PATH:?}"

sources=$(find Cargo.toml Cargo.lock cli codegen macros runtime -type f -not -path '*/target/*' -print0 | LC_ALL=C sort -z | xargs -0 cat | git hash-object --stdin)
echo "key=eventsmith-${RUNNER_OS:-unknown}-${RUNNER_ARCH:-unknown}-${ACTION_REF:-local}-$sources"
