#!/usr/bin/env bash
# Runs one command of eventsmith as the inputs of the action say, which come through the environment: COMMAND, SCHEMAS,
# AGAINST, POLICY, FORMAT, ARGUMENTS, COMMENT, TOKEN, and BASE, the commit that the pull request PULL is to be merged into. Bash 3.2 runs it, too.
set -euo pipefail

eventsmith=${EVENTSMITH:-$HOME/.eventsmith/bin/eventsmith}
# How many commits more a shallow clone gets at a time, until the comparison has what it needs; then it gets all.
steps=(50 500)

# fail MESSAGE: says why nothing could be checked. No input is in there: it could end the line and begin a workflow command.
fail() {
    echo "::error title=eventsmith::$1"
    exit 2
}

# is_shallow: whether the clone leaves out older commits. The default of actions/checkout is one of depth 1.
is_shallow() {
    [ "$(git rev-parse --is-shallow-repository)" = true ]
}

# fetch WHAT [OPTION]...: gets something from the remote. A whole clone stays whole.
fetch() {
    local what=$1
    shift
    if ! is_shallow; then set --; fi
    git fetch --quiet --no-tags ${1+"$@"} origin "$what"
}

# is_only_here NAME: whether the remote, if there is one, has no branch or tag of this name, and says so.
is_only_here() {
    git remote get-url origin >/dev/null 2>&1 || return 0
    local status=0
    git ls-remote --quiet --exit-code origin "refs/heads/$1" "refs/tags/$1" >/dev/null || status=$?
    [ "$status" -eq 2 ]
}

# find_revision: makes sure that what `against` names can be looked at. A commit, branch or tag comes before a folder of its name:
# whoever means the folder writes ./NAME.
find_revision() {
    if git rev-parse --quiet --verify "$against^{commit}" >/dev/null; then
        return
    elif git rev-parse --quiet --verify "refs/remotes/origin/$against^{commit}" >/dev/null; then
        against=origin/$against
    elif [ -d "$against" ] && is_only_here "$against"; then
        against=./$against
    elif fetch "${against#origin/}" --depth=1; then
        against=$(git rev-parse --verify 'FETCH_HEAD^{commit}')
    else
        fail "what the input \`against\` names is neither here nor in the remote repository"
    fi
}

# step_from_revision: goes on from what `against` names by steps as in HEAD~1, and gets the commits in between where they are not here.
step_from_revision() {
    local back=$1 step
    if is_shallow; then
        for step in "--deepen=${steps[0]}" "--deepen=${steps[1]}" --unshallow; do
            if git rev-parse --quiet --verify "$against$back^{commit}" >/dev/null || ! is_shallow; then break; fi
            more "$step" || break
        done
    fi
    against=$(git rev-parse --quiet --verify "$against$back^{commit}") ||
        fail "what the input \`against\` names has no commit so far back"
}

# is_known: whether the commit is here at which the branch left what it is compared with.
is_known() {
    git merge-base HEAD "$against" >/dev/null
}

# more OPTION: gets older commits, of what is compared alone, or of all branches where the remote does not know the commit here.
more() {
    git fetch --quiet --no-tags "$1" origin "$(git rev-parse HEAD)" "$(git rev-parse "$against^{commit}")" 2>/dev/null ||
        git fetch --quiet --no-tags "$1" origin
}

# deepen: gets the commits that the comparison needs and a shallow clone lacks.
deepen() {
    local step
    # Every earlier revision is compared where a manifest says so, or an argument.
    if git grep --quiet --extended-regexp '^[^#]*transitive"?[[:space:]]*=[[:space:]]*true' -- '*eventsmith.toml' ||
        [[ " ${ARGUMENTS:-} " == *--transitive* ]]; then
        more --unshallow
        return
    fi
    for step in "${steps[@]}"; do
        if is_known || ! is_shallow; then return; fi
        more "--deepen=$step"
    done
    is_known || ! is_shallow || more --unshallow
}

# comparable: sets `against`, and makes sure that it and what the comparison needs beside it are here.
comparable() {
    against=${AGAINST:-${BASE:-}}
    case $against in
        '') fail "there is no pull request to compare with; say with what, by the input \`against\`" ;;
        -*) fail "the input \`against\` begins like an option; it must be a commit, branch, tag or folder" ;;
        # No name of a revision begins or ends so.
        ./* | ../* | /* | */) return ;;
    esac
    git rev-parse --git-dir >/dev/null 2>&1 || return 0
    local name=${against%%[~^]*}
    local back=${against#"$name"}
    # No name of a revision has such a sign; that of a folder may.
    if [ -n "$back" ] && [ -n "$name" ] && ! [ -d "$against" ]; then
        against=$name
        find_revision
        step_from_revision "$back"
    else
        find_revision
    fi
    case $against in ./*) return ;; esac
    if is_shallow; then
        deepen || fail "the clone is shallow, and the commits that the comparison needs could not be fetched; give \`fetch-depth: 0\` to actions/checkout"
    fi
}

# What our comment begins with, by which it is found again.
mark='<!-- written by eventsmith changes -->'

# report: writes what the changes mean into the summary of the job, and as a comment where COMMENT asks for it.
report() {
    local text
    text=$(mktemp)
    echo "$mark" >"$text"
    "$eventsmith" "$@" >>"$text"
    cat "$text" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"
    if [ "${COMMENT:-}" = true ]; then comment "$text"; fi
}

# comment FILE: posts a text to the pull request, or writes the comment of an earlier run anew. That it may not is no fault of the change.
comment() {
    local text=$1 id comments=repos/${GITHUB_REPOSITORY:-}/issues/${PULL:-}/comments
    case ${PULL:-} in
        '' | *[!0-9]*) fail "there is no pull request to comment on; leave \`comment\` out, or run on pull_request" ;;
    esac
    # No comment is longer than 65,536 characters.
    if [ "$(wc -c <"$text")" -gt 60000 ]; then
        head -c 60000 "$text" >"$text.cut"
        printf '\n\n… and more, which the summary of the job says.\n' >>"$text.cut"
        text=$text.cut
    fi
    export GH_TOKEN=${TOKEN:-}
    if id=$(gh api --paginate "$comments" --jq ".[] | select(.user.type == \"Bot\" and (.body | startswith(\"$mark\"))) | .id") &&
        if [ -n "$id" ]; then
            gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/${id%%$'\n'*}" -F "body=@$text"
        else
            gh api --silent --method POST "$comments" -F "body=@$text"
        fi; then
        return
    fi
    echo "::warning title=eventsmith::the comment could not be written; give the job \`pull-requests: write\`, which those of forks never have"
}

case ${COMMAND:-} in
    lint | validate) arguments=("$COMMAND") ;;
    breaking)
        comparable
        arguments=(breaking --against "$against" ${POLICY:+--policy "$POLICY"})
        ;;
    changes)
        comparable
        arguments=(changes --against "$against")
        FORMAT=
        ;;
    *) fail "the input \`command\` must be lint, breaking, validate or changes" ;;
esac
arguments+=(${SCHEMAS:+--schemas "$SCHEMAS"} ${FORMAT:+--format "$FORMAT"})

# Words are parted, and nothing is evaluated: the program reads patterns of files itself, however many files they match.
read -r -d '' -a words <<<"${ARGUMENTS:-}" || true
if [ "$COMMAND" = changes ]; then
    report "${arguments[@]}" ${words[@]+"${words[@]}"}
    exit
fi
exec "$eventsmith" "${arguments[@]}" ${words[@]+"${words[@]}"}
