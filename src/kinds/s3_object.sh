# The kind `s3_object`.

s3_object_check() {
    s3_object_begin
    s3_object_look
    if [ "$arg_state" = absent ]; then
        [ -z "$pb_size" ] || pb_differs "- $pb_address ($pb_size bytes)"
    elif [ -z "$pb_size" ]; then
        pb_differs "+ $pb_address from $arg_from"
        case $pb_said in *'(NoSuchBucket)'*) pb_tell "its bucket is not there yet" ;; esac
    elif ! pb_is_there; then
        # An earlier step may bring it.
        pb_differs "$pb_address: $pb_size bytes -> $arg_from, which is not there yet"
    else
        s3_object_compare
    fi
    pb_answer
}

s3_object_apply() {
    s3_object_begin
    if [ "$arg_state" = absent ]; then
        s3_object_must s3api delete-object --bucket="$arg_bucket" --key="$arg_key"
        return
    fi
    command -v aws > /dev/null 2>&1 || pb_give_up "this host has no aws: install it in an earlier step"
    pb_is_there || pb_give_up "$arg_from is not there: does an earlier step bring it?"
    set -- ${arg_storage_class:+"--storage-class=$arg_storage_class"} ${arg_content_type:+"--content-type=$arg_content_type"}
    pb_size=$(wc -c < "$pb_path")
    # One request takes 5 GB; in parts, what was cut off is sent again part by part.
    case ${pb_size##* } in
    ??????????*) set -- s3 cp --only-show-errors "$@" "$pb_path" "$pb_address" ;;
    *) set -- s3api put-object --bucket="$arg_bucket" --key="$arg_key" --body="$pb_path" "$@" ;;
    esac
    if s3_object_do "$@" --checksum-algorithm=SHA256; then return 0; fi
    case $pb_said in
    # An aws of before 2022.
    *nknown\ options:*checksum-algorithm*) s3_object_must "$@" ;;
    *) s3_object_failed ;;
    esac
}

# Sets pb_address, and pb_path to the file. Root reads it only where no other user can change the way to it: what that user lays there
# would come into the bucket with root's credentials, and that user is not given them.
s3_object_begin() {
    if [ "$arg_state" = present ]; then
        case $arg_key in */) arg_key=$arg_key${arg_from##*/} ;; esac
        pb_find_holder "$arg_from"
        [ -z "$pb_holder" ] || pb_give_up "$arg_from lies in a directory of ${pb_holder#* }, and root does not put it into the bucket: give the step \`run_as: ${pb_holder#* }\`, with credentials of that user"
        pb_target "$arg_from"
        [ -n "$pb_fresh" ] || pb_want_file "$arg_from" "$pb_path"
        ! pb_is_there || [ -r "$pb_path" ] || pb_give_up "$arg_from cannot be read as $(id -un)$(pb_or_sudo)"
        case $pb_path in /*) ;; *) pb_path=$PWD/$pb_path ;; esac
    fi
    pb_address=s3://$arg_bucket/$arg_key
}

# Calls aws, and sets pb_said to all that it says. It asks no questions, and shows nothing page by page.
s3_object_do() {
    [ -z "$arg_profile" ] || set -- "$@" "--profile=$arg_profile"
    [ -z "$arg_region" ] || set -- "$@" "--region=$arg_region"
    [ -z "$arg_endpoint" ] || set -- "$@" "--endpoint-url=$arg_endpoint"
    pb_said=$(AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off PYTHONWARNINGS=ignore aws "$@" < /dev/null 2>&1)
}

s3_object_must() {
    s3_object_do "$@" || s3_object_failed
}

# Ends the check or the step with what aws said. The answer to a HEAD has no body, which would say more: a list of the same key has one.
s3_object_failed() {
    pb_first=$pb_said
    case $pb_said in
    *'calling the HeadObject operation'*)
        s3_object_list || pb_first="$pb_first
$pb_said"
        ;;
    esac
    case $pb_first in
    *'(403)'*HeadObject*) pb_first="$pb_first
S3 does not say whether $pb_address is there: the credentials lack s3:GetObject for it, or they lack s3:ListBucket and it is missing" ;;
    esac
    pb_give_up "$pb_first"
}

s3_object_list() {
    s3_object_do s3api list-objects-v2 --bucket="$arg_bucket" --prefix="$arg_key" --max-items=1 --query="'x'"
}

# Asks for the object. Sets pb_size, which is empty where it is missing, and pb_etag, pb_sha256, pb_type, pb_encryption, pb_class and
# pb_content, each `None` where S3 says nothing of it.
s3_object_look() {
    pb_size=
    if ! command -v aws > /dev/null 2>&1; then
        # An earlier step may bring it; the object may be there or not.
        [ -n "${arg_verifies:-}" ] || [ "$arg_state" = absent ] || {
            pb_differs "$pb_address from $arg_from: aws is not there yet to ask whether it is in place"
            pb_answer
        }
        pb_give_up "this host has no aws to ask for $pb_address: install it in an earlier step"
    fi
    s3_object_head --checksum-mode=ENABLED || case $pb_said in
    *nknown\ options:*checksum-mode*)
        pb_is_old=1
        s3_object_head || s3_object_missing
        ;;
    *) s3_object_missing ;;
    esac
}

s3_object_missing() {
    case $pb_said in
    *'(404)'*HeadObject* | *'(NoSuchKey)'*) ;;
    *) s3_object_failed ;;
    esac
    # A bucket that is not there gives the same answer. An earlier step may make it.
    s3_object_list || case $pb_said/$arg_state${arg_verifies:-} in
    *'(NoSuchBucket)'*/present) ;;
    *'(NoSuchBucket)'*) pb_give_up "$pb_said" ;;
    esac
}

s3_object_head() {
    # OPTION...
    s3_object_do s3api head-object --bucket="$arg_bucket" --key="$arg_key" "$@" --output=text \
        --query="['pb-object',ContentLength,ETag,ChecksumSHA256,ServerSideEncryption,SSECustomerAlgorithm,StorageClass,ContentType]" || return
    pb_line=$(pb_tell "$pb_said" | sed -n '/^pb-object	/p')
    IFS='	' read -r pb_one pb_size pb_etag pb_sha256 pb_encryption pb_customer pb_class pb_content << EOF
$pb_line
EOF
    [ -n "$pb_size" ] || pb_give_up "the answer of aws about $pb_address could not be read: $pb_said"
    pb_etag=${pb_etag#\"}
    pb_etag=${pb_etag%\"}
    [ "$pb_class" != None ] || pb_class=STANDARD
}

# Says in what the object is another one than wanted.
s3_object_compare() {
    pb_wanted=$(wc -c < "$pb_path")
    pb_wanted=${pb_wanted##* }
    if [ "$pb_size" != "$pb_wanted" ]; then
        pb_differs "$pb_address: $pb_size bytes -> $pb_wanted bytes"
    else
        s3_object_compare_bytes
    fi
    case $arg_storage_class in '' | "$pb_class") ;; *) pb_differs "storage class $pb_class -> $arg_storage_class" ;; esac
    case $arg_content_type in '' | "$pb_content") ;; *) pb_differs "content type $pb_content -> $arg_content_type" ;; esac
}

# Compares the best of what S3 knows: the SHA-256 of all bytes, the MD5 of all bytes, or the digest of the digests of the parts.
s3_object_compare_bytes() {
    pb_algorithm=sha256 pb_there=
    case $pb_sha256 in
    None | '')
        pb_algorithm=md5 pb_there=$pb_etag
        # Only here an ETag is a digest of the bytes.
        case $pb_encryption/$pb_customer/$arg_bucket in
        */*--x-s3) pb_algorithm= ;;
        None/None/* | AES256/None/*) ;;
        *) pb_algorithm= ;;
        esac
        ;;
    *)
        pb_there=$(s3_object_hex "${pb_sha256%%-*}")
        case $pb_sha256 in *-*) pb_there=$pb_there-${pb_sha256#*-} ;; esac
        ;;
    esac
    # Not every store says behind a digest that it is one of parts.
    case $pb_there/$pb_etag in *-*/*) ;; */*-*) pb_there=$pb_there-${pb_etag##*-} ;; esac
    case $pb_algorithm/$pb_there in
    /*) s3_object_cannot_compare "S3 knows no digest of its bytes" ;;
    *-*) s3_object_compare_parts ;;
    *)
        pb_digest_of "$pb_algorithm" "$pb_path"
        [ "$pb_sum" = "$pb_there" ] || pb_differs "$pb_address: $pb_algorithm $pb_there -> $pb_sum"
        ;;
    esac
}

# Says that the bytes may be others: they are brought anew, with a digest that can be compared from then on.
s3_object_cannot_compare() {
    # WHY
    [ -z "${pb_is_old:-}" ] || pb_give_up "$pb_address is there, and this aws cannot ask for a digest of its bytes ($1): install a newer one (2.5 or later, or 1.22.62)"
    pb_differs "$pb_address: whether its bytes are those of $arg_from cannot be compared ($1); it is brought anew, with its SHA-256"
}

# Compares an object of several parts: its digest is that of the digests of its parts, which are of one size but the last.
s3_object_compare_parts() {
    pb_count=${pb_there##*-}
    s3_object_do s3api head-object --bucket="$arg_bucket" --key="$arg_key" --part-number=1 --output=text --query="['pb-object',ContentLength]" || s3_object_failed
    pb_part=$(pb_tell "$pb_said" | sed -n 's/^pb-object	//p')
    # The block that dd reads divides the part.
    pb_block=
    case $pb_part in
    '' | *[!0-9]* | ??????????*) ;;
    *) for pb_one in 1048576 65536 1024 1; do [ $((pb_part % pb_one)) != 0 ] || [ -n "$pb_block" ] || pb_block=$pb_one; done ;;
    esac
    case $pb_block in '' | 1)
        s3_object_cannot_compare "it is of $pb_count parts of odd sizes"
        return
        ;;
    esac
    s3_object_digest_parts
    [ "$pb_sum-$pb_count" = "$pb_there" ] || pb_differs "$pb_address: $pb_algorithm of its $pb_count parts $pb_there -> $pb_sum-$pb_count"
}

# Sets pb_sum to the digest of the digests of pb_count parts of pb_part bytes.
s3_object_digest_parts() {
    pb_sum=$(
        pb_left=$pb_count
        while [ "$pb_left" -gt 0 ]; do
            pb_left=$((pb_left - 1))
            pb_one=$(dd bs="$pb_block" count=$((pb_part / pb_block)) 2> /dev/null | {
                pb_digest_of "$pb_algorithm" /dev/stdin
                pb_tell "$pb_sum"
            }) || exit 1
            # The bytes that the digits stand for.
            pb_bytes=
            while [ -n "$pb_one" ]; do
                pb_rest=${pb_one#??}
                pb_two=$((0x${pb_one%"$pb_rest"}))
                pb_bytes="$pb_bytes\\0$((pb_two / 64))$((pb_two / 8 % 8))$((pb_two % 8))"
                pb_one=$pb_rest
            done
            printf '%b' "$pb_bytes"
        done < "$pb_path" | {
            pb_digest_of "$pb_algorithm" /dev/stdin
            pb_tell "$pb_sum"
        }
    ) || exit 1
}

# Prints the hexadecimal digits of bytes that are written as base64.
s3_object_hex() {
    pb_tell "$1" | awk '{
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        sub(/=+$/, "")
        for (i = 1; i <= length($0); i++) {
            bits = bits * 64 + index(digits, substr($0, i, 1)) - 1
            size += 6
            while (size >= 4) {
                size -= 4
                unit = 2 ^ size
                digit = int(bits / unit)
                bits -= digit * unit
                # Bits that fill up the last digit of base64 are none of the bytes.
                if (size + 6 * (length($0) - i) >= 0) hex = hex sprintf("%x", digit)
            }
        }
        print substr(hex, 1, int(length($0) * 6 / 8) * 2)
    }'
}
