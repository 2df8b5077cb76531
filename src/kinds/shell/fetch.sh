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
        pb_progress "$((pb_size + pb_from))" "${pb_total:+$((pb_total + pb_from))}"
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
    set -- -D "$pb_work/head" -o "$pb_work/body"
    [ "$pb_from" -eq 0 ] || set -- "$@" -H "Range: bytes=$pb_from-" -H "If-Range: $pb_validator"
    pb_exec_curl "$@" 2<> "$pb_work/err" &
    pb_watch_fetch $!
    pb_read_reply
}

# Becomes the process that fetches pb_url, as the next two do.
pb_exec_curl() {
    # OPTION...
    case $pb_url in
    [Hh][Tt][Tt][Pp][Ss]:*) pb_protocols='=https' ;;
    *) pb_protocols='=http,https' ;;
    esac
    pb_quoted=$(sed 's/[\\"]/\\&/g' << EOF
$pb_url
EOF
    )
    # -q comes first: it leaves ~/.curlrc out.
    exec curl -q -sS -g -f -L --max-redirs 10 --proto "$pb_protocols" --proto-redir "$pb_protocols" --connect-timeout 20 "$@" -K - << EOF
url = "$pb_quoted"
EOF
}

pb_fetch_wget() {
    set --
    [ "$pb_from" -eq 0 ] || set -- "--start-pos=$pb_from" "--header=If-Range: $pb_validator"
    pb_exec_wget "$pb_work/body" "$@" > /dev/null 2<> "$pb_work/err" &
    pb_watch_fetch $!
    pb_read_reply
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

# In a home without anything there is neither .wgetrc nor .netrc, and none of wget's own files is left in the user's.
pb_exec_wget() {
    # FILE OPTION...
    pb_file=$1
    shift
    HOME=${pb_work:-/dev/null}
    export HOME
    exec wget -nv -S --tries=1 --connect-timeout=20 --read-timeout=60 --max-redirect=10 "$@" -O "$pb_file" -i - << EOF
$pb_url
EOF
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
    pb_read_reply
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
    pb_exec_python "$pb_work" > /dev/null 2<> "$pb_work/err" &
    pb_watch_fetch $!
    pb_read_reply
}

# Without a folder, what comes goes to standard output.
pb_exec_python() {
    # FOLDER
    exec python3 -I -c '
import shutil, socket, sys, urllib.error, urllib.request
url, (work, start, validator) = sys.stdin.readline().strip(), sys.argv[1:]
def keep(answer):
    if work:
        with open(work + "/head", "w") as head:
            print("HTTP/1.1", answer.code, file=head)
            print(answer.headers, file=head)
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
request = urllib.request.Request(url)
if start != "0":
    request.add_header("Range", "bytes=%s-" % start)
    request.add_header("If-Range", validator)
try:
    with urllib.request.build_opener(Redirect).open(request, timeout=60) as answer, open(work + "/body" if work else 1, "wb") as body:
        length = answer.headers.get("Content-Length")
        keep(answer)
        shutil.copyfileobj(answer, body)
        body.flush()
        if work and length and body.tell() != int(length):
            end(18, "%d of %s bytes came" % (body.tell(), length))
except urllib.error.HTTPError as error:
    keep(error)
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
' "$1" "$pb_from" "$pb_validator" << EOF
$pb_url
EOF
}

# Reads the heads of the answers. Sets pb_down where a fetcher was led from https to anything else, or to what is neither https nor
# http: some follow without a word. Of the last answer it sets pb_code; pb_began, where the rest of a file begins; pb_version, by which
# this version of the file is known: a strong ETag, or a time of change before that of the answer; and pb_wait, after how many seconds
# the server wants to be asked again. Times are measured by the clock of the server.
pb_read_reply() {
    pb_heads=$(cat "$pb_work/head" "$pb_work/err" 2> /dev/null) || :
    pb_read_heads
}

pb_read_heads() {
    pb_answer=$({
        date -u '+Date: %a, %d %b %Y %T GMT'
        pb_tell "$pb_heads"
    } 2> /dev/null | tr -d '\r' | awk -v url="${pb_url%%:*}" '
        function seconds(text, part, month, year) {
            split(text, part, "[ ,:-]+")
            month = index("  JanFebMarAprMayJunJulAugSepOctNovDec", part[3]) / 3
            year = part[4]
            if (month < 3) { month += 12; year-- }
            return ((year * 365 + int(year / 4) - int(year / 100) + int(year / 400) + int((month + 1) * 30.6001) + part[2]) * 24 + part[5]) * 3600 + part[6] * 60 + part[7]
        }
        BEGIN { url = tolower(url) }
        $1 ~ "^HTTP/" { code = $2; began = etag = changed = wait = "" }
        { name = tolower($1); value = $0; sub(/^ *[^ ]+ */, "", value) }
        name == "date:" { date = value }
        name == "content-range:" && split(value, range, "[ /-]") == 4 && (range[4] == "*" || range[4] == range[3] + 1) { began = range[2] }
        name == "etag:" && value ~ /^"[^"]*"$/ { etag = value }
        name == "last-modified:" { changed = value }
        name == "retry-after:" { wait = value }
        name == "location:" && code ~ /^3/ {
            target = tolower($2)
            if (target !~ /^[a-z][a-z0-9+.-]*:/) next
            if (target !~ /^https:/ && (url ~ /^https/ || target !~ /^http:/)) { down = 1; exit }
            url = substr(target, 1, 5)
        }
        END {
            if (wait ~ /, .* GMT$/) wait = seconds(wait) - seconds(date)
            else if (wait !~ /^[0-9]+$/) wait = ""
            if (wait != "" && wait < 1) wait = 1
            if (etag == "" && changed != date) etag = changed
            print down "/" code "/" began "/" substr(wait, 1, 9) "/" etag
        }')
    IFS=/ read -r pb_down pb_code pb_began pb_wait pb_version << EOF
$pb_answer
EOF
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

# Fetches pb_url once: the rest of it where an earlier try has brought a part and the server still has the same version, otherwise all
# of it. Where that fails, pb_error says why; pb_again, that another try may help; pb_cut, that a part came.
pb_fetch_once() {
    pb_from=0 pb_joined=0
    if [ -n "$pb_validator" ] && [ -s "$pb_work/body" ]; then
        mv "$pb_work/body" "$pb_work/part"
        pb_from=$(($(wc -c < "$pb_work/part")))
    fi
    rm -f "$pb_work/body" "$pb_work/head" "$pb_work/err"
    pb_reserve err 8192
    pb_again=
    pb_cut=
    case $pb_fetcher in
    curl) pb_fetch_curl ;;
    wget) pb_fetch_wget ;;
    python) pb_fetch_python ;;
    *) pb_fetch_small ;;
    esac
    [ -z "$pb_down" ] || pb_status=1
    case $pb_status in
    0 | 1 | 22 | 47) ;;
    *) ! pb_is_full "$pb_work" || pb_status=23 ;;
    esac
    # A server that sent no body at all leaves no file with some fetchers.
    [ -e "$pb_work/body" ] || { printf '' > "$pb_work/body"; } 2> /dev/null || pb_status=23
    pb_said=$(grep -v '^ ' "$pb_work/err" 2> /dev/null | tail -n 1) || :
    ! pb_is_confidential "$pb_url" || pb_said="status $pb_status"
    if [ "$pb_from" -gt 0 ]; then
        pb_join_parts
    else
        pb_keep_version
    fi
    [ "$pb_status" != 0 ] || return 0
    pb_explain_fetch
    return 1
}

# Sets pb_validator to the version of the file whose beginning has come. What a busybox wget does with a part depends on its version, so
# it fetches all of it anew.
pb_keep_version() {
    pb_validator=
    case $pb_fetcher:$pb_code in
    [cwp]*:200) pb_validator=$pb_version ;;
    esac
}

# Puts the rest of a file behind its first part. A server may not know If-Range, and send the rest of another version: that is not
# taken, and the next try starts anew. A wget whose range is not heeded keeps what it wanted of it; status 2 is one that is too old.
pb_join_parts() {
    case $pb_fetcher:$pb_code:$pb_status in
    *:206:*)
        if [ "$pb_began:$pb_version" = "$pb_from:$pb_validator" ]; then
            pb_why_not=$({ cat "$pb_work/body" >> "$pb_work/part"; } 2>&1) || pb_status=23 pb_said=$pb_why_not
            mv "$pb_work/part" "$pb_work/body"
            pb_joined=$pb_from
            return 0
        fi
        ;;
    [cp]*:200:*)
        pb_keep_version
        return 0
        ;;
    *:200:* | *:416:* | *:2) ;;
    *)
        mv "$pb_work/part" "$pb_work/body"
        return 0
        ;;
    esac
    : > "$pb_work/body"
    pb_validator=
    [ "$pb_status" = 1 ] || pb_status=changed
}

# Sets pb_error, pb_again and pb_cut to what pb_status means.
pb_explain_fetch() {
    pb_size=0
    [ ! -e "$pb_work/body" ] || pb_size=$(($(wc -c < "$pb_work/body")))
    case $pb_status in
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
        pb_error="$pb_shown: the body ended too early, after $pb_size${pb_total:+ of $((pb_total + pb_joined))} bytes ($pb_said)"
        pb_again=1
        pb_cut=1
        ;;
    28)
        pb_error="$pb_shown: nothing came for too long, $pb_size bytes had come ($pb_said)"
        pb_again=1
        ;;
    23) pb_no_room ;;
    1) pb_error="$pb_shown: a redirection that leaves https, or HTTP altogether, was refused" ;;
    47) pb_error="$pb_shown: more than 10 redirections" ;;
    changed)
        pb_error="$pb_shown: the rest of this version cannot be had, the file starts anew"
        pb_again=1
        ;;
    *) pb_error="$pb_shown: ${pb_said:-the program that fetches ended with status $pb_status}" ;;
    esac
}

# Fetches an address, again after a pause where the fault may pass: three times, not counted those that have brought a good part of the
# file, and at most fifty. A server says itself when it wants to be asked again, which a busybox wget does not show; pb_others says
# that other addresses wait.
pb_fetch() {
    pb_url=$1
    pb_show_url "$1"
    pb_choose_fetcher
    pb_pause=${pb_first_pause:-1} pb_left=3 pb_tries=1 pb_validator=
    rm -f "$pb_work/body"
    until pb_fetch_once; do
        if [ -n "$pb_validator" ] && [ "$((pb_size - pb_from))" -ge 262144 ]; then
            pb_left=3 pb_pause=${pb_first_pause:-1}
        fi
        [ -n "$pb_again" ] && [ "$pb_left" -gt 0 ] && [ "$pb_tries" -lt 50 ] || return 1
        # An address that stalls takes a minute each time.
        [ "$pb_status" != 28 ] || [ -z "${pb_others:-}" ] || return 1
        pb_delay=$pb_pause pb_asked=
        if [ -n "$pb_wait" ] && [ "$pb_status" = 22 ]; then
            pb_delay=$pb_wait pb_asked=', as it asks'
            if [ "$pb_delay" -gt "${pb_longest_pause:-300}" ]; then
                pb_error="$pb_error, and wants to be asked again in $pb_delay s, which is too long to wait"
                return 1
            fi
        fi
        pb_tell "$pb_error; again in $pb_delay s$pb_asked${pb_validator:+", from byte $pb_size"}"
        sleep "$pb_delay"
        pb_pause=$((pb_pause * 3)) pb_left=$((pb_left - 1)) pb_tries=$((pb_tries + 1))
    done
}
