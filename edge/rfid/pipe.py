"""The reader process' end of the socket pair: blocking writes, and a thread that listens."""

import os
import queue
import socket
import threading

import msgspec

from edge.rfid.wire import LENGTH_BYTES, Begin, FromReader, ToReader, frame_length, to_frame, to_reader

LAST_WORDS_S = 1.5  # to give the device back in order after the controller has gone


class Pipe:
    """Talks to the controller through an inherited descriptor.

    The listening thread also ends the process when the controller is gone while the main thread
    hangs inside a driver: nobody else would.
    """

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(True)
        self._inbox: queue.SimpleQueue[ToReader | None] = queue.SimpleQueue()
        self._gone = False
        threading.Thread(target=self._listen, name="controller", daemon=True).start()

    def begin(self) -> Begin | None:
        """Waits for the controller's first word; None when it went away."""
        message = self._inbox.get()
        return message if isinstance(message, Begin) else None

    def send(self, message: FromReader) -> None:
        """Raises BrokenPipeError when the controller has gone."""
        try:
            self._socket.sendall(to_frame(message))
        except ConnectionError as error:
            raise BrokenPipeError(*error.args) from None

    def hear(self, seconds: float) -> ToReader | None:
        """The controller's next word, None when none came within `seconds`.

        Raises BrokenPipeError as soon as the controller has gone.
        """
        try:
            message = None if self._gone else self._inbox.get(timeout=seconds)
        except queue.Empty:
            return None
        if message is None:
            raise BrokenPipeError("the controller has gone")
        return message

    def leave(self) -> None:
        """Makes `begin` and `hear` say that the controller has gone. Safe in a signal handler."""
        self._gone = True
        self._inbox.put(None)

    def _listen(self) -> None:
        with self._socket.makefile("rb") as stream:
            try:
                while header := stream.read(LENGTH_BYTES):
                    self._inbox.put(to_reader(stream.read(frame_length(header))))
            except (OSError, ValueError, msgspec.DecodeError):
                pass  # a controller that speaks nonsense is as good as gone
        self.leave()
        threading.Event().wait(LAST_WORDS_S)
        os._exit(1)
