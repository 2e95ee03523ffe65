#!/bin/sh
# Finds or fetches MicroPython (1.25 or later) for the virtual pilot boards, and prints its path.
#
#   1. `micropython` on PATH: the unix port (a package of Debian 13 and Raspberry Pi OS 13)
#   2. what an earlier run put into .build/micropython/ or .build/micropython-wasm/
#   3. Debian 13's package with the libraries it needs, unpacked into .build/micropython/ without
#      root and run through its own loader (it wants a newer C library than Debian 12 has); sources,
#      lists and cache are private, the mirror is the one that the machine's own apt uses
#   4. the webassembly port from npm, installed into .build/micropython-wasm/; version and hash are
#      pinned in hil_tests/virtual/micropython/wasm/, whose launcher runs it under node 18 or newer
#
# usage: get_micropython.sh [--unpack | --wasm]      only 3 or only 4, for a test of them
# Progress goes to stderr, and only when something is fetched. Exit status 1: the reason is on stderr;
# 2: node and npm are what is missing.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
home=$root/.build/micropython
packages="micropython libc6 libffi8 libmbedtls21 libmbedcrypto16 libmbedx509-7"
suite=trixie
wasm_home=$root/.build/micropython-wasm
wasm_source=$root/hil_tests/virtual/micropython/wasm
wasm_port=node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs
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

node_is_new_enough() {
    command -v node > /dev/null \
        && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2> /dev/null
}

wasm_is_here() { [ -e "$wasm_home/$wasm_port" ] && node_is_new_enough; }

install_wasm() {
    node_is_new_enough && command -v npm > /dev/null || {
        say "MicroPython's webassembly port needs node 18 or newer, and npm: install the packages nodejs and npm"
        return 2
    }
    say "installing MicroPython's webassembly port (0.6 MB)"
    rm -rf "$wasm_home" "$wasm_home.new"
    mkdir -p "$wasm_home.new"
    cp "$wasm_source/package.json" "$wasm_source/package-lock.json" "$wasm_home.new/"
    # npm checks the package against the hash in the lock file
    npm ci --prefix "$wasm_home.new" --cache "$wasm_home.new/cache" --ignore-scripts --no-audit --no-fund \
        --no-update-notifier > "$wasm_home.log" 2>&1 \
        || { say "npm failed (see $wasm_home.log)"; return 1; }
    (cd "$wasm_home.new" && node --input-type=module \
        -e "(await (await import('./$wasm_port')).loadMicroPython()).runPython('import uctypes')") \
        >> "$wasm_home.log" 2>&1 || { say "the webassembly port does not run (see $wasm_home.log)"; return 1; }
    rm -rf "$wasm_home.new/cache"
    mv "$wasm_home.new" "$wasm_home"
}

give_wasm() { echo "$wasm_source/board.mjs"; exit 0; }

only=${1:-}
if [ -z "$only" ] && found=$(command -v micropython) \
    && "$found" -c 'import ffi, uctypes' 2> /dev/null; then echo "$found"; exit 0; fi
if [ "$only" != "--wasm" ]; then
    if [ -x "$home/micropython" ]; then echo "$home/micropython"; exit 0; fi
    if [ -z "$only" ] && wasm_is_here; then give_wasm; fi
    if unpack; then echo "$home/micropython"; exit 0; fi
fi
status=1
if [ "$only" != "--unpack" ]; then
    if wasm_is_here; then give_wasm; fi
    install_wasm && give_wasm || status=$?
fi
say "no MicroPython could be had: install the package micropython (Debian 13, Raspberry Pi OS 13)"
say "elsewhere build MicroPython's unix port with its ffi module and put it on PATH"
exit "$status"
