"""The site as the core needs it: circuits, EVSEs, limits. Built by `edge/station/config.py`."""

from edge.controller.struct import Value


class Circuit(Value):
    """A fuse. `parent` None: the grid connection."""

    id: str
    fuse_a: float
    parent: str | None = None


class Evse(Value):
    """One outlet. `phases`: which grid phase each of its phases is wired to, in its own order."""

    id: str
    label: str
    circuit: str
    phases: tuple[str, ...]
    max_a: float
    failsafe_a: float
    meter_id: str
    meter_on_supply_side: bool = True  # False: dead while the contactor is open, and no fault
    meter_refresh_s: float = 1.0  # how old a register may be inside the meter
    ventilation: bool = False  # a car in state D may charge here
    ordinal: int = 1  # OCPP evse.id, from 1 in file order


class Timers(Value):
    """Every wait of the core, in seconds."""

    plug_in_s: float = 60.0  # a card without a plug
    stop_open_s: float = 6.0  # X1 to opening, whatever the current
    mirror_close_s: float = 1.0
    mirror_open_s: float = 1.0
    relay_open_s: float = 1.0  # from the relay's command to no supply behind it
    raise_s: float = 5.0  # between two raises of one offer
    grant_s: float = 5.0
    renew_s: float = 1.0
    min_off_s: float = 5.0  # doubled from the fourth short charge in a row on, at most 64 times
    short_s: float = 60.0  # a charge that the car ends sooner is a short one
    sample_s: float = 60.0  # periodic TransactionEvent
    telemetry_s: float = 10.0
    receipt_s: float = 60.0
    message_s: float = 5.0
    board_lost_s: float = 3.0  # without a valid poll
    meter_lost_s: float = 10.0  # without a good reading
    cloud_lost_s: float = 5.0
    mirror_agree_s: float = 1.0
    end_read_s: float = 15.0  # after that the last register value that was seen ends the session
    card_dead_s: float = 3.0  # a card that started a session does not stop it so soon after


class SitePlan(Value):
    """Everything that the core needs to know of a site."""

    id: str
    circuits: tuple[Circuit, ...]
    evses: tuple[Evse, ...]
    timers: Timers = Timers()
    site_meters: tuple[str, ...] = ()  # meters of circuits, which no EVSE is billed by
    tariff: str = ""  # OCPI JSON, kept with each session; only billing reads it
    software: str = "0.1.0"
