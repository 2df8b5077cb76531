# Fetching one address into the private directory pb_work: `body` is what came.

# Sets pb_shown to an address without what may be secret in it: its query, and a name with a password, whatever that holds.
pb_show_url() {
    pb_shown=${1#*://}
    pb_place=${pb_shown%%[/?#]*}
    case $pb_place in
    *@*)
        pb_shown=${pb_shown#"$pb_place"}
        case $pb_shown in
        *@*) pb_shown='(not shown)' ;;
        *) pb_shown=${pb_place##*@}$pb_shown ;;
        esac
        ;;
    *:*) case $pb_shown in *@*) pb_shown='(not shown)' ;; esac ;;
    esac
    case $1 in
    *://*) pb_shown=${1%%://*}://${pb_shown%%[?#]*} ;;
    *) pb_shown=$1 ;;
    esac
    [ -z "$arg_secret" ] || pb_shown='the address (not shown: it holds a secret)'
}

# Whether an address holds a secret, or a name and a password: what must stand in no argument list. One of / ? # in a password
# looks like the end of a host and its port.
pb_is_confidential() {
    [ -z "$arg_secret" ] || return 0
    pb_place=${1#*://}
    case ${pb_place%%[/?#]*} in
    *@*) return 0 ;;
    *:*) case $pb_place in *@*) return 0 ;; esac ;;
    esac
    return 1
}

# Sets pb_fetcher to what fetches here. A busybox wget may accept any certificate, so python3 goes before it.
pb_choose_fetcher() {
    pb_fetcher=
    if command -v curl > /dev/null 2>&1; then
        pb_fetcher=curl
        return 0
    fi
    if command -v wget > /dev/null 2>&1; then
        case $(wget --version 2>&1) in
        *GNU*) pb_fetcher=wget && return 0 ;;
        *) pb_fetcher=small ;;
        esac
    elif command -v busybox > /dev/null 2>&1; then
        pb_fetcher=busybox
    fi
    if command -v python3 > /dev/null 2>&1; then
        pb_fetcher=python
    fi
    [ -n "$pb_fetcher" ] || pb_give_up "this host has neither curl nor wget (nor busybox, nor python3): install one in an earlier step (package: curl)"
}

# Waits for the process that fetches, and tells how far it is; one that brings less than 1 KiB/s for a minute is ended,
# with the status that curl has for a timeout. The status is that of the process otherwise, also where it has
# ended by itself just before the signal.
pb_watch_fetch() {
    pb_pid=$1
    pb_naps=0
    pb_total=
    pb_mark=0
    pb_slow=0
    pb_stalled=
    while kill -0 "$pb_pid" 2> /dev/null; do
        pb_nap
        [ "$pb_naps" -gt 20 ] || continue
        pb_size=0
        [ ! -e "$pb_work/body" ] || pb_size=$(($(wc -c < "$pb_work/body")))
        [ -n "$pb_total" ] || pb_total=$(pb_content_length)
        pb_progress "$pb_size" "${pb_total:-0}"
        pb_slow=$((pb_slow + 1))
        if [ "$((pb_size - pb_mark))" -ge "$((${pb_stall_seconds:-60} * 1024))" ]; then
            pb_mark=$pb_size
            pb_slow=0
        elif [ "$pb_slow" -ge "$((${pb_stall_seconds:-60} * 2))" ]; then
            kill "$pb_pid" 2> /dev/null || :
            pb_stalled=1
        fi
    done
    pb_pid=
    pb_status=0
    wait "$1" 2> /dev/null || pb_status=$?
    [ -z "$pb_stalled" ] || [ "$pb_status" -le 128 ] || pb_status=28
}

# The length that the last answer's head gave, if any.
pb_content_length() {
    cat "$pb_work/head" "$pb_work/err" 2> /dev/null | sed -n 's/^ *[Cc]ontent-[Ll]ength: *\([0-9]*\).*/\1/p' | tail -n 1
}

# The fetchers: each leaves pb_status as curl would (0 whole, 18 cut short, 22 with pb_code for an answer that is an
# error, 28 timed out, …) and what it said in `err`. An address goes in on standard input, since anybody can read argv.

pb_fetch_curl() {
    case $pb_url in
    [Hh][Tt][Tt][Pp][Ss]:*) pb_protocols='=https' ;;
    *) pb_protocols='=http,https' ;;
    esac
    pb_quoted=$(sed 's/[\\"]/\\&/g' << EOF
$pb_url
EOF
    )
    # -q comes first: it leaves ~/.curlrc out.
    curl -q -sS -g -f -L --max-redirs 10 --proto "$pb_protocols" --proto-redir "$pb_protocols" --connect-timeout 20 \
        -D "$pb_work/head" -o "$pb_work/body" -w '%{http_code}' -K - 1<> "$pb_work/code" 2<> "$pb_work/err" << EOF &
url = "$pb_quoted"
EOF
    pb_watch_fetch $!
    read -r pb_code < "$pb_work/code" || :
}

pb_fetch_wget() {
    # In a home without anything there is neither .wgetrc nor .netrc, and none of wget's own files is left in the user's.
    HOME=$pb_work wget -nv -S --tries=1 --connect-timeout=20 --read-timeout=60 --max-redirect=10 -O "$pb_work/body" -i - \
        > /dev/null 2<> "$pb_work/err" << EOF &
$pb_url
EOF
    pb_watch_fetch $!
    pb_code=$(sed -n 's/^ *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$pb_work/err" | tail -n 1)
    case $pb_status in
    3) pb_status=23 ;;
    5) pb_status=60 ;;
    8) case $pb_code in 3??) pb_status=47 ;; *) pb_status=22 ;; esac ;;
    4)
        case $(cat "$pb_work/err") in
        *'unable to resolve'*) pb_status=6 ;;
        *refused*) pb_status=7 ;;
        *'timed out'*) pb_status=28 ;;
        *) pb_status=18 ;;
        esac
        ;;
    esac
}

# A busybox wget reads no address from standard input, and one that is widely installed (1.35) crashes on -T. An old one does not
# know -S, and shows no redirection.
pb_fetch_small() {
    ! pb_is_confidential "$pb_url" || pb_give_up "$pb_shown: this host has only busybox's wget, which would show the password in the address to every user: install curl in an earlier step (package: curl)"
    set -- wget
    [ "$pb_fetcher" = small ] || set -- busybox wget
    "$@" -S -O "$pb_work/body" -- "$pb_url" > /dev/null 2<> "$pb_work/err" &
    pb_watch_fetch $!
    case $(cat "$pb_work/err") in
    *'nvalid option'* | *'nrecognized option'*)
        pb_reserve err 8192
        "$@" -O "$pb_work/body" "$pb_url" > /dev/null 2<> "$pb_work/err" &
        pb_watch_fetch $!
        [ -n "$pb_digest" ] || case $(cat "$pb_work/err") in *Connecting*Connecting*) pb_status=1 && return ;; esac
        ;;
    esac
    pb_said=$(cat "$pb_work/err")
    pb_code=${pb_said##*HTTP/1.[01] }
    pb_code=${pb_code%% *}
    case $pb_said in
    *'validation not implemented'*)
        if [ -z "$pb_digest" ]; then
            pb_status=60
            pb_tell "this host's wget does not verify certificates: install curl, or give the file's sha256" > "$pb_work/err"
        fi
        ;;
    esac
    [ "$pb_status" = 1 ] || return 0
    case $pb_said in
    *'server returned error'*) pb_status=22 ;;
    *'bad address'*) pb_status=6 ;;
    *"can't connect"*) pb_status=7 ;;
    *'timed out'*) pb_status=28 ;;
    *'closed prematurely'*) pb_status=18 ;;
    *'too many redirections'*) pb_status=47 ;;
    *'No space left'*) pb_status=23 ;;
    *'not an http'*) pb_status=1 ;;
    *reset*) pb_status=56 ;;
    *) pb_status=99 ;;
    esac
}

pb_fetch_python() {
    python3 -I -c '
import shutil, socket, sys, urllib.error, urllib.request
url, work = sys.stdin.readline().strip(), sys.argv[1]
class Redirect(urllib.request.HTTPRedirectHandler):
    max_redirections = 10
    def redirect_request(self, request, answer, code, message, headers, target):
        fits = ("https:",) if request.full_url.lower().startswith("https:") else ("http:", "https:")
        if not target.lower().startswith(fits):
            sys.exit(1)
        return super().redirect_request(request, answer, code, message, headers, target)
def end(status, error):
    print(error, file=sys.stderr)
    sys.exit(status)
try:
    with urllib.request.build_opener(Redirect).open(url, timeout=60) as answer, open(work + "/body", "wb") as body:
        length = answer.headers.get("Content-Length")
        with open(work + "/head", "w") as head:
            print("Content-Length: %s" % (length or ""), file=head)
        shutil.copyfileobj(answer, body)
        body.flush()
        if length and body.tell() != int(length):
            end(18, "%d of %s bytes came" % (body.tell(), length))
except urllib.error.HTTPError as error:
    with open(work + "/code", "w") as code:
        print(error.code, file=code)
    end(47 if "infinite loop" in str(error) else 1 if 300 <= error.code < 400 else 22, error)
except urllib.error.URLError as error:
    reason = error.reason
    end(6 if isinstance(reason, socket.gaierror) else 28 if isinstance(reason, TimeoutError) else
        60 if "CERTIFICATE" in str(reason) else 7, reason)
except TimeoutError as error:
    end(28, error)
except OSError as error:
    end(23 if error.errno == 28 else 56, error)
except Exception as error:
    end(3, error)
' "$pb_work" > /dev/null 2<> "$pb_work/err" << EOF &
$pb_url
EOF
    pb_watch_fetch $!
    read -r pb_code < "$pb_work/code" || :
}

# Whether a fetcher was led down: from https to anything else, or to what is neither https nor http. Some follow without a word.
pb_was_led_down() {
    cat "$pb_work/head" "$pb_work/err" 2> /dev/null | tr -d '\r' | awk -v url="${pb_url%%:*}" '
        BEGIN { url = tolower(url) }
        /^ *HTTP\// { code = $2 }
        tolower($1) == "location:" && code ~ /^3/ {
            target = tolower($2)
            if (target !~ /^[a-z][a-z0-9+.-]*:/) next
            if (target !~ /^https:/ && (url ~ /^https/ || target !~ /^http:/)) { down = 1; exit }
            url = substr(target, 1, 5)
        }
        END { exit !down }'
}

# Makes a file of blanks, which is written over later: so there is room for it when the disk is full. Without room, the step ends here.
pb_reserve() {
    # NAME SIZE
    pb_said=$({ printf "%$2s\n" '' > "$pb_work/$1"; } 2>&1) || pb_give_up "$pb_shown: $(pb_no_write "${pb_work%/*}" "$pb_said")"
}

# Sets pb_error to why what came could not be written. Not every fetcher says why, and a second try does.
pb_no_room() {
    pb_why_not=$({ head -c 65536 /dev/zero > "$pb_work/try"; } 2>&1) || :
    pb_error="$pb_shown: $(pb_no_write "${pb_work%/*}" "$pb_said
$pb_why_not") ($pb_said)"
}

# Fetches pb_url once. Otherwise pb_error says why not; pb_again, that another try may help; pb_cut, that a part came.
pb_fetch_once() {
    rm -f "$pb_work/body" "$pb_work/head" "$pb_work/err" "$pb_work/code"
    pb_reserve err 8192
    pb_reserve code 8
    pb_code=
    pb_again=
    pb_cut=
    case $pb_fetcher in
    curl) pb_fetch_curl ;;
    wget) pb_fetch_wget ;;
    python) pb_fetch_python ;;
    *) pb_fetch_small ;;
    esac
    ! pb_was_led_down || pb_status=1
    case $pb_status in
    0 | 1 | 22 | 47) ;;
    *) ! pb_is_full "$pb_work" || pb_status=23 ;;
    esac
    # A server that sent no body at all leaves no file with some fetchers.
    [ -e "$pb_work/body" ] || { printf '' > "$pb_work/body"; } 2> /dev/null || pb_status=23
    pb_said=$(grep -v '^ ' "$pb_work/err" 2> /dev/null | tail -n 1) || :
    ! pb_is_confidential "$pb_url" || pb_said="status $pb_status"
    case $pb_status in
    0) return 0 ;;
    22)
        pb_error="$pb_shown: the server answered ${pb_code:-with an error}"
        case $pb_code in
        404 | 410) pb_error="$pb_error: there is no such file" ;;
        401 | 403) pb_error="$pb_error: it may not be read" ;;
        408 | 429 | 5??) pb_again=1 ;;
        esac
        ;;
    18 | 52 | 56 | 92)
        pb_total=$(pb_content_length)
        pb_error="$pb_shown: the body ended too early, after $(($(wc -c < "$pb_work/body")))${pb_total:+ of $pb_total} bytes ($pb_said)"
        pb_again=1
        pb_cut=1
        ;;
    28)
        pb_error="$pb_shown: nothing came for too long, $(($(wc -c < "$pb_work/body"))) bytes had come ($pb_said)"
        pb_again=1
        ;;
    23) pb_no_room ;;
    1) pb_error="$pb_shown: a redirection that leaves https, or HTTP altogether, was refused" ;;
    47) pb_error="$pb_shown: more than 10 redirections" ;;
    *) pb_error="$pb_shown: ${pb_said:-the program that fetches ended with status $pb_status}" ;;
    esac
    return 1
}

# Fetches an address, again after a pause where the fault may pass.
pb_fetch() {
    pb_url=$1
    pb_show_url "$1"
    pb_choose_fetcher
    pb_pause=${pb_first_pause:-1}
    for pb_left in 3 2 1 0; do
        if pb_fetch_once; then
            return 0
        fi
        [ -n "$pb_again" ] && [ "$pb_left" -gt 0 ] || return 1
        pb_tell "$pb_error; again in $pb_pause s"
        sleep "$pb_pause"
        pb_pause=$((pb_pause * 3))
    done
}
