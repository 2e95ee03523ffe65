"""The ingest as a program: what it prints, what it refuses, and that it waits for what is away."""

import json
import sqlite3

import pytest

from cloud_sync import topics
from cloud_sync.ingest.command import main
from cloud_sync.mqtt import MqttEvent, MqttLine, PubAcked
from edge.controller.effects import Stream

pytestmark = pytest.mark.wire

CDR = (b'{"id":"c1","session_id":"t0","currency":"SEK","total_energy":12.345,'
       b'"total_cost":{"excl_vat":40.00,"incl_vat":50.00}}')


async def test_prints_cdrs_and_sessions_as_lines_of_json(controller, programs, until, capsys):
    await controller.write_events(2)
    await controller.write((Stream.TX, "tx.cdr.v1", CDR))
    await programs.ingest()
    await programs.sync()
    await until(lambda: controller.all_acked, "all acknowledged")

    url = f"sqlite:///{programs.database}"
    assert main(["cdr", "--db", url, "--json"]) == 0
    assert capsys.readouterr().out == CDR.decode() + "\n"
    assert main(["sessions", "--db", url, "--json"]) == 0
    session = json.loads(capsys.readouterr().out)
    assert (session["transaction_id"], session["starts"], session["stops"]) == ("t0", 1, 1)


@pytest.mark.parametrize("arguments", [
    ["cdr", "--db", "sqlite:////nowhere/cloud.db"],
    ["sessions", "--db", "nonsense"],
    ["run", "--broker", "http://127.0.0.1", "--db", "sqlite://"],
    ["run", "--broker", "mqtts://127.0.0.1", "--ca", "/nowhere.pem", "--db", "sqlite://"],
])
def test_refuses_what_cannot_be_used_in_one_line(arguments, capsys):
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("forecourt ingest: ")
    assert "Traceback" not in said


async def test_waits_for_a_database_that_is_locked(controller, programs, until):
    await programs.ingest()
    await programs.sync()
    lock = sqlite3.connect(programs.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    await controller.write_events(10)
    await until(lambda: "database is locked" in programs.log("cloud_sync.ingest.command"), "noticed")
    assert controller.head_of(Stream.TX) == (10, 0)
    lock.execute("ROLLBACK")
    lock.close()
    await until(lambda: controller.all_acked, "all acknowledged")


async def test_takes_noise_on_its_topics_without_stopping(controller, programs, broker, until):
    await programs.ingest()
    await programs.sync()
    events: list[MqttEvent] = []
    line = MqttLine(broker.url, "noise", events.append)
    line.start()
    try:
        await until(lambda: events, "connected")
        line.publish(topics.state("nobody"), b"{", retain=True)
        for payload in (b"", b"{}", b"\xff" * 1000, b"[" * 50_000):
            line.publish(topics.up(controller.site_id, "tx"), payload)
        await until(lambda: sum(isinstance(event, PubAcked) for event in events) == 5, "taken")
    finally:
        line.stop()
    await controller.write_events(4)
    await until(lambda: controller.all_acked, "all acknowledged")
    assert programs.ask("SELECT DISTINCT reason FROM quarantine") == [("malformed",)]
    assert "Traceback" not in programs.log("cloud_sync.ingest.command")
