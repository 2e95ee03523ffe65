#!/bin/sh
# Finds or fetches the MQTT broker mosquitto and prints the path of its executable on stdout.
#
#   1. what is on PATH or in the sbin folders
#   2. what an earlier run unpacked into .build/mosquitto/
#   3. Debian's package and the libraries it lacks, unpacked into .build/mosquitto/ without root:
#      nothing of the system changes and no service starts (the installed package would start a
#      broker on port 1883 by itself)
#   4. the installed package, when the unpacking failed and we are root
#
# usage: get_mosquitto.sh [--unpack]      --unpack: skip 1 (for a test of 3)
# Progress goes to stderr. Exit status 1: no broker could be had; the reason is on stderr.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
home=$root/.build/mosquitto
say() { echo "get_mosquitto: $*" >&2; }

find_installed() {
    for folder in $(echo "$PATH" | tr ':' ' ') /usr/sbin /usr/local/sbin /opt/homebrew/sbin; do
        if [ -x "$folder/mosquitto" ]; then echo "$folder/mosquitto"; return 0; fi
    done
    return 1
}

# $1: name, $2: path inside the unpacked tree. The wrapper execs, so its pid is the program's pid.
wrap() {
    cat > "$home/$1" <<EOF
#!/bin/sh
LD_LIBRARY_PATH="$libs\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$home/tree/$2" "\$@"
EOF
    chmod 755 "$home/$1"
}

# Everything apt writes goes to a private folder; sources, keys and the status file are the system's.
private_apt() {
    command=$1
    shift
    "$command" -q -o Dir::State="$home/apt/state" -o Dir::Cache="$home/apt/cache" \
        -o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User="$(id -un)" \
        -o Debug::NoLocking=1 -o Acquire::Retries=3 -o Acquire::http::Timeout=30 "$@"
}

unpack() {
    for tool in apt-get dpkg; do
        command -v "$tool" > /dev/null || { say "$tool is missing, cannot unpack"; return 1; }
    done
    mkdir -p "$home/apt/state/lists/partial" "$home/apt/cache/archives/partial" "$home/debs"
    say "fetching package lists"
    private_apt apt-get update > "$home/apt.log" 2>&1 || say "apt-get update complained (see $home/apt.log)"
    names=$(private_apt apt-get -s install --no-install-recommends mosquitto mosquitto-clients \
        2>> "$home/apt.log" | awk '/^Inst /{print $2}')
    case " $(echo "$names" | tr '\n' ' ') " in
        *" mosquitto "*) ;;
        *) say "apt knows no package mosquitto here (see $home/apt.log)"; return 1 ;;
    esac
    say "fetching" $names
    # apt-get download checks the packages against the signed lists
    (cd "$home/debs" && private_apt apt-get download $names) >> "$home/apt.log" 2>&1 || return 1
    for deb in "$home"/debs/*.deb; do dpkg -x "$deb" "$home/tree" || return 1; done
    libs=$(find "$home/tree" -name '*.so*' -exec dirname {} \; | sort -u | tr '\n' ':' | sed 's/:$//')
    wrap mosquitto_pub usr/bin/mosquitto_pub
    wrap mosquitto_sub usr/bin/mosquitto_sub
    wrap mosquitto.new usr/sbin/mosquitto
    # `-h` prints the usage and exits with 3: the libraries were found
    status=0
    "$home/mosquitto.new" -h > /dev/null 2>> "$home/apt.log" || status=$?
    [ "$status" -le 3 ] || { say "the unpacked broker does not run (see $home/apt.log)"; return 1; }
    rm -rf "$home/apt" "$home/debs"
    mv "$home/mosquitto.new" "$home/mosquitto"       # last: its presence says that all is there
}

if [ "${1:-}" != "--unpack" ] && find_installed; then exit 0; fi
if [ -x "$home/mosquitto" ]; then echo "$home/mosquitto"; exit 0; fi
if unpack; then echo "$home/mosquitto"; exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    say "installing Debian's package"
    apt-get -q update >&2 || true
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
        mosquitto mosquitto-clients >&2 && find_installed && exit 0
fi
say "no MQTT broker could be had: install the package mosquitto"
exit 1
