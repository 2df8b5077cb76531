#!/bin/sh
# A stand-in for aws that speaks as the real one does. ~/s3/BUCKET/KEY is an object and ~/s3.of/BUCKET/KEY what S3 knows of it besides:
# `class`, `type`, `encryption`, `sha256` where that was asked for, `part` for the size of its parts. ~/old makes it an aws of 2020,
# ~/kms encrypts what comes, and ~/answer is what it says instead of everything else.
umask 022
echo "$*" >> "@calls@"
answer() {
    echo >&2
    echo "An error occurred ($1) when calling the $2 operation: $3" >&2
    exit 254
}
# The digest of an object, of its parts where it has some.
digest() {
    if [ -z "$part" ]; then
        openssl dgst "-$1" -binary < "$object"
        return
    fi
    left=$count
    while [ "$left" -gt 0 ]; do
        dd bs="$part" count=1 2> /dev/null | openssl dgst "-$1" -binary
        left=$((left - 1))
    done < "$object" | openssl dgst "-$1" -binary
}
verb="$1 $2"
shift 2
bucket= key= body= class= type= algorithm= mode= number= unknown=
while [ $# -gt 0 ]; do
    case $1 in
    --bucket=*) bucket=${1#*=} ;;
    --bucket) bucket=$2 && shift ;;
    --key=*) key=${1#*=} ;;
    --body=*) body=${1#*=} ;;
    --body) body=$2 && shift ;;
    --prefix=* | --max-items=* | --output=text | --query=*) ;;
    --part-number=*) number=${1#*=} ;;
    --storage-class=*) class=${1#*=} ;;
    --storage-class) class=$2 && shift ;;
    --content-type=*) type=${1#*=} ;;
    --content-type) type=$2 && shift ;;
    --checksum-mode=ENABLED) mode=1 && [ ! -e ~/old ] || unknown=$1 ;;
    --checksum-algorithm=SHA256) algorithm=1 && [ ! -e ~/old ] || unknown=$1 ;;
    --checksum-algorithm) algorithm=1 && shift ;;
    --region=us-east-1 | --endpoint-url=http://127.0.0.1:9000 | --only-show-errors) ;;
    --region) shift ;;
    --profile=work) ;;
    --profile=*) echo >&2 && echo "The config profile (${1#*=}) could not be found" >&2 && exit 255 ;;
    -*) unknown=$1 ;;
    s3://*) key=${1#s3://*/} && bucket=${1#s3://} && bucket=${bucket%%/*} ;;
    *) body=$1 ;;
    esac
    shift
done
if [ -n "$unknown" ]; then
    printf '%s\n' 'usage: aws [options] <command> <subcommand> [<subcommand> ...] [parameters]' '' "Unknown options: $unknown" >&2
    exit 252
fi
object=$HOME/s3/$bucket/$key of=$HOME/s3.of/$bucket/$key
if [ -e ~/answer ]; then
    case $verb in 's3api list-objects-v2') [ ! -e ~/list ] || { cat ~/list >&2 && exit 254; } ;; *) cat ~/answer >&2 && exit 254 ;; esac
fi
case $verb in
's3api head-object')
    [ -f "$object" ] || answer 404 HeadObject 'Not Found'
    class=None type=binary/octet-stream encryption=AES256 sha256= part=
    # shellcheck disable=SC1090
    [ ! -e "$of" ] || . "$of"
    size=$(wc -c < "$object")
    [ -z "$part" ] || count=$(((size + part - 1) / part))
    [ -z "$number" ] || { printf 'pb-object\t%s\n' "$part" && exit; }
    if [ -z "$part" ]; then
        etag=$(md5sum < "$object")
        etag=${etag%% *}
    else
        etag=$(digest md5 | od -An -v -tx1 | tr -d ' \n')-$count
    fi
    [ "$encryption" != aws:kms ] || etag=$(echo "$etag" | tr 0123456789 1234567890)
    sum=None
    [ -z "$mode" ] || [ -z "$sha256" ] || sum=$(digest sha256 | openssl base64 -A)${part:+-$count}
    echo 'InsecureWarning: what aws says besides' >&2
    printf 'pb-object\t%s\t"%s"\t%s\t%s\tNone\t%s\t%s\n' "$size" "$etag" "$sum" "$encryption" "$class" "$type"
    ;;
's3api list-objects-v2') [ -d ~/s3/"$bucket" ] || answer NoSuchBucket ListObjectsV2 'The specified bucket does not exist' ;;
's3api put-object' | 's3 cp')
    [ -d ~/s3/"$bucket" ] || answer NoSuchBucket PutObject 'The specified bucket does not exist'
    [ ! -e ~/denied ] || answer AccessDenied PutObject 'Access Denied'
    mkdir -p "${object%/*}" "${of%/*}"
    cat "$body" > "$object"
    {
        [ -z "$class" ] || [ "$class" = STANDARD ] || echo "class=$class"
        [ -z "$type" ] || echo "type='$type'"
        [ ! -e ~/kms ] || echo encryption=aws:kms
        [ -z "$algorithm" ] || echo sha256=1
    } > "$of"
    echo '{ "ETag": "x" }'
    ;;
's3api delete-object') rm -f "$object" "$of" ;;
*) echo "Invalid choice: $verb" >&2 && exit 252 ;;
esac
