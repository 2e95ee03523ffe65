"""The controller's tools must not pay for a web library that they do not use."""

import subprocess
import sys


def test_the_room_and_its_messages_load_without_aiohttp() -> None:
    code = ("import sys, edge.link, edge.link.messages, edge.link.journal_protocol, edge.link.allowed;"
            "print('aiohttp' in sys.modules)")
    ran = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert ran.stdout == "False\n"
