#!/bin/sh
# Verify a delivery certificate of edxml-router with public tools: sh, awk, sed, od, split, unzip, xxd, sha256sum and
# OpenSSL 3. Nothing of edxml-router is needed, and no network.
#
#   sh verify-certificate.sh CERTIFICATE.asice ANCHORS.pem [STAMP-ANCHORS.pem [KEYS]]
#
# ANCHORS.pem        the authority of the nodes, from a source that you trust and not out of the certificate
# STAMP-ANCHORS.pem  the authority of the time stamp ("-" for none)
# KEYS               keys of journals and witnesses that you know, a line each, as `edxml-router journal key` shows them
#                    there: NAME+ID+KEY (c2sp.org/signed-note)
#
# Exit status 0: all that is said is verified. 1: refused, and why. What is not proved is said as well.
set -eu
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}
export LC_ALL PATH
unset CDPATH UNZIP UNZIPOPT ZIPOPT SSL_CERT_FILE SSL_CERT_DIR

refuse() { echo "REFUSED: $*" >&2; exit 1; }
full() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

[ $# -ge 2 ] && [ $# -le 4 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
file=$(full "$1") anchors=$(full "$2") stamp_anchors=- keys=-
[ $# -lt 3 ] || [ "$3" = - ] || stamp_anchors=$(full "$3")
[ $# -lt 4 ] || keys=$(full "$4")
for each in "$file" "$anchors"; do [ -f "$each" ] || refuse "there is no file $each"; done
size=$(wc -c <"$file") && size=$((size))
[ "$size" -le 100663296 ] || refuse "more than 96 MiB"

# Where memory serves as a disk, the many small files of a circular take seconds in the place of minutes.
if [ -z "${TMPDIR:-}" ] && [ -d /dev/shm ] && [ -w /dev/shm ] && [ "$size" -le 8000000 ]; then TMPDIR=/dev/shm; export TMPDIR; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/in" "$work/at"

# --- the archive: one form only, see docs/evidence.md -----------------------------------------------------------------
od -An -v -tu1 "$file" | awk -v total="$size" '
function bad(text) { if (!over) print "! " text; over = 1; exit }
function two(at) { return b[at] + 256 * b[at + 1] }
function four(at) { return two(at) + 65536 * two(at + 2) }
function sum(at, count,   all) { all = 0; while (count--) all += b[at++]; return all }
function text(at, count,   all) { all = ""; while (count--) all = all sprintf("%c", b[at++] + 0); return all }
function await(what, count) { phase = what; high = at + count }
function step(   name, length_) {
    if (phase == "mark") {
        if (b[at] != 80 || b[at + 1] != 75) bad("something between the members")
        if (two(at + 2) == 1027 && !listed) await("local", 30)
        else if (two(at + 2) == 513) { if (!listed) directory = at; await("central", 46) }
        else if (two(at + 2) == 1541) await("end", 22)
        else bad("something between the members")
    } else if (phase == "local") {
        if (two(at + 4) != 20 || two(at + 6) || two(at + 10) || two(at + 12) != 33 || two(at + 28)) bad("a header that is not used here")
        if (two(at + 26) < 1 || two(at + 26) > 200) bad("a name of another length")
        await("name", 30 + two(at + 26))
    } else if (phase == "name") {
        name = text(at + 30, two(at + 26))
        if (name !~ /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/) bad("not the name of a member")
        if (name in seen) bad("two members of one name")
        if ("META-INF/container.sha256" in seen) bad("a member behind the seal")
        seen[name] = 1
        stored = name == "mimetype" || name == "META-INF/container.sha256"
        if (two(at + 8) != (stored ? 0 : 8)) bad("packed in another way")
        unpacked += four(at + 22)
        if (unpacked > 100663296 || ++count > 60000) bad("more than 96 MiB, or 60,000 members")
        record[count] = two(at + 8) " " four(at + 14) " " four(at + 18) " " four(at + 22) " " at " " name
        if (stored && name != "mimetype") seal = at
        print name
        at += 30 + two(at + 26) + four(at + 18)
        await("mark", 4)
    } else if (phase == "central") {
        if (two(at + 4) != 20 || two(at + 6) != 20 || two(at + 8) || two(at + 12) || two(at + 14) != 33 || sum(at + 30, 12)) bad("a record that is not used here")
        await("record", 46 + two(at + 28))
    } else if (phase == "record") {
        length_ = two(at + 28)
        if (record[++listed] != two(at + 10) " " four(at + 16) " " four(at + 20) " " four(at + 24) " " four(at + 42) " " text(at + 46, length_)) bad("the directory does not follow from the members")
        at += 46 + length_
        await("mark", 4)
    } else {
        if (sum(at + 4, 4) || two(at + 8) != count || two(at + 10) != count || listed != count) bad("the directory does not follow from the members")
        if (four(at + 12) != at - directory || four(at + 16) != directory || two(at + 20) || at + 22 != total) bad("the directory does not follow from the members")
        if (seal == "") bad("no seal")
        print "@ " seal
        over = 1
        exit
    }
}
BEGIN { at = 0; listed = 0; count = 0; seal = ""; await("mark", 4) }
{
    base = (NR - 1) * 16
    if (base + 16 <= at) next
    for (i = 1; i <= NF; i++) b[base + i - 1] = $i
    while (high <= base + NF && !over) step()
}
END { if (!over) print "! cut off" }
' >"$work/names"
! grep '^! ' "$work/names" >"$work/why" || refuse "$(sed 's/^! //;q' "$work/why")"
seal=$(sed -n 's/^@ //p' "$work/names")
sed '/^@ /d' "$work/names" >"$work/members"
cd "$work/in"
(ulimit -f 200000; unzip -qq "$file" </dev/null >"$work/said" 2>&1) || refuse "the archive cannot be unpacked"
[ "$(dd if="$file" bs="$seal" count=1 2>"$work/said" | sha256sum | cut -c1-64)" = "$(cat META-INF/container.sha256)" ] ||
    refuse "the bytes are not those that were sealed"

# --- the files: each is listed, and nothing beside them ------------------------------------------------------------------
[ "$(sed -n 1p "$work/members")" = mimetype ] || refuse "mimetype is not first"
[ "$(cat mimetype; echo .)" = "application/vnd.etsi.asic-e+zip." ] || refuse "mimetype says something else"
listed() { # MANIFEST COVER TYPE: the lines of sha256sum for what it lists
    awk -v cover="$2" -v kind="$3" '
    function hex(text,   i, value, bits, out) {
        value = bits = 0; out = ""
        for (i = 1; i <= 43; i++) {
            value = value * 64 + index("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", substr(text, i, 1)) - 1
            bits += 6
            while (bits >= 8) { bits -= 8; out = out sprintf("%02x", int(value / 2 ^ bits)); value = value % (2 ^ bits) }
        }
        return out
    }
    NR == 1 { if ($0 != "<?xml version=\"1.0\" encoding=\"UTF-8\"?>") exit; next }
    NR == 2 { if ($0 != "<asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">") exit; next }
    NR == 3 { if ($0 != "<asic:SigReference URI=\"" cover "\" MimeType=\"" kind "\"/>") exit; next }
    $0 == "</asic:ASiCManifest>" { print "end"; next }
    {
        name = $0; sub(/^<asic:DataObjectReference URI="/, "", name); sub(/".*/, "", name)
        digest = $0; sub(/.*<ds:DigestValue>/, "", digest); sub(/<.*/, "", digest)
        if ($0 != "<asic:DataObjectReference URI=\"" name "\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>" digest "</ds:DigestValue></asic:DataObjectReference>" || digest !~ /^[A-Za-z0-9+\/]+=$/ || length(digest) != 44) exit
        print hex(digest) "  " name
    }' "$1" >"$work/list"
    [ "$(sed -n '$p' "$work/list")" = end ] && [ "$(grep -c '^end$' "$work/list")" = 1 ] || refuse "$1 is not a manifest"
    sed '$d' "$work/list" >"$work/digests"
    cut -c67- "$work/digests" >"$work/covered"
    cmp -s "$work/covered" "$work/expected" || refuse "$1 does not list the files that are there"
    sha256sum -c --status "$work/digests" 2>"$work/said" || refuse "$(sha256sum -c "$work/digests" 2>&1 | sed -n '/: OK$/d;p;q')"
}
stamped=$(grep -c '^META-INF/timestamp001.tst$' "$work/members" || true)
{
    echo META-INF/ASiCManifest001.xml; echo META-INF/signature001.p7s
    [ "$stamped" = 0 ] || { echo META-INF/ASiCManifest002.xml; echo META-INF/timestamp001.tst; }
    echo META-INF/container.sha256
} >"$work/expected"
grep '^META-INF/' "$work/members" | cmp -s - "$work/expected" || refuse "a file that is not listed, or in the wrong place"
tail -n "$(wc -l <"$work/expected")" "$work/members" | cmp -s - "$work/expected" || refuse "a file that is not listed, or in the wrong place"
sed '/^META-INF\//d;1d' "$work/members" >"$work/expected"
listed META-INF/ASiCManifest001.xml META-INF/signature001.p7s application/pkcs7-signature
if [ "$stamped" = 1 ]; then
    printf '%s\n' META-INF/ASiCManifest001.xml META-INF/signature001.p7s >"$work/expected"
    listed META-INF/ASiCManifest002.xml META-INF/timestamp001.tst application/vnd.etsi.timestamp-token
fi

# --- when: the stamp ------------------------------------------------------------------------------------------------------
epoch() { # seconds since 1970, of a time as openssl prints it
    awk '{
        month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3; year = $4; split($3, t, ":")
        if (month <= 2) { year--; month += 12 }
        days = 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * (month - 3) + 2) / 5) + $2 - 1 - 719468
        printf "%d", days * 86400 + t[1] * 3600 + t[2] * 60 + t[3] }'
}
when=
if [ "$stamped" = 1 ] && [ "$stamp_anchors" != - ]; then
    openssl ts -verify -data META-INF/ASiCManifest002.xml -in META-INF/timestamp001.tst -token_in \
        -CAfile "$stamp_anchors" >"$work/said" 2>&1 || refuse "the time stamp is not one of $stamp_anchors"
    stamp=$(openssl ts -reply -in META-INF/timestamp001.tst -token_in -text 2>"$work/said" | sed -n 's/^Time stamp: //p')
    when=$(echo "$stamp" | epoch)
fi

# --- who: the signature of the node -----------------------------------------------------------------------------------------
openssl cms -verify -cades -binary -inform DER -in META-INF/signature001.p7s -content META-INF/ASiCManifest001.xml \
    -CAfile "$anchors" -no-CApath -no-CAstore -purpose any ${when:+-attime "$when"} \
    -signer "$work/signer.pem" -out "$work/signed" >"$work/said" 2>&1 ||
    refuse "the signature does not lead to $anchors: $(sed -n 's/.*Verify error: *//p;s/.*Verification failure.*/it is false/p' "$work/said" | sed q)"
[ "$(grep -c 'BEGIN CERT' "$work/signer.pem")" = 1 ] || refuse "more than one signature"
cmp -s "$work/signed" META-INF/ASiCManifest001.xml || refuse "the signature is over something else"
subject=$(openssl x509 -in "$work/signer.pem" -noout -subject -nameopt RFC2253,-esc_msb,utf8 | sed 's/^subject=//')

# --- what other nodes have signed: how deliveries ended -----------------------------------------------------------------------
sed -n 's/^statements\/\([1-9][0-9]*\)\.json$/\1/p' "$work/members" >"$work/statements"
: >"$work/stated"
: >"$work/above"
if [ -s "$work/statements" ]; then
    openssl pkcs7 -inform DER -in META-INF/signature001.p7s -print_certs >"$work/above" 2>"$work/said" || refuse "no certificates in the signature"
    [ ! -f trust/nodes-above.pem ] || cat trust/nodes-above.pem >>"$work/above"
fi
while read -r n; do
    [ -f "statements/$n.sig" ] || refuse "statement $n has no signature"
    signer=$(sed -n 1p "statements/$n.sig")
    echo "$signer" | grep -Eq '^trust/node-[1-9][0-9]*\.pem$' && [ -f "$signer" ] || refuse "statement $n: no certificate of who signed it"
    sed 1d "statements/$n.sig" | openssl base64 -A -d >"$work/value"
    openssl x509 -in "$signer" -noout -pubkey >"$work/key" 2>"$work/said" || refuse "$signer is not a certificate"
    openssl dgst -sha256 -verify "$work/key" -signature "$work/value" "statements/$n.json" >"$work/said" 2>&1 ||
        refuse "statement $n: the signature is false"
    at=$(sed -n 's/"passed":/"at":/;s/.*"at":"\([0-9]*\)-\([0-9]*\)-\([0-9]*\)T\([0-9:]*\).*/\1 \2 \3 \4/p' "statements/$n.json" |
        awk '{ print substr("JanFebMarAprMayJunJulAugSepOctNovDec", $2 * 3 - 2, 3), $3 + 0, $4, $1 }' | epoch)
    since=$(openssl x509 -in "$signer" -noout -startdate | sed 's/^notBefore=//' | epoch)
    [ "${at:-0}" -ge "$since" ] || at=$since # it signs when it comes to report; by then its certificate may be a newer one
    openssl verify -CAfile "$anchors" -no-CApath -no-CAstore -untrusted "$work/above" -attime "$at" "$signer" >"$work/said" 2>&1 ||
        refuse "statement $n: the certificate of who signed it does not lead to $anchors"
    {
        echo "node's statement $n: $(cat "statements/$n.json")"
        echo "  signed by: $(openssl x509 -in "$signer" -noout -subject -nameopt RFC2253,-esc_msb,utf8 | sed 's/^subject=//')"
        echo " $(openssl x509 -in "$signer" -noout -ext subjectAltName 2>"$work/said" | sed 1d | tr -s ' ')"
    } >>"$work/stated"
done <"$work/statements"

# --- what was known of revocation, of the certificates by which the letter's signature was judged -------------------------------
sed -n -e 's/^trust\/\(revocation-[1-9][0-9]*\.crl\)$/\1/p' -e 's/^trust\/\(revocation-[1-9][0-9]*\.ocsp\)$/\1/p' "$work/members" >"$work/evidence"
: >"$work/standings"
if [ -s "$work/evidence" ]; then
    [ -f trust/letter-signer.pem ] || refuse "lists of revocation without the certificates that they are about"
    cat trust/letter-signer.pem "$anchors" | awk -v into="$work/authority." '/BEGIN CERT/ { n++ } n { print > (into n) }'
    awk -v into="$work/judged." '/BEGIN CERT/ { n++ } n { print > (into n) }' trust/letter-signer.pem
fi
for each in "$work"/authority.* "$work"/judged.*; do
    [ ! -f "$each" ] || openssl x509 -in "$each" -noout -subject -issuer -serial -nameopt RFC2253,-esc_msb,utf8 >"$work/names.${each##*/}" 2>"$work/said" ||
        refuse "trust/letter-signer.pem is not certificates"
done
name_of() { sed -n "s/^$2=//p" "$work/names.${1##*/}"; }
while read -r each; do
    found='' signer=''
    for authority in "$work"/authority.*; do
        case $each in
        *.crl)
            openssl crl -inform DER -in "trust/$each" -noout -CAfile "$authority" -no-CApath -no-CAstore >"$work/said" 2>&1 || :
            grep -q '^verify OK' "$work/said" || continue
            openssl crl -inform DER -in "trust/$each" -noout -text >"$work/list" 2>"$work/said" || continue
            ;;
        esac
        for judged in "$work"/judged.*; do
            [ "$(name_of "$judged" issuer)" = "$(name_of "$authority" subject)" ] || continue
            signer=$(name_of "$authority" subject)
            case $each in
            *.crl)
                serial=$(name_of "$judged" serial)
                at=$(sed -n 's/^ *Last Update: //p' "$work/list") state="does not name"
                ! grep -q "^ *Serial Number: 0*$serial\$" "$work/list" || state="REVOKES"
                ;;
            *)
                openssl ocsp -respin "trust/$each" -issuer "$authority" -cert "$judged" -CAfile "$authority" -no-CApath -no-CAstore \
                    -no_nonce -partial_chain >"$work/said" 2>&1 || continue
                grep -q '^Response verify OK' "$work/said" || continue
                state=$(sed -n "s|^$judged: ||p" "$work/said") at=$(sed -n 's/^.*This Update: //p' "$work/said")
                [ "$state" = good ] || [ "$state" = revoked ] || continue
                ;;
            esac
            found=1
            echo "revocation: $signer, as of $at: $state $(name_of "$judged" subject)" >>"$work/standings"
        done
    done
    [ -n "$found" ] || {
        issuer=$(openssl crl -inform DER -in "trust/$each" -noout -issuer -nameopt RFC2253,-esc_msb,utf8 2>"$work/said" | sed 's/^issuer=//')
        for authority in "$work"/authority.*; do
            [ "$issuer" != "$(name_of "$authority" subject)" ] || refuse "$each is not signed by $issuer"
        done
        echo "revocation: $each is of an authority whose certificate is not known here" >>"$work/standings"
    }
done <"$work/evidence"

# --- what: each entry is in the journal's tree (RFC 6962) ---------------------------------------------------------------------
sed -n 's/^entries\/\([1-9][0-9]*\)\.json$/\1/p' "$work/members" >"$work/entries"
[ -s "$work/entries" ] || refuse "no entry of a journal"
awk '$0 != NR { exit 1 }' "$work/entries" || refuse "the entries are not in their order"
[ -f entries.tlog-proofs ] || refuse "entries without their proofs"
count=$(wc -l <"$work/entries") && count=$((count))
# Behind the empty line of the last proof stands the checkpoint.
awk -v count="$count" 'behind == count; $0 == "" && behind < count { behind++ }' entries.tlog-proofs >"$work/checkpoint"
sed '/^$/,$d' "$work/checkpoint" >"$work/body"
origin=$(sed -n 1p "$work/body") tree=$(sed -n 2p "$work/body") root=$(sed -n 3p "$work/body")
case $tree in '' | 0* | *[!0-9]*) refuse "not a checkpoint" ;; esac
cd "$work/at"
while read -r n; do
    { printf '\000'; cat "$work/in/entries/$n.json"; } >"leaf.$n"
done <"$work/entries"
sha256sum leaf.* | sed 's/^\([0-9a-f]*\)  leaf\.\([0-9]*\)$/\2 \1/' >"$work/state"
rm -f leaf.*
: >"$work/steps.0"
# The steps of all paths, by level: the side of the other hash, and that hash.
awk -v tree="$tree" -v count="$count" -v into="$work/steps." '
function hex(text,   i, value, bits, out) {
    value = bits = 0; out = ""
    for (i = 1; i <= 43; i++) {
        value = value * 64 + index("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", substr(text, i, 1)) - 1
        bits += 6
        while (bits >= 8) { bits -= 8; out = out sprintf("%02x", int(value / 2 ^ bits)); value = value % (2 ^ bits) }
    }
    return out
}
function bad(text) { print "! entry " number ": " text; failed = 1; exit 1 }
number == count && !line { exit }
!line {
    number++; level = 0; line = 1
    if ($0 != "c2sp.org/tlog-proof@v1") bad("not a proof")
    next
}
line == 1 {
    line = 2
    if ($0 !~ /^index (0|[1-9][0-9]*)$/ || $2 + 0 >= tree + 0) bad("not a proof")
    node = $2 + 0; last = tree - 1
    next
}
$0 == "" {
    if (last) bad("the path does not fit")
    line = 0
    next
}
{
    if ($0 !~ /^[A-Za-z0-9+\/]+=$/ || length($0) != 44 || !last || level > 62) bad("the path does not fit")
    if (node % 2 || node == last) {
        side = "L"
        while (node % 2 == 0 && node) { node = int(node / 2); last = int(last / 2) }
    } else side = "R"
    print number, side, hex($0) >> (into level++)
    node = int(node / 2); last = int(last / 2)
}
END { if (!failed && (line || number != count)) bad("no proof") }
' "$work/in/entries.tlog-proofs" >"$work/why" || refuse "$(sed 's/^! //;q' "$work/why")"
cd "$work/at"
level=0
: >"$work/order"
: >"$work/hashes"
step() { # LEVEL: takes the hashes of the level before, and writes what is to be hashed now, each but once
    awk -v order="$work/order" -v after="$work/state" '
    FILENAME ~ /state$/ { state[$1] = $2; next }
    FILENAME ~ /hashes$/ { hash[FNR] = substr($1, 1, 64); next }
    FILENAME ~ /order$/ { state[$1] = hash[$2]; next }
    {
        both = $2 == "L" ? $3 state[$1] : state[$1] $3
        if (!(both in known)) { known[both] = ++count; print "01" both }
        next_[$1] = known[both]
    }
    END {
        printf "" > order
        for (n in next_) print n, next_[n] > order
        for (n in state) print n, state[n] > after
    }' "$work/state" "$work/hashes" "$work/order" "$work/steps.$1"
}
while [ -s "$work/steps.$level" ]; do
    step $level | xxd -r -p | split -b 65 -a 4 - n.
    sha256sum n.* >"$work/hashes"
    rm n.*
    level=$((level + 1))
done
: >"$work/steps.$level"
step $level >"$work/said"
echo "$root" | awk '{ if ($0 !~ /^[A-Za-z0-9+\/]+=$/ || length($0) != 44) exit 1 }' || refuse "not a checkpoint"
root=$(echo "$root" | openssl base64 -d | xxd -p -c 64)
odd=$(awk -v root="$root" '$2 != root { print $1; exit }' "$work/state")
[ -z "$odd" ] || refuse "entry $odd is not in the tree"
[ "$(wc -l <"$work/state")" -eq "$count" ] || refuse "not every entry is in the tree"
cd "$work/in"

# --- when: the stamp over the checkpoint, with the signatures under it -------------------------------------------------------------
journal_stamp=
if [ -f journal.tst ] && [ "$stamp_anchors" != - ]; then
    # Where the same authority has stamped both, its certificates are in the other.
    [ "$stamped" = 0 ] || openssl pkcs7 -inform DER -in META-INF/timestamp001.tst -print_certs >"$work/stampers" 2>"$work/said" ||
        refuse "no certificates in the time stamp"
    [ -s "$work/stampers" ] || cp "$stamp_anchors" "$work/stampers"
    openssl ts -verify -data "$work/checkpoint" -in journal.tst -token_in -untrusted "$work/stampers" \
        -CAfile "$stamp_anchors" >"$work/said" 2>&1 || refuse "the journal's time stamp is not one of $stamp_anchors"
    journal_stamp=$(openssl ts -reply -in journal.tst -token_in -text 2>"$work/said" | sed -n 's/^Time stamp: //p')
fi

# --- the journal's own key, and witnesses ---------------------------------------------------------------------------------------
note() { # KEY: does it sign the checkpoint? 0 yes, 1 no line of it; refuses a false one
    name=${1%%+*} rest=${1#*+}
    raw=$(echo "${rest#*+}" | openssl base64 -A -d | xxd -p -c 64)
    kind=$(echo "$raw" | cut -c1-2) id=$(echo "$raw" | xxd -r -p | { printf '%s\n' "$name"; cat; } | sha256sum | cut -c1-8)
    [ "$id" = "${rest%%+*}" ] || refuse "the key $name has another id"
    sed '1,/^$/d' "$work/checkpoint" | awk -v name="$name" '$2 == name { print $3 }' >"$work/lines"
    while read -r value; do
        value=$(echo "$value" | openssl base64 -A -d | xxd -p -c 200)
        [ "$(echo "$value" | cut -c1-8)" = "$id" ] || continue
        value=$(echo "$value" | cut -c9-)
        cp "$work/body" "$work/message"
        if [ "$kind" = 04 ]; then
            witnessed=$(printf '%d' "0x$(echo "$value" | cut -c1-16)")
            { printf 'cosignature/v1\ntime %s\n' "$witnessed"; cat "$work/body"; } >"$work/message"
            value=$(echo "$value" | cut -c17-)
        fi
        echo "302a300506032b6570032100$(echo "$raw" | cut -c3-)" | xxd -r -p >"$work/key"
        echo "$value" | xxd -r -p >"$work/value"
        openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$work/message" -sigfile "$work/value" \
            >"$work/said" 2>&1 || refuse "the signature of $name under the checkpoint is false"
        return 0
    done <"$work/lines"
    return 1
}
cosigner() { # KEY: the key under which who has it cosigns
    name=${1%%+*} rest=${1#*+}
    raw=04$(echo "${rest#*+}" | openssl base64 -A -d | xxd -p -c 64 | cut -c3-)
    id=$(echo "$raw" | xxd -r -p | { printf '%s\n' "$name"; cat; } | sha256sum | cut -c1-8)
    echo "$name+$id+$(echo "$raw" | xxd -r -p | openssl base64 -A)"
}
own='' witnesses=''
if [ -f trust/log.vkey ]; then
    own=$(cat trust/log.vkey)
    [ "${own%%+*}" = "$origin" ] || refuse "the journal's key has another name"
    note "$own" || refuse "the journal's key has not signed the checkpoint"
fi
if [ "$keys" != - ]; then
    while read -r key; do
        case $key in
        '' | '#'*) continue ;;
        esac
        if [ "${key%%+*}" = "$origin" ] && [ -n "$own" ] && [ "$key" != "$own" ]; then refuse "the journal's key is not the one in $keys"; fi
        if [ "$key" != "$own" ] && { note "$key" || note "$(cosigner "$key")"; }; then witnesses="$witnesses ${key%%+*}"; fi
    done <"$keys"
fi

# --- what is proved -----------------------------------------------------------------------------------------------------------------
echo "VERIFIED: $file"
echo "signed by: $subject"
[ -z "$when" ] || echo "existed at: $stamp (time stamp)"
[ -z "$journal_stamp" ] || echo "its entries, their root and the signatures under it existed at: $journal_stamp (time stamp)"
echo "journal: $origin, $count of its entries, each proved to be in the tree of $tree"
[ -z "$own" ] || echo "journal's key: ${own%%+*}+$(echo "$own" | cut -d+ -f2)"
[ -z "$witnesses" ] || echo "witnessed by:$witnesses"
if [ "$count" -le 100 ]; then
    while read -r n; do
        sed -n 's/.*"at":"\([^"]*\)".*/\1/p' "entries/$n.json" | tr -d '\n'
        sed -n 's/.*"event":"\([^"]*\)".*/  \1/p' "entries/$n.json" | tr -d '\n'
        sed -n 's/.*"recipient":"\([^"]*\)".*/  \1/p' "entries/$n.json" | tr -d '\n'
        echo
    done <"$work/entries"
fi
cat "$work/stated"
sort -u "$work/standings"
echo "not proved:"
if [ -n "$when$journal_stamp" ]; then echo "- the times in the entries, but that they are not later than the time stamps"
elif [ "$stamped" = 1 ] || [ -f journal.tst ]; then echo "- when: there is a time stamp, and no anchor for it was given"
else echo "- when: there is no time stamp, all times are the node's word"; fi
[ -n "$own" ] || echo "- that the journal's own key signed the checkpoint: it carries no signature"
[ -n "$witnesses" ] || echo "- that nobody was shown another journal: no known witness has signed"
others=$(sed '1,/^$/d' "$work/checkpoint" | awk -v known="$origin$witnesses" '
    BEGIN { count = split(known, names, " "); for (i = 1; i <= count; i++) seen[names[i]] = 1 }
    !($2 in seen) { seen[$2] = 1; printf " %s", $2 }')
[ -z "$others" ] || echo "- what else is signed under that root, without the keys of:$others"
echo "- that no certificate was revoked: ask the authority"
