"""Whatever a local client says is answered, or ends its connection; never the controller."""

import asyncio
import contextlib
import random
import time
from pathlib import Path

import aiohttp
import pytest
from site_desk import SiteDesk, site_desk

from edge.controller.request import Origin
from edge.link.allowed import ALLOWED

pytestmark = [pytest.mark.site, pytest.mark.timeout(200)]

NAMES = ["evse_id", "meter_id", "where", "code", "current_a", "ttl_s", "operational", "because",
         "reason", "words", "stream", "after", "limit", "epoch", "seq", "hash", "connected", "args", ""]
#: As JSON text: what no sane client writes beside what one does.
VALUES = ['"1"', '"2"', '"site"', '"cabinet"', '"F601"', '"F204"', "null", "true", "false", "0", "-1",
          "1", "16", "6.5", "1e308", "-1e308", "1e400", "1e-320", str(2**31), str(2**63), str(2**64),
          str(2**70), str(-(2**70)), "1" + "0" * 400, '""', '"x"', '"' + "y" * 5000 + '"',
          '"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"\N{ELEPHANT}"', "[]", "{}", "[[[[[]]]]]",
          "[" * 900 + "]" * 900, "[" * 970 + "]" * 970, '{"a":' * 8000 + "1" + "}" * 8000,
          '{"tx": -1}', '{"tx": ' + str(2**70) + "}", '{"nonsense": 7}', '"' + "0" * 64 + '"',
          '"tm"', '"ev"', '"Local"', '"Reboot"', '"2026-01-01T00:00:00Z"', "NaN", "Infinity",
          '"\x7f"', '"\\"']
#: What a sane client writes; one or two of its values are then another.
SANE = {
    "session.stop": {"evse_id": '"1"', "reason": '"Local"'}, "ui.language": {"language": '"sv"'},
    "journal.read": {"stream": '"tm"', "after": "0", "limit": "5"},
    "journal.acked": {"epoch": '"x"', "stream": '"ev"', "seq": "1", "hash": '"' + "0" * 64 + '"'},
    "sync.status": {"connected": "true", "last_ack_age_s": "1.5", "pending": '{"tx": 1}'},
    "command.request": {"action": '"session.stop"', "args": '{"evse_id": "1"}'},
    "session.pause": {"evse_id": '"1"'}, "session.resume": {"evse_id": '"1"'},
    "limit.set": {"where": '"1"', "current_a": "10", "because": '"a word"', "ttl_s": "60"},
    "availability.set": {"evse_id": '"2"', "operational": "false"},
    "card.withdraw": {"evse_id": '"2"'}, "contactor.replaced": {"evse_id": '"2"'},
    "fault.clear": {"code": '"F601"', "where": '"site"'}, "board.info": {"evse_id": '"1"'},
    "board.selftest": {"evse_id": '"2"'}, "meter.read": {"meter_id": '"m1"'},
    "recorder.pin": {"words": '"why"'},
}
EXPIRIES = ["null", '"2026-01-01T00:00:00Z"', '"2099-01-01T00:00:00+25:00"', '"yesterday"', '""', "7",
            '"2099-02-30T00:00:00Z"', '"9999-12-31T23:59:59.999999-23:59"', '"2099-01-01"',
            '"0001-01-01T00:00:00+23:59"', '"2099-01-01T00:00:00"']
NO_CALLS = [b"", b"{", b"null", b"[]", b'{"id": 7}', b"\xff\xfe", b"[" * 60000,
            b'{"id":"a","action":"status","args":null}', b'{"id":"a","action":"' + b"z" * 60000 + b'"}']


def call(chance: random.Random, action: str) -> bytes:
    found = dict(SANE.get(action, {}))
    for _ in range(chance.choice([0, 1, 1, 1, 2, 4])):
        found[chance.choice([*SANE.get(action, {}), chance.choice(NAMES)])] = chance.choice(VALUES)
    args = ",".join(f'"{name}":{value}' for name, value in found.items())
    role = chance.choice(['""', '"technician"', '"\\ud800"', "null"])
    text = (f'{{"id":"{chance.choice(["a", "", "b" * 3000])}","action":"{action}","role":{role},'
            f'"expires_utc":{chance.choice(EXPIRIES) if chance.random() < 0.3 else "null"},'
            f'"args":{{{args}}}}}')
    raw = text.encode("utf-8", "surrogatepass")
    if chance.random() < 0.1:  # a bit of it is something else
        at = chance.randrange(len(raw))
        raw = raw[:at] + bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1:]
    return raw


async def pester(folder: Path, origin: Origin, chance: random.Random, until_s: float) -> int:
    """Connections one after the other, each with some calls; how many frames were sent."""
    sent, actions = 0, sorted(ALLOWED[origin])
    while time.monotonic() < until_s:
        connector = aiohttp.UnixConnector(path=str(folder / f"{origin.value}.sock"))
        async with aiohttp.ClientSession(connector=connector) as session:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with session.ws_connect("http://forecourt/", max_msg_size=0) as socket:
                    for _ in range(chance.randrange(30)):
                        frame = (chance.choice(NO_CALLS) if chance.random() < 0.05
                                 else call(chance, chance.choice(actions)))
                        if chance.random() < 0.5:
                            await socket.send_bytes(frame)
                        else:
                            await socket.send_str(frame.decode("utf-8", "replace"))
                        sent += 1
                        if chance.random() < 0.5:
                            await socket.receive(timeout=3.0)
                    if chance.random() < 0.3:  # gone, in the middle of whatever it was
                        socket._response.connection.transport.abort()
    return sent


async def scribble(folder: Path, origin: Origin, chance: random.Random, until_s: float) -> None:
    """What is no WebSocket at all, or half of one."""
    upgrade = (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_unix_connection(str(folder / f"{origin.value}.sock"))
            junk = chance.randbytes(chance.randrange(200))
            writer.write(chance.choice([junk, upgrade + junk, upgrade[:chance.randrange(200)], upgrade,
                                        upgrade.replace(b"dGhl", b"!"), upgrade + b"\x88\x80\0\0\0\0",
                                        upgrade.replace(b"GET / ", b"POST /x "),
                                        upgrade.replace(b"n: 13", b"n: 99")]))
            await writer.drain()
            await asyncio.sleep(chance.random() * 0.05)
            if chance.random() < 0.5:
                writer.transport.abort()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def fuzz(desk: SiteDesk, seed: int, during_s: float) -> int:
    folder, until_s = desk.site.run_dir, time.monotonic() + during_s
    parts = [part(folder, origin, random.Random(f"{seed} {origin} {part.__name__} {n}"), until_s)
             for origin in Origin for part in (pester, scribble) for n in range(2)]
    return sum(filter(None, await asyncio.gather(*parts)))


@pytest.mark.parametrize("during_s", [6.0, pytest.param(60.0, marks=pytest.mark.slow)])
async def test_no_call_at_any_socket_ends_the_controller(tmp_path, during_s):
    async with site_desk(tmp_path) as desk:
        await desk.site.children.end("sync", hurry=True)  # another's lies about acknowledgements
        await desk.start()
        pid = desk.site.children.pid("controller")
        sent = await fuzz(desk, random.randrange(1 << 30) if during_s > 10 else 5, during_s)
        assert sent > 20 * during_s
        log = desk.site.children.log_path("controller").read_text(errors="replace")
        assert "the controller failed" not in log
        assert desk.site.children.alive("controller") and desk.site.children.pid("controller") == pid
        health = await desk.health()
        assert all(vital["alive"] for vital in health["supervision"]["vitals"])
        assert await desk.snapshot()
        desk.tracebacks = list  # type: ignore[method-assign]  # aiohttp logs each request that is none
