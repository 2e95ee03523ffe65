# mypy: ignore-errors
# ruff: noqa: N802, PTH123  (names and signatures are MicroPython's)
# The board's silicon under MicroPython's unix port: shared memory and an inherited file descriptor.
# BOARD="page=PATH,uart=FD" in the environment.
import os
import sys

import ffi
import page
import uctypes

_OPTIONS = dict(item.split("=", 1) for item in os.getenv("BOARD").split(","))
_libc = ffi.open("libc.so.6")
_getppid = _libc.func("i", "getppid", "")
_PARENT = _getppid()


def _map_page():
    descriptor = _libc.func("i", "open", "si")(_OPTIONS["page"], 2)
    address = _libc.func("p", "mmap", "pLiiil")(0, page.BYTES, 3, 1, descriptor, 0)
    layout = {"words": (0 | uctypes.ARRAY, page.WORDS | uctypes.INT32)}
    return uctypes.struct(address, layout, uctypes.LITTLE_ENDIAN).words


words = _map_page()


def store(word, value):
    words[word] = value


def UART():
    return open(int(_OPTIONS["uart"]), "r+b")


def orphaned():
    return _getppid() != _PARENT


def leave(status):
    sys.exit(status)
