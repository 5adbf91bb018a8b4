#!/usr/bin/env bash
# Builds the program from the action's own checkout into ~/.eventsmith, which is cached.
set -euo pipefail

# Not in the user's repository: its toolchain file and its configuration of cargo are not ours.
cd "${GITHUB_ACTION_PATH:?}"
cargo install --locked --path cli --root "$HOME/.eventsmith" --target-dir "${RUNNER_TEMP:?}/eventsmith-target"
