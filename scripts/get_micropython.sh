#!/bin/sh
# Finds or fetches MicroPython's unix port (1.25 or later) and prints the path of its executable.
#
#   1. `micropython` on PATH (a package of Debian 13 and Raspberry Pi OS 13)
#   2. what an earlier run unpacked into .build/micropython/
#   3. Debian 13's package with the libraries it needs, unpacked into .build/micropython/ without
#      root and run through its own loader (it wants a newer C library than Debian 12 has); sources,
#      lists and cache are private, the mirror is the one that the machine's own apt uses
#
# usage: get_micropython.sh [--unpack]      --unpack: skip 1 (for a test of 3)
# Progress goes to stderr, and only when something is fetched. Exit status 1: the reason is on stderr.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
home=$root/.build/micropython
packages="micropython libc6 libffi8 libmbedtls21 libmbedcrypto16 libmbedx509-7"
suite=trixie
say() { echo "get_micropython: $*" >&2; }

# The machine's own mirror of Debian; its lists may have been deleted, as in container images.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2> /dev/null \
        | grep -E '/debian/?$' | head -n 1
}

keyring() {
    for file in /usr/share/keyrings/debian-archive-keyring.gpg \
                /usr/share/keyrings/debian-archive-keyring.pgp \
                /usr/share/keyrings/debian-archive-trixie-automatic.gpg; do
        if [ -r "$file" ]; then echo "$file"; return 0; fi
    done
    return 1
}

private_apt() {
    command=$1
    shift
    "$command" -q -o Dir::Etc::sourcelist="$home/apt/$suite.sources" -o Dir::Etc::sourceparts=- \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$home/apt/none" \
        -o Dir::State="$home/apt/state" -o Dir::State::status=/dev/null -o Dir::Cache="$home/apt/cache" \
        -o APT::Architecture="$arch" -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 \
        -o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::http::Timeout=30 "$@"
}

unpack() {
    for tool in apt-get apt-cache dpkg sha256sum; do
        command -v "$tool" > /dev/null || { say "$tool is missing, cannot unpack"; return 1; }
    done
    arch=$(dpkg --print-architecture)
    keys=$(keyring) || { say "the keyring of Debian's archive is missing (package debian-archive-keyring)"; return 1; }
    uri=$(mirror) || true
    rm -rf "$home"
    mkdir -p "$home/apt/state/lists/partial" "$home/apt/cache/archives/partial" \
        "$home/apt/none" "$home/debs"
    cat > "$home/apt/$suite.sources" <<SOURCES
Types: deb
URIs: ${uri:-http://deb.debian.org/debian}
Suites: $suite
Components: main
Architectures: $arch
Signed-By: $keys
SOURCES
    say "fetching Debian 13's package lists and packages (14 MB)"
    # apt checks the lists against the signed Release file, and each package against the lists
    private_apt apt-get update > "$home/apt.log" 2>&1 || { say "apt-get update failed (see $home/apt.log)"; return 1; }
    (cd "$home/debs" && private_apt apt-get download $packages) >> "$home/apt.log" 2>&1 \
        || { say "the packages could not be fetched (see $home/apt.log)"; return 1; }
    for name in $packages; do                        # and once more, from the lists to the files
        private_apt apt-cache show --no-all-versions "$name" 2>> "$home/apt.log" \
            | awk '/^Filename:/{n=split($2,p,"/"); f=p[n]} /^SHA256:/{s=$2} END{print s "  " f}'
    done > "$home/SHA256SUMS"
    (cd "$home/debs" && for deb in *.deb; do          # apt escapes an epoch's colon in file names
        case $(grep -c "^$(sha256sum < "$deb" | cut -d' ' -f1) " "$home/SHA256SUMS") in
            1) ;;
            *) say "$deb is not the file that the signed lists name"; exit 1 ;;
        esac
    done) || return 1
    for deb in "$home"/debs/*.deb; do dpkg -x "$deb" "$home/tree" || return 1; done
    loader=$(find "$home/tree" -name 'ld-linux*.so.*' | sort | head -n 1)
    libs=$(dirname "$(find "$home/tree" -name libc.so.6 | head -n 1)")
    cat > "$home/micropython.new" <<WRAPPER
#!/bin/sh
# The loader execs nothing: the pid of this script becomes MicroPython's.
here=\$(dirname "\$0")
exec "\$here/${loader#"$home"/}" --library-path "\$here/${libs#"$home"/}" "\$here/tree/usr/bin/micropython" "\$@"
WRAPPER
    chmod 755 "$home/micropython.new"
    "$home/micropython.new" -c 'import ffi, uctypes' 2>> "$home/apt.log" \
        || { say "the unpacked MicroPython does not run (see $home/apt.log)"; return 1; }
    rm -rf "$home/apt" "$home/debs"
    mv "$home/micropython.new" "$home/micropython"   # last: its presence says that all is there
}

if [ "${1:-}" != "--unpack" ] && found=$(command -v micropython) \
    && "$found" -c 'import ffi, uctypes' 2> /dev/null; then echo "$found"; exit 0; fi
if [ -x "$home/micropython" ]; then echo "$home/micropython"; exit 0; fi
if unpack; then echo "$home/micropython"; exit 0; fi
say "no MicroPython could be had: install the package micropython (Debian 13, Raspberry Pi OS 13)"
say "elsewhere build MicroPython's unix port with its ffi module and put it on PATH"
exit 1
