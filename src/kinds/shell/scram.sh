# What PostgreSQL keeps of a password.

# Sets pb_verifier to `same` where a stored verifier is that of a password, and otherwise to a new one for it, as the server writes
# them. The password reaches a program on standard input, and never the server.
pb_pg_verifier() {
    # STORED ROLE ENCRYPTION PASSWORD
    case $4 in
    *'
'*) pb_give_up 'the password has more than one line' ;;
    esac
    for pb_tool in python3 python perl; do
        command -v "$pb_tool" > /dev/null 2>&1 || continue
        pb_verifier=$(printf '%s\n' "$1" "$2" "$3" "$4" | pb_pg_compute 2> /dev/null) || pb_verifier=
        case $pb_verifier in same | md5* | SCRAM-SHA-256\$*) return 0 ;; esac
    done
    pb_give_up "no python3, python or perl of this host can compute what PostgreSQL keeps of a password: install python3 in an earlier step"
}

# The program of pb_pg_verifier. perl lacks the tables for what is not ASCII.
pb_pg_compute() {
    case $pb_tool in
    perl) perl -MDigest::SHA -MDigest::MD5 -MMIME::Base64 -e 'my ($stored, $role, $way, $word) = split /\n/, join("", <STDIN>), -1;
exit 3 if $word =~ /[^\x00-\x7f]/;
sub mac { Digest::SHA::hmac_sha256($_[1], $_[0]) }
sub code { MIME::Base64::encode_base64($_[0], "") }
sub scram {
    my ($salt, $count) = @_;
    my $u = mac($word, $salt . pack("N", 1));
    my $salted = $u;
    for (2 .. $count) { $u = mac($word, $u); $salted ^= $u }
    "SCRAM-SHA-256\$$count:" . code($salt) . "\$" . code(Digest::SHA::sha256(mac($salted, "Client Key"))) . ":" . code(mac($salted, "Server Key"))
 }
sub md5 { "md5" . Digest::MD5::md5_hex($word . $role) }
my ($same, $new);
if ($word =~ m{^(SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=|md5[0-9a-f]{32})$}) {
    $same = $stored eq ($new = $word);
 } elsif ($stored ne "") {
    $same = $stored eq ($stored =~ /^SCRAM-SHA-256\$([0-9]+):([^\$]+)\$/ ? scram(MIME::Base64::decode_base64($2), $1) : md5());
 }
if (!$same && !defined $new) {
    open(my $in, "<", "/dev/urandom") or exit 3;
    read($in, my $salt, 16) == 16 or exit 3;
    $new = $way =~ /^(md5|on)$/ ? md5() : scram($salt, 4096);
 }
print $same ? "same" : $new, "\n";' ;;
    *) "$pb_tool" -c 'import sys, os, re, hmac, hashlib, base64
stored, role, way, word = getattr(sys.stdin, "buffer", sys.stdin).read().split(b"\n")[:4]
def prepared(word):
    try:
        text = word.decode("utf-8")
    except ValueError:
        return word
    if all(ord(c) < 128 for c in text):
        return word
    import stringprep as s, unicodedata
    text = u"".join(u" " if s.in_table_c12(c) else c for c in text if not s.in_table_b1(c))
    text = unicodedata.normalize("NFKC", text)
    tables = (s.in_table_a1, s.in_table_c12, s.in_table_c21_c22, s.in_table_c3, s.in_table_c4, s.in_table_c5, s.in_table_c6, s.in_table_c7, s.in_table_c8, s.in_table_c9)
    right = [s.in_table_d1(c) for c in text]
    bad = not text or any(table(c) for c in text for table in tables)
    bad = bad or any(right) and (any(s.in_table_d2(c) for c in text) or not right[0] or not right[-1])
    return word if bad else text.encode("utf-8")
def mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()
def scram(salt, count):
    salted = hashlib.pbkdf2_hmac("sha256", prepared(word), salt, count)
    keys = [hashlib.sha256(mac(salted, b"Client Key")).digest(), mac(salted, b"Server Key")]
    keys = b":".join(base64.b64encode(key) for key in keys)
    return b"SCRAM-SHA-256$" + str(count).encode() + b":" + base64.b64encode(salt) + b"$" + keys
def md5():
    return b"md5" + hashlib.md5(word + role).hexdigest().encode()
known = re.match(b"SCRAM-SHA-256[$]([0-9]+):([^$]+)[$]", stored)
if re.match(b"(SCRAM-SHA-256[$][0-9]+:[A-Za-z0-9+/=]+[$][A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=|md5[0-9a-f]{32})$", word):
    new = word
    same = stored == new
else:
    same = stored != b"" and stored == (scram(base64.b64decode(known.group(2)), int(known.group(1))) if known else md5())
    new = b"" if same else md5() if way in (b"md5", b"on") else scram(os.urandom(16), 4096)
print("same" if same else new.decode())' ;;
    esac
}
