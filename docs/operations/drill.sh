#!/usr/bin/env bash
# A drill of disaster recovery: backs up one server, restores to another, and says how long it took and what is there. Of the first
# server nothing changes. Where both are one, the streams are only read back and deleted, one after the other (nats-server 2.15).
#
#     drill.sh SCHEMAS SERVER OTHER_SERVER
#
# REPLICAS says on how many servers messages are stored there. Exits with a status that is not 0 as soon as a step fails.
set -euo pipefail

if (($# != 3)); then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
schemas=$1 server=$2 other=$3
replicas=()
[[ -z ${REPLICAS:-} ]] || replicas=(--replicas "$REPLICAS")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# step NAME COMMAND...: runs a command that must succeed, and says how long it took.
step() {
    local name=$1 begun=$SECONDS
    shift
    "$@" || { echo "$name failed: $*" >&2; exit 1; }
    printf '%-10s %4d s\n' "$name" $((SECONDS - begun))
}

step "back up" eventsmith backup create --schemas "$schemas" --out "$folder" --server "$server"
backup=$(echo "$folder"/2*)
hash=$(sha256sum "$backup/manifest.json" | cut -d ' ' -f 1)
step verify eventsmith backup verify "$backup" --expect "$hash" --decode --schemas "$schemas" --server "$other"
if [[ $server != "$other" ]]; then
    step provision eventsmith streams apply --schemas "$schemas" "${replicas[@]}" --server "$other"
    step restore eventsmith backup restore "$backup" --expect "$hash" "${replicas[@]}" --server "$other"
    step compare eventsmith streams plan --schemas "$schemas" "${replicas[@]}" --server "$other"
fi
printf '%s, %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(du -sh "$backup" | cut -f 1)"
