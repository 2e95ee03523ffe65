"""What the controller may set in a pilot board, and what a technician measures for it."""

from edge.controller.struct import Value


class BoardSettings(Value):
    """The settings block, in the units of people. The board forgets it at each start.

    The board has safe defaults of its own (no failsafe current); what is not named here gets them.
    """

    failsafe_a: float = 0.0  # after a lost heartbeat, 0 or 6..80
    hold_s: int = 60  # from the lost heartbeat to X1, 0..600
    grant_ttl_ms: int = 5000  # longest life of a grant without a heartbeat, 100..10000
    ventilation: bool = False  # state D may charge
    fault_f_ms: int = 300  # state F after a fault in C or D; 0 never, else 300..10000
    weld_suspect_ms: int = 250  # mirror closed after both coil commands went off, 30..900


class Calibration(Value):
    """What one board's dividers and sensor differ from the ideal ones. Kept in the board's flash."""

    cp_offset_mv: int = 0  # -1000..1000; mV = raw * gain + offset
    cp_gain_permyriad: int = 10000  # 9000..11000
    pp_gain_permyriad: int = 10000  # 9000..11000
    temperature_offset_dc: int = 0  # 0.1 K, -100..100


class SelfTest(Value):
    """The self-test of the residual current module. `result`: see `RESULTS` in `board.py`."""

    result: str
    trip_ms: int
    age_min: int | None  # since it passed; None: not since the board's start

    @property
    def passed(self) -> bool:
        """Whether the module is known to trip."""
        return self.result == "passed"
