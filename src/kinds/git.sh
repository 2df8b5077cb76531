# The kind `git`.

git_check() {
    pb_at "$arg_into" git_ask
}

git_apply() {
    pb_at "$arg_into" git_bring
}

# Calls git for the repository in pb_clone. Nothing of the user's environment leads it elsewhere, and it asks no questions. The user whose
# login the run uses is as good as root, whatever git says of an owner.
git_do() {
    if [ -n "${pb_trusted:-}" ]; then set -- -c safe.directory='*' "$@"; fi
    GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes}" git --no-optional-locks -C "$pb_clone" "$@" < /dev/null
}

# The same for what the step cannot do without. It ends by itself: mksh runs no trap where `set -e` ends a subshell.
git_must() {
    git_do "$@" || exit $?
}

# Sets pb_clone to where the clone is, and to whose files git goes.
git_begin() {
    unset -v GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_NAMESPACE GIT_CONFIG
    pb_target "$arg_into"
    pb_clone=$pb_path
    # Another user's git reads that user's settings.
    if [ -n "${pb_is_holder:-}" ]; then
        pb_find_entry passwd "$(id -un)"
        pb_one=${pb_entry%:*}
        export HOME="${pb_one##*:}"
    fi
}

# Whether there is a clone; gives up where something else is in its place.
git_is_there() {
    # What another user has laid there since root looked at the way is none: git would run what stands in its configuration.
    [ -z "${pb_fresh:-}" ] && [ -e "$pb_clone" ] || return 1
    [ -d "$pb_clone" ] || pb_give_up "$arg_into is a file, and a directory is wanted there"
    [ ! -e "$pb_clone/.git" ] || return 0
    for pb_one in "$pb_clone"/* "$pb_clone"/.[!.]* "$pb_clone"/..?*; do
        [ ! -e "$pb_one" ] && [ ! -L "$pb_one" ] || pb_give_up "$arg_into is not empty, and not a clone: name another directory, or remove it first (absent)"
    done
    return 1
}

# Sets pb_wanted to the commit that the step asks for and pb_what to what leads to it: a branch, a tag, or the commit itself.
git_find_wanted() {
    pb_what=commit pb_wanted=$arg_ref pb_branch=
    case $arg_ref in
    *[!0-9a-f]* | '') ;;
    *) case ${#arg_ref} in 40 | 64) return 0 ;; esac ;;
    esac
    pb_there=$pb_clone
    pb_clone=/
    if [ -n "$arg_ref" ]; then
        pb_said=$(git_do ls-remote -- "$arg_repo" "refs/heads/$arg_ref" "refs/tags/$arg_ref" "refs/tags/$arg_ref^{}") || git_no_answer
    else
        pb_said=$(git_do ls-remote --symref -- "$arg_repo" HEAD) || git_no_answer
    fi
    pb_clone=$pb_there
    pb_wanted=
    while IFS='	' read -r pb_one pb_two; do
        case $pb_one/$pb_two in
        ref:*/HEAD) pb_branch=${pb_one#ref: refs/heads/} pb_what=branch ;;
        */HEAD) pb_wanted=$pb_one ;;
        */refs/heads/*) pb_wanted=$pb_one pb_what=branch pb_branch=$arg_ref ;;
        # A tag with a message is peeled to its commit, and a branch of the same name goes before it.
        */refs/tags/*) [ "$pb_what" = branch ] || pb_wanted=$pb_one pb_what=tag ;;
        esac
    done << EOF
$pb_said
EOF
    [ -z "$pb_wanted" ] || return 0
    # The beginning of a commit's number, which no server looks up.
    case $arg_ref in
    *[!0-9a-f]* | ??????) ;;
    ???????*)
        pb_what=short
        [ ! -e "$pb_clone/.git" ] || pb_wanted=$(git_do rev-parse -q --verify "$arg_ref^{commit}") || pb_wanted=
        return 0
        ;;
    esac
    pb_show_url "$arg_repo"
    pb_give_up "$pb_shown has no branch and no tag \`$arg_ref\`"
}

git_no_answer() {
    pb_show_url "$arg_repo"
    pb_give_up "could not ask $pb_shown which commit ${arg_ref:-HEAD} is"
}

# What would change, asked by the user who makes the change.
git_ask() {
    git_begin
    pb_show_url "$arg_repo"
    if ! git_is_there; then
        pb_tell_dir
        pb_differs "+ $arg_into from $pb_shown${arg_ref:+ at $arg_ref}"
        needs_change
    fi
    git_find_wanted
    git_compare
    pb_answer
}

# Says in what the clone is another one than wanted. Sets pb_head, pb_dirty and pb_own: what a checkout would lose.
git_compare() {
    pb_origin=$(git_do config --get remote.origin.url) || pb_origin=
    if [ "$pb_origin" != "$arg_repo" ]; then
        pb_show_url "$arg_repo"
        pb_to=$pb_shown
        pb_show_url "$pb_origin"
        pb_differs "origin ${pb_shown:-none} -> $pb_to"
    fi
    # A repository without a commit has none yet.
    pb_head=$(git_do rev-parse -q --verify HEAD) || pb_head=
    pb_own=
    if [ "$pb_head" != "$pb_wanted" ]; then
        pb_differs "${pb_head:-nothing} -> ${pb_wanted:-$arg_ref}${arg_ref:+ ($arg_ref)}"
        git_show_range
        [ -z "$pb_head" ] || pb_own=$(git_do log --format='%h %s' -n 5 "$pb_head" --not --remotes --tags --glob='refs/pinboot/*' --)
        [ -z "$pb_own" ] || pb_differs "commits that are only here:
$pb_own"
    fi
    pb_dirty=$(git_do status --porcelain --untracked-files=no --ignore-submodules=dirty) || pb_give_up "could not find out what was changed in $arg_into"
    [ -z "$pb_dirty" ] || pb_differs "local changes:
$(pb_tell "$pb_dirty" | sed -n 1,5p)"
    [ "$arg_submodules" != true ] || git_compare_submodules
}

# The subjects of the commits between, where they are known here already.
git_show_range() {
    [ -n "$pb_head" ] && [ -n "$pb_wanted" ] || return 0
    git_do log --format='  %h %s' -n 20 "$pb_head..$pb_wanted" -- 2> /dev/null || :
}

git_compare_submodules() {
    pb_said=$(git_do submodule status --recursive) || pb_give_up "could not find out which submodules $arg_into has"
    pb_said=$(pb_tell "$pb_said" | sed -n 's/^[-+U]\([0-9a-f]*\) \([^ ]*\).*/submodule \2 -> \1/p')
    [ -z "$pb_said" ] || pb_differs "$pb_said"
}

git_bring() {
    git_begin
    if ! git_is_there; then
        git_find_wanted
        git_clone
        return
    fi
    git_find_wanted
    git_compare > /dev/null
    if [ "$arg_discard_changes" != true ]; then
        [ -z "$pb_own" ] || pb_give_up "$arg_into has commits that are nowhere else: push them, or let them go with discard_changes: true
$pb_own"
        [ -z "$pb_dirty" ] || pb_give_up "$arg_into has local changes: commit and push them, or let them go with discard_changes: true
$pb_dirty"
    fi
    if [ -z "$pb_origin" ]; then
        git_must remote add origin "$arg_repo"
    elif [ "$pb_origin" != "$arg_repo" ]; then
        git_must remote set-url origin "$arg_repo"
    fi
    pb_from=$pb_head
    git_fetch
    pb_head=$pb_from
    git_show_range
    git_check_out
}

# Makes the clone beside its place, so that nothing is there before it is whole.
git_clone() {
    pb_make_dir
    [ ! -d "$pb_clone" ] || pb_said=$(rmdir "$pb_clone" 2>&1) || pb_give_up "cannot replace the empty directory $arg_into: ${pb_said##*: }"
    pb_goal=$pb_clone
    (
        pb_work_in "$pb_dir"
        pb_clone=$pb_work/clone
        mkdir -m 0755 "$pb_clone"
        git_must init -q
        git_must remote add origin "$arg_repo"
        git_fetch
        git_check_out
        pb_rename "$pb_clone" "$pb_goal" || pb_give_up "$(pb_no_write "$pb_dir" "$pb_said")"
    )
}

# Fetches what the step asks for: everything, or with `depth` its end alone. A tag that was moved is taken as it is now.
git_fetch() {
    set -- fetch -q --force
    case $pb_what in
    branch) pb_ref="+refs/heads/$pb_branch:refs/remotes/origin/$pb_branch" ;;
    tag) pb_ref="+refs/tags/$arg_ref:refs/tags/$arg_ref" ;;
    *) pb_ref=$pb_wanted ;;
    esac
    if [ -z "$arg_depth" ] || [ "$pb_what" = short ]; then
        git_must "$@" --tags origin '+refs/heads/*:refs/remotes/origin/*'
        # A commit that no branch has any more may still be had by its number.
        [ "$pb_what" != commit ] || git_do cat-file -e "$pb_wanted^{commit}" 2> /dev/null || git_must "$@" origin "$pb_wanted"
    else
        git_must "$@" --no-tags --depth "$arg_depth" origin "$pb_ref"
    fi
    case $pb_what in
    branch) pb_wanted=$(git_do rev-parse --verify "refs/remotes/origin/$pb_branch^{commit}") || exit $? ;;
    tag) pb_wanted=$(git_do rev-parse --verify "refs/tags/$arg_ref^{commit}") || exit $? ;;
    short) pb_wanted=$(git_do rev-parse -q --verify "$arg_ref^{commit}") || pb_give_up "there is no commit $arg_ref" ;;
    esac
}

git_check_out() {
    set -- checkout -q
    [ "$arg_discard_changes" != true ] || set -- "$@" --force
    case $pb_what in
    branch) git_must "$@" -B "$pb_branch" --track "origin/$pb_branch" ;;
    *) git_must "$@" --detach "$pb_wanted" ;;
    esac
    # What was put here once is not a commit of this place.
    git_must update-ref refs/pinboot/deployed "$pb_wanted"
    [ "$arg_submodules" = true ] || return 0
    git_must submodule --quiet sync --recursive
    set -- submodule --quiet update --init --recursive
    [ "$arg_discard_changes" != true ] || set -- "$@" --force
    [ -z "$arg_depth" ] || set -- "$@" --depth "$arg_depth"
    git_must "$@"
}
