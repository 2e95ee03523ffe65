"""A pilot board: the real firmware under real MicroPython, with virtual silicon around it.

Its pins, ADC and PWM are a page of shared memory (`micropython/target/page.py`), its UART is a pty, its
hardware watchdog and its power are played here. The electrical model of the car's pilot circuit
stands in `pilot_plateaus_mv`.
"""

import json
import math
import mmap
import os
import select
import struct
import subprocess
import tempfile
import termios
import threading
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from hil_tests.virtual.micropython.runtime import FIRMWARE, Runtime, find_micropython
from hil_tests.virtual.micropython.target import page

SUPERVISE_EVERY_S = 0.02
RESTART_MS = 1000
POWER_ON, WATCHDOG = 1, 3  # reset causes, as `machine` numbers them
RESET_STATUS = 3  # exit status of `machine.reset()`

PIN_PERMIT, PIN_RCD, PIN_MIRROR, PIN_STOP, PIN_REQUEST, PIN_SHUNT = 3, 4, 5, 6, 9, 10
ADC_PROXIMITY, ADC_SUPPLY, ADC_TEMPERATURE = page.ADC + 1, page.ADC + 2, page.ADC + 3

SOURCE_MV, SOURCE_OHM, DIODE_MV = 12000, 1000, 700
# PERMIT goes through a retriggerable monostable, which holds for 50 ms on a real board. A desktop that
# is busy with other things stops a process for longer, so here it is ten times that.
MONOSTABLE_MS = 500
NOISE_MV = 30

# level when true
INPUTS = {"rcd": (PIN_RCD, 0), "mirror": (PIN_MIRROR, 1), "estop": (PIN_STOP, 0),
          "request": (PIN_REQUEST, 1)}
RCD_MODULES = {"good": page.MODULE_GOOD, "dead": page.MODULE_DEAD, "stuck": page.MODULE_STUCK}


def pilot_plateaus_mv(load_ohm: float | None, diode: bool) -> tuple[int, int]:
    """Control pilot (mV) while the +-12 V source behind 1 kOhm is high and while it is low.

    `load_ohm`: 2740 B, 882 C, 246 D, None no car, 0 pilot shorted to earth. The car's diode drops
    0.7 V and blocks the low plateau.
    """
    if load_ohm is None:
        return SOURCE_MV, -SOURCE_MV
    if load_ohm == 0:
        return 0, 0
    total_ohm = SOURCE_OHM + load_ohm
    if diode:
        return DIODE_MV + int((SOURCE_MV - DIODE_MV) * load_ohm / total_ohm), -SOURCE_MV
    high_mv = int(SOURCE_MV * load_ohm / total_ohm)
    return high_mv, -high_mv


class Board:
    """One board. `start()` powers it; a thread supervises it until `close()`.

    `uart_fd`: non-blocking, raw bytes to and from the board; `port`: the same end as a device path.
    Use one of the two. `folder` is its flash, and holds its console's output.
    """

    def __init__(self, folder: Path, *, unit: int, baud: int = 19200, parity: str = "E",
                 firmware: Path = FIRMWARE, runtime: Runtime | None = None) -> None:
        """`runtime`: None takes the best of this machine. Raises NoMicroPython."""
        self.folder = folder
        self.firmware = firmware
        self.boots = 0
        self._runtime = runtime or find_micropython()
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {"unit": unit, "baud": baud, "parity": parity, "monostable_ms": MONOSTABLE_MS}
        (folder / "board.json").write_text(json.dumps(settings))
        self._file = tempfile.NamedTemporaryFile(prefix="board-")  # noqa: SIM115 closed by close()
        self._file.truncate(page.BYTES)
        self._page = mmap.mmap(self._file.fileno(), page.BYTES)
        self._inside, self.uart_fd = os.openpty()
        tty.setraw(self.uart_fd)
        os.set_blocking(self._inside, False)
        os.set_blocking(self.uart_fd, False)
        self.port = os.ttyname(self.uart_fd)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # power, resets and the process
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._powered = False
        self._fed = (-1, 0.0)  # feeds seen, and when they last moved
        self._pulsed = (0, -math.inf)  # pulses seen, and when they last moved
        self.set_cp(None)
        for name in INPUTS:
            self.set_pin(name, False)
        self.set_pp(None)
        self.set_supply_mv(12000)
        self.set_temperature_c(25.0)
        self.set_rcd_module("good")
        self.set_noise_mv(NOISE_MV)

    def start(self) -> None:
        """Power on and supervise."""
        self._thread = threading.Thread(target=self._supervise, name=f"board {self.port}", daemon=True)
        self.power(True)
        self._thread.start()

    def close(self) -> None:
        """Power off and give everything back."""
        self._closing.set()
        if self._thread and self._thread.is_alive():
            self._thread.join()
        self.power(False)
        self._page.close()
        self._file.close()
        os.close(self._inside)
        os.close(self.uart_fd)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    # --- what the world does to the board

    def set_cp(self, load_ohm: float | None, diode: bool = True) -> None:
        """Put this load between control pilot and earth (see `pilot_plateaus_mv`)."""
        self.set_plateaus_mv(*pilot_plateaus_mv(load_ohm, diode))

    def set_plateaus_mv(self, high_mv: int, low_mv: int) -> None:
        """The pilot while its source is high and while it is low, whatever hangs on it."""
        self._set(page.PILOT_HIGH_MV, high_mv)
        self._set(page.PILOT_LOW_MV, low_mv)

    def set_pin(self, name: str, level: bool) -> None:
        """Drive an input: "mirror" (True: main contacts closed), "rcd" (tripped), "estop" (pressed),
        "request" (the Pi's relay feeds the coil)."""
        pin, active = INPUTS[name]
        self._set(page.PIN_IN + pin, active if level else 1 - active)

    def set_pp(self, cable_ohm: int | None) -> None:
        """Proximity resistor of the plug: 1500 13 A, 680 20 A, 220 32 A, 100 63 A; None: open."""
        raw = 65535 if cable_ohm is None else 65535 * cable_ohm // (cable_ohm + 1000)
        self._set(ADC_PROXIMITY, raw)

    def set_supply_mv(self, supply_mv: int) -> None:
        """The board's 12 V. Far too little (under 7 V) is `power(False)`."""
        self._set(ADC_SUPPLY, supply_mv * 65535 // 16500)

    def set_temperature_c(self, temperature_c: float | None) -> None:
        """At the contactor's terminals, -40 to 130; None: the sensor is gone.

        An NTC of 10 kOhm at 25 deg C and B 3950, under 10 kOhm to the reference.
        """
        raw = 65535
        if temperature_c is not None:
            ohm = 10000 * math.exp(3950 * (1 / (temperature_c + 273.15) - 1 / 298.15))
            raw = int(65535 * ohm / (ohm + 10000))
        self._set(ADC_TEMPERATURE, raw)

    def set_rcd_module(self, how: str) -> None:
        """How it answers a test: "good", "dead" (trips at nothing), "stuck" (does not come back)."""
        self._set(page.RCD_MODULE, RCD_MODULES[how])

    def set_noise_mv(self, noise_mv: int) -> None:
        """Of single samples of the pilot, at most."""
        self._set(page.PILOT_NOISE_MV, noise_mv)

    def power(self, on: bool) -> None:
        """Switch the board's supply. Idempotent."""
        with self._lock:
            if on == self._powered:
                return
            self._powered = on
            if on:
                self._set(page.PERMIT_EDGES, 0)
                self._set(page.PULSES, 0)
                self._pulsed = (0, -math.inf)
                self._boot(POWER_ON)
            else:
                self._halt()

    def damage_memory(self) -> None:
        """Off, its flash's records overwritten, on again."""
        self.power(False)
        for name in ("kept0", "kept1"):
            (self.folder / name).write_bytes(b"\x55" * 200)
        self.power(True)

    # --- what the board does to the world

    @property
    def permit(self) -> bool:
        """The board's half of the coil supply: the PERMIT pin, while pulses hold the monostable."""
        return self.permit_pin and time.monotonic() - self._last_pulse() < MONOSTABLE_MS / 1000

    @property
    def permit_pin(self) -> bool:
        """Level of the PERMIT pin."""
        return bool(self._get(page.PIN_OUT + PIN_PERMIT))

    @property
    def shunt(self) -> bool:
        """Whether the shunt trip is fired."""
        return bool(self._get(page.PIN_OUT + PIN_SHUNT))

    @property
    def duty(self) -> float | None:
        """Share of the period at +12 V: 1.0 is X1 (steady), 0.0 is F; None: no supply, 0 V."""
        return self._get(page.PWM_DUTY) / 65535 if self._powered else None

    @property
    def powered(self) -> bool:
        """Whether the supply is on."""
        return self._powered

    @property
    def pid(self) -> int | None:
        """Of the process that plays the microcontroller."""
        process = self._process
        return process.pid if process else None

    @property
    def turns(self) -> int:
        """Turns of the loop since its start: it feeds its watchdog in each."""
        return self._get(page.WATCHDOG_FEEDS)

    @property
    def console(self) -> str:
        """What the firmware printed, over all its boots."""
        path = self.folder / "console.log"
        return path.read_text() if path.exists() else ""

    def wait_ready(self, timeout_s: float = 10.0) -> None:
        """Until the loop runs (it fed its watchdog some times). Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while self._get(page.WATCHDOG_FEEDS) < 3:
            if time.monotonic() > deadline:
                raise TimeoutError(f"board {self.port} did not start: {self.console[-400:]}")
            time.sleep(0.005)

    # --- silicon

    def _supervise(self) -> None:
        while not self._closing.wait(SUPERVISE_EVERY_S):
            self._last_pulse()
            with self._lock:
                if not self._powered:
                    _drain(self._inside)
                elif self._asked_for_reset() or self._starved():
                    self._halt()
                    self._boot(WATCHDOG)

    def _last_pulse(self) -> float:
        pulses = self._get(page.PULSES)
        if pulses != self._pulsed[0]:
            self._pulsed = (pulses, time.monotonic())
        return self._pulsed[1]

    def _asked_for_reset(self) -> bool:
        return self._process is not None and self._process.poll() == RESET_STATUS

    def _starved(self) -> bool:
        limit_ms, feeds = self._get(page.WATCHDOG_MS), self._get(page.WATCHDOG_FEEDS)
        now = time.monotonic()
        if feeds != self._fed[0]:
            self._fed = (feeds, now)
        # Dead before it could start its watchdog: somebody would switch it off and on again.
        if not limit_ms and self._process is not None and self._process.poll() is None:
            return False
        return now - self._fed[1] > (limit_ms or RESTART_MS) / 1000

    def _halt(self) -> None:
        """Kill the core; in reset and without supply every pin floats to its safe level."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        for pin in range(32):
            self._set(page.PIN_OUT + pin, 0)
        self._set(page.PWM_DUTY, 65535 if self._powered else 0)

    def _boot(self, cause: int) -> None:
        for word in (page.WATCHDOG_MS, page.WATCHDOG_FEEDS):
            self._set(word, 0)
        self._set(page.RESET_CAUSE, cause)
        self._set(page.PWM_DUTY, 65535)  # a pull-up holds the driver at +12 V
        self._fed = (-1, time.monotonic())
        _drain(self._inside)
        termios.tcflush(self.uart_fd, termios.TCIFLUSH)
        self.boots += 1
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                self._runtime.command(self.firmware), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=console, stderr=console, pass_fds=(self._inside,), start_new_session=True,
                env=self._runtime.environment(self._file.name, self._inside))

    def _get(self, word: int) -> int:
        value: int = struct.unpack_from("<i", self._page, 4 * word)[0]
        return value

    def _set(self, word: int, value: int) -> None:
        struct.pack_into("<i", self._page, 4 * word, value)


def _drain(fd: int) -> None:
    """What was sent to a UART that did not listen is lost."""
    while select.select([fd], [], [], 0)[0] and os.read(fd, 4096):
        pass
