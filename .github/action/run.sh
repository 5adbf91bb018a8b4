#!/usr/bin/env bash
# Runs one command of eventsmith as the inputs of the action say, which come through the environment: COMMAND, SCHEMAS,
# AGAINST, POLICY, FORMAT, ARGUMENTS, and BASE, the commit that the pull request is to be merged into.
set -euo pipefail
shopt -s globstar nullglob

eventsmith=${EVENTSMITH:-$HOME/.eventsmith/bin/eventsmith}

# fail MESSAGE: says why nothing could be checked. No input is in there: it could end the line and begin a workflow command.
fail() {
    echo "::error title=eventsmith::$1"
    exit 2
}

# comparable: makes sure that AGAINST can be looked at. A clone of depth 1, the default of actions/checkout, does not have it.
comparable() {
    against=${AGAINST:-${BASE:-}}
    case $against in
        '') fail "there is no pull request to compare with; say with what, by the input \`against\`" ;;
        -*) fail "the input \`against\` begins like an option; it must be a commit, branch, tag or folder" ;;
    esac
    if [ -d "$against" ] || git rev-parse --quiet --verify "$against^{commit}" >/dev/null; then
        return
    fi
    git fetch --quiet --no-tags --depth=1 origin "$against" ||
        fail "what the input \`against\` names is neither here nor in the remote repository"
    against=$(git rev-parse --verify 'FETCH_HEAD^{commit}')
}

case ${COMMAND:-} in
    lint | validate) arguments=("$COMMAND") ;;
    breaking)
        comparable
        arguments=(breaking --against "$against" ${POLICY:+--policy "$POLICY"})
        ;;
    *) fail "the input \`command\` must be lint, breaking or validate" ;;
esac
arguments+=(${SCHEMAS:+--schemas "$SCHEMAS"} ${FORMAT:+--format "$FORMAT"})

# Words are parted and patterns expanded, but nothing is evaluated.
read -r -d '' -a words <<<"${ARGUMENTS:-}" || true
for word in ${words[@]+"${words[@]}"}; do
    mapfile -t files < <(compgen -G "$word" || true)
    if [ "${#files[@]}" -gt 0 ]; then arguments+=("${files[@]}"); else arguments+=("$word"); fi
done

exec "$eventsmith" "${arguments[@]}"
