"""The wall around paho: an MQTT 5 client in a thread of its own that only hands over events.

What paho 2.2 does not do, and we therefore do here or in our callers:
- Receive Maximum: reported in `LineUp`; the caller keeps the window. paho's own limit is off.
- PUBACK reason codes: `PubAcked.delivered` is false for failures and for 0x10 (nobody listens).
- Reconnecting with jitter and growth: `Backoff`, set anew before each of paho's waits.
- Re-sending after a reconnect: paho's copies are dropped, the caller knows what to send.
- Callbacks run inside paho's locks: they hand over an event and return. What they raise is logged.
- `clean_start` false with a session that outlives us, TCP_NODELAY, will.

The only module that imports paho.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from cloud_sync.backoff import Backoff
from edge.controller.struct import Value

log = logging.getLogger(__name__)

RECEIVE_MAXIMUM_DEFAULT = 65535  # MQTT 5, 3.2.2.3.3: when the broker names none
NO_MATCHING_SUBSCRIBERS = 0x10  # MQTT 5, 3.4.2.1: a success code that delivers to nobody
DISCONNECT_WITH_WILL = 0x04  # MQTT 5, 3.14.2.1
STOP_TIMEOUT_S = 3.0


class LineUp(Value):
    """CONNACK. `receive_maximum`: messages that the broker takes before its PUBACK."""

    line: int
    receive_maximum: int


class LineDown(Value):
    """No line (any more); a new attempt follows after `retry_s`."""

    line: int
    reason: str
    retry_s: float


class PubAcked(Value):
    """The broker answered a message. Not delivered: refused, or nobody listened."""

    line: int
    mid: int
    delivered: bool
    reason: str


class Arrived(Value):
    """A message came in. With `manual_ack` the broker keeps it until `MqttLine.ack`."""

    line: int
    mid: int
    topic: str
    payload: bytes
    retained: bool


class Subscribed(Value):
    """The broker answered our subscriptions. mosquitto grants any filter and refuses at delivery,
    so this is no proof that messages may come."""

    line: int
    refused: tuple[str, ...]


MqttEvent = LineUp | LineDown | PubAcked | Arrived | Subscribed


class Tls(Value):
    """PEM files. `ca` None: the system's; `cert` and `key` prove who we are."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class Will(Value):
    """What the broker publishes, retained, when we vanish."""

    topic: str
    payload: bytes


class MqttLine:
    """One client. `post` is called in paho's thread and must only enqueue.

    `url`: `mqtt://host[:port]` or `mqtts://host[:port]`. Every new connection gets a new `line`
    number; a message id means something on its own line only.
    Raises ValueError for a bad URL, OSError or ssl.SSLError for unusable files.
    """

    def __init__(self, url: str, client_id: str, post: Callable[[MqttEvent], None], *,
                 subscriptions: tuple[str, ...] = (), will: Will | None = None, tls: Tls | None = None,
                 session_expiry_s: int = 0, receive_maximum: int = 200, manual_ack: bool = False,
                 keepalive_s: int = 20, backoff: Backoff | None = None) -> None:
        host, port, context = _endpoint(url, tls or Tls())
        self._post = post
        self._subscriptions = subscriptions
        self._backoff = backoff or Backoff()
        self._line = 0
        self._up_since_s: float | None = None
        self._thread: threading.Thread | None = None
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5,
                              manual_ack=manual_ack)
        self._client.max_inflight_messages_set(0)
        self._client.suppress_exceptions = True  # else one ends the thread, unseen (measured)
        self._client.enable_logger(log.getChild("paho"))
        if context is not None:
            self._client.tls_set_context(context)
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)
        self._has_will = will is not None
        self._hook()
        properties = _properties(PacketTypes.CONNECT, SessionExpiryInterval=session_expiry_s,
                                 ReceiveMaximum=receive_maximum)
        self._client.connect_async(host, port, keepalive_s, clean_start=session_expiry_s == 0,
                                   properties=properties)

    @property
    def alive(self) -> bool:
        """Whether paho's thread runs. If it does not, make a new `MqttLine`."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Connect, and go on connecting, in a thread of its own."""
        before = set(threading.enumerate())
        self._client.loop_start()
        new = (thread for thread in threading.enumerate() if thread not in before)
        self._thread = next((t for t in new if t.name.startswith("paho-mqtt-client")), None)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False,
                content_type: str | None = None) -> int | None:
        """Send at QoS 1; the message id for `PubAcked`, or None when there is no line."""
        properties = None
        if content_type is not None:
            properties = _properties(PacketTypes.PUBLISH, ContentType=content_type)
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def ack(self, line: int, mid: int) -> None:
        """With `manual_ack`: the message is safe with us. Nothing happens for an earlier line."""
        if line == self._line:
            self._client.ack(mid, 1)

    def stop(self) -> None:
        """End the line, publishing the will, and the thread. Blocks for up to three seconds."""
        self._client.drop_out_messages()  # the thread would wait for their PUBACKs
        reason = ReasonCode(PacketTypes.DISCONNECT, identifier=DISCONNECT_WITH_WILL)
        self._client.disconnect(reasoncode=reason if self._has_will else None)
        stopper = threading.Thread(target=self._client.loop_stop, name="mqtt-stop", daemon=True)
        stopper.start()
        stopper.join(STOP_TIMEOUT_S)
        self._unhook()

    def _hook(self) -> None:
        client = self._client
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_socket_open = _on_socket_open

    def _unhook(self) -> None:
        client = self._client
        for name in ("on_pre_connect", "on_connect", "on_connect_fail", "on_disconnect", "on_publish",
                     "on_message", "on_subscribe", "on_socket_open"):
            setattr(client, name, None)  # paho closes its sockets when it is collected: no cycles

    def _on_pre_connect(self, client: Client, _userdata: object) -> None:
        client.drop_out_messages()

    def _on_connect(self, client: Client, _userdata: object, _flags: ConnectFlags,
                    reason: ReasonCode, properties: Properties | None) -> None:
        if reason.is_failure:
            return  # on_disconnect follows
        self._line += 1
        self._up_since_s = time.monotonic()
        if self._subscriptions:
            client.subscribe([(name, SubscribeOptions(qos=1)) for name in self._subscriptions])
        maximum = getattr(properties, "ReceiveMaximum", None) or RECEIVE_MAXIMUM_DEFAULT
        self._post(LineUp(line=self._line, receive_maximum=int(maximum)))

    def _on_connect_fail(self, client: Client, _userdata: object) -> None:
        self._down(client, "cannot connect")

    def _on_disconnect(self, client: Client, _userdata: object, _flags: DisconnectFlags,
                       reason: ReasonCode, _properties: Properties | None) -> None:
        self._down(client, str(reason))

    def _down(self, client: Client, reason: str) -> None:
        since_s, self._up_since_s = self._up_since_s, None
        retry_s = self._backoff.next_s(0.0 if since_s is None else time.monotonic() - since_s)
        client.reconnect_delay_set(retry_s, retry_s)  # type: ignore[arg-type]  # sleeps any fraction
        self._post(LineDown(line=self._line, reason=reason, retry_s=retry_s))

    def _on_publish(self, _client: Client, _userdata: object, mid: int, reason: ReasonCode,
                    _properties: Properties | None) -> None:
        delivered = not reason.is_failure and reason.value != NO_MATCHING_SUBSCRIBERS
        self._post(PubAcked(line=self._line, mid=mid, delivered=delivered, reason=str(reason)))

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._post(Arrived(line=self._line, mid=message.mid, topic=message.topic,
                           payload=bytes(message.payload), retained=bool(message.retain)))

    def _on_subscribe(self, _client: Client, _userdata: object, _mid: int, reasons: list[ReasonCode],
                      _properties: Properties | None) -> None:
        refused = tuple(str(reason) for reason in reasons if reason.is_failure)
        self._post(Subscribed(line=self._line, refused=refused))


def _on_socket_open(_client: Client, _userdata: object, sock: Any) -> None:
    # small packets both ways: with Nagle each row costs a delayed ACK of 40 ms (paho #874)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _properties(packet: int, **values: object) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _endpoint(url: str, tls: Tls) -> tuple[str, int, ssl.SSLContext | None]:
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"broker URL: got {url!r}, expected mqtt://host[:port] or mqtts://host[:port]")
    if parts.scheme == "mqtt":
        return parts.hostname, parts.port or 1883, None
    context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
    if tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key)
    return parts.hostname, parts.port or 8883, context
