#!/bin/sh
# Sets a checkout up: system packages that are missing, the environment .venv/, a broker, MicroPython.
# Does only what is not done yet. `sh scripts/setup.sh [--quiet]`; what was printed is in .build/setup.log.
set -u
cd "$(dirname "$0")/.." || exit 1
mkdir -p .build
LOG=.build/setup.log
: >"$LOG"
TOTAL=6
N=0

fail() {
    printf '\nsetup: %s failed; the end of %s:\n' "$1" "$LOG" >&2
    tail -n 20 "$LOG" >&2
    exit 1
}

# step NAME COMMAND...: runs it with its output in the log, and a bar for what takes over two seconds.
step() {
    name=$1
    shift
    N=$((N + 1))
    "$@" >>"$LOG" 2>&1 &
    pid=$!
    seconds=0
    tenths=0
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
        tenths=$((tenths + 1))
        [ $((tenths % 10)) -eq 0 ] || continue
        seconds=$((seconds + 1))
        if [ "$seconds" -ge 2 ] && [ -t 2 ]; then
            bar=$(printf '%*s' "$((N * 20 / TOTAL))" '' | tr ' ' '#')
            printf '\r  [%-20s] %d/%d %s, %d s ' "$bar" "$N" "$TOTAL" "$name" "$seconds" >&2
        fi
    done
    wait "$pid" || fail "$name"
    if [ "$seconds" -ge 2 ]; then
        [ -t 2 ] && printf '\r\033[K' >&2
        printf '  %d/%d %s: %d s\n' "$N" "$TOTAL" "$name" "$seconds" >&2
    fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1; then sudo -n "$@"; else
        echo "setup needs root for: $*" && return 1
    fi
}

required_packages() {
    python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    command -v make >/dev/null 2>&1 || echo make
}

# Worth having, but no reason to fail where there is no root: the font draws the pictures of the
# documentation, strace delays a disk for one test, which says so when it is skipped.
useful_packages() {
    [ -e /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf ] || echo fonts-dejavu-core
    command -v strace >/dev/null 2>&1 || echo strace
}

install_packages() {
    as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "$@"
}

system_packages() {
    required=$(required_packages)
    useful=$(useful_packages)
    [ -n "$required$useful" ] || return 0
    # shellcheck disable=SC2086
    install_packages $required $useful || [ -z "$required" ]
}

python_is_new_enough() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "python3: got $(python3 --version 2>&1), expected 3.11 or newer"
        return 1
    }
}

environment() {
    stamp=.venv/.forecourt-$(cksum pyproject.toml | cut -d' ' -f1)
    [ -e "$stamp" ] && [ -x .venv/bin/forecourt ] && return 0
    [ -x .venv/bin/python ] || python3 -m venv .venv || return 1
    .venv/bin/python -m pip install --disable-pip-version-check -q -e '.[dev]' || return 1
    rm -f .venv/.forecourt-*
    touch "$stamp"
}

# What MicroPython's library looks like, for mypy: in a folder of their own, as they bring a `socket` and a
# `time` that CPython must not find.
stubs() {
    stamp=typings/.rp2-1.29.0.post1
    [ -e "$stamp" ] && return 0
    rm -rf typings .build/typings
    .venv/bin/python -m pip install --disable-pip-version-check -q --target .build/typings \
        micropython-rp2-stubs==1.29.0.post1 micropython-stdlib-stubs==1.29.0.post2 || return 1
    mv .build/typings typings
    touch "$stamp"
}

# Node is wanted only where neither the system nor Debian 13's package gives the port that is smaller.
micropython() {
    sh scripts/get_micropython.sh && return 0
    [ $? -eq 2 ] || return 1
    as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends nodejs npm && sh scripts/get_micropython.sh --wasm
}

# Asked here, where there is a terminal: the steps run with their output in the log.
if [ "$(id -u)" -ne 0 ] && [ -t 0 ] && [ -n "$(required_packages)" ]; then
    echo "setup: root is needed to install $(required_packages | tr '\n' ' ')" >&2
    sudo -v
fi

step 'Python 3.11' python_is_new_enough
step 'system packages' system_packages
step 'Python packages' environment
step 'MicroPython types' stubs
step 'MQTT broker' sh scripts/get_mosquitto.sh
step 'MicroPython' micropython
