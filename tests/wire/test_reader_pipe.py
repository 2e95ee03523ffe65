"""A reader process never outlives its controller, not even with its main thread stuck in a driver."""

import contextlib
import socket
import subprocess
import sys

import pytest

from edge.rfid.wire import Begin, to_frame

pytestmark = pytest.mark.wire

STUCK = ("import sys, threading; from edge.rfid.pipe import Pipe; pipe = Pipe(int(sys.argv[1])); "
         "pipe.begin(); print('stuck', flush=True); threading.Event().wait()")


@contextlib.contextmanager
def process(*command):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = subprocess.Popen([sys.executable, *command, str(theirs.fileno())],
                                 pass_fds=(theirs.fileno(),), stdout=subprocess.PIPE)
        theirs.close()
        try:
            yield child, ours
        finally:
            child.kill()
            child.wait()
            child.stdout.close()


READER = ("-m", "edge.rfid.reader", "--id", "front", "--path", "udp:127.0.0.1:9", "--virtual", "--fd")


def test_it_ends_when_the_controller_goes_before_its_first_word():
    with process(*READER) as (child, ours):
        ours.close()
        assert child.wait(20) == 0


def test_it_ends_when_the_controller_goes_later():
    with process(*READER) as (child, ours):
        ours.sendall(to_frame(Begin()))
        assert ours.recv(1)
        ours.close()
        assert child.wait(20) == 0


@pytest.mark.parametrize("nonsense", [b"\xff\xff", b"\x00\x01\xc1", b"\x00\x00"])
def test_it_ends_when_the_controller_speaks_nonsense(nonsense):
    with process(*READER) as (child, ours):
        ours.sendall(nonsense)
        assert child.wait(20) == 0


def test_it_ends_with_its_main_thread_stuck():
    with process("-c", STUCK) as (child, ours):
        ours.sendall(to_frame(Begin()))
        assert child.stdout.readline() == b"stuck\n"
        ours.close()
        assert child.wait(20) == 1
