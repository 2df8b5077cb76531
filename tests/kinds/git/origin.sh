# Makes a repository at $1: three commits, the tags v1 and v2 (with a message), and the branches main and stable.
export HOME=/nowhere GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
commit() {
    echo "$1" > f
    git add f
    GIT_AUTHOR_DATE="2020-01-0${2}T00:00:00Z" GIT_COMMITTER_DATE="2020-01-0${2}T00:00:00Z" git commit -qm "$1"
}
git init -q "$1"
cd "$1" || exit
git symbolic-ref HEAD refs/heads/main
commit one 1
git tag v1
commit two 2
GIT_COMMITTER_DATE=2020-01-02T00:00:00Z git tag -a -m two v2
git branch stable
commit three 3
