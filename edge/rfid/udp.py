"""The one place where nfcpy's simulated radio (its udp driver) is adapted; virtual sites only.

1. It waits a hard-coded second when no card answers. Real readers know after some milliseconds;
   a tap would be seen after half a second on average, and a poll would come once a second.
2. It cannot open a port that /etc/services knows by name.
3. Its socket is not connected, so that a port where nobody listens looks like "no card" for ever.
   Connected, the first poll after the port has gone fails with ECONNREFUSED, as a reader whose cable
   was pulled fails with ENODEV, and takes the same way through the reader process.
4. Its cards run on a machine that others use, too: they may be slower than they say.
"""

from typing import Any

from edge.rfid.path import split_udp

NO_CARD_WAIT_S = 0.03
FRAME_WAIT_S = 0.2
CARD_WAIT_S = 0.45  # for a selected card, whatever it says
# What the driver asks for at the first frame of a poll, and at later ones.
_DRIVER_NO_CARD_S, _DRIVER_FRAME_S = 1.0, 0.5


def connect_udp(path: str) -> Any:
    """An nfcpy ContactlessFrontend on `udp:HOST:PORT`. The port is set behind the driver's back: it
    turns numbers into names of services (9 into "discard") and then fails to read the name."""
    import nfc.clf

    host, port = split_udp(path)
    clf = nfc.clf.ContactlessFrontend(f"udp:{host}:0")
    clf.device.addr = (clf.device.addr[0], port)
    tame_udp(clf.device)
    return clf


def tame_udp(device: Any) -> None:
    """Sets the waits of this one device object and connects its sockets."""
    receive, create, exchange = device._recv_data, device._create_socket, device.send_cmd_recv_rsp

    def capped(timeout_s: float | None, *brty: str) -> Any:
        if timeout_s is not None and timeout_s >= _DRIVER_FRAME_S:
            timeout_s = NO_CARD_WAIT_S if timeout_s >= _DRIVER_NO_CARD_S else FRAME_WAIT_S
        return receive(timeout_s, *brty)

    def patient(target: Any, data: Any, _: float) -> Any:
        return exchange(target, data, CARD_WAIT_S)

    def connected() -> None:
        fresh = device.socket is None
        create()
        if fresh:
            device.socket.connect(device.addr)

    device._recv_data, device._create_socket = capped, connected
    device.send_cmd_recv_rsp = patient
