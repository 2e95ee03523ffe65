"""Faults from outside, in the very process of a controller: what a defect of its own would look like.

On the path of that process alone (`PYTHONPATH`). The file named by FORECOURT_INJECT says what to do, at
SIGUSR1 or, with `"at_start": true`, from the first line on. Nothing of the product knows of it.

    {"call": "edge/bus/owner.py:_serve", "error": "TypeError"}     that function raises, once
    {"thread": "journal", "error": "RuntimeError"}                 that thread gets an exception
    {"do": "thread" | "finaliser" | "hang" | "segv"}
"""

import builtins
import ctypes
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path


def _spec():
    try:
        return json.loads(Path(os.environ["FORECOURT_INJECT"]).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _spent(spec):
    if not spec.get("again"):
        Path(os.environ["FORECOURT_INJECT"]).unlink()


def _error(spec):
    kind = getattr(builtins, spec["error"])
    return kind("injected")


def _raise_in(spec):
    file, function = spec["call"].split(":")

    def profile(frame, event, _arg):
        code = frame.f_code
        if event == "call" and code.co_name == function and code.co_filename.endswith(file):
            sys.setprofile(None)
            _spent(spec)
            raise _error(spec)
    sys.setprofile(profile)


def _raise_in_thread(spec):
    thread = next(t for t in threading.enumerate() if t.name.startswith(spec["thread"]))
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(type(_error(spec))))


class _Unfinished:
    def __del__(self):
        raise RuntimeError("injected")


def _broken_thread():
    raise RuntimeError("injected")


def _do(spec):
    if "call" in spec:
        _raise_in(spec)
        return
    _spent(spec)
    if "thread" in spec:
        _raise_in_thread(spec)
    elif spec["do"] == "thread":
        threading.Thread(target=_broken_thread).start()
    elif spec["do"] == "finaliser":
        _Unfinished()
    elif spec["do"] == "hang":
        time.sleep(600)
    elif spec["do"] == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)


if "FORECOURT_INJECT" in os.environ and "run" in sys.orig_argv:
    signal.signal(signal.SIGUSR1, lambda *_: _do(_spec()))
    _first = _spec()
    if _first is not None and _first.get("at_start"):
        _do(_first)
