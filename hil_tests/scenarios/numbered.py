"""Every scenario by its number in the table of docs/proofs.md, which a test compares with this."""

from collections.abc import Awaitable, Callable

from hil_tests.scenarios import limits, ordinary, trouble
from hil_tests.scenarios.trial import Trial

OneBay = Callable[[Trial], Awaitable[None]]
TwoBays = Callable[[Trial, Trial], Awaitable[None]]

ROW, GRID = "row-a", "grid"  # the circuit of every bay, and the one above it

#: These need a bay each, and may run side by side. 21 first: who told of himself often has to wait.
ONE_BAY: dict[str, OneBay] = {
    "21-set-of-causes": trouble.causes_are_a_set,
    "01-basic-session": ordinary.basic_session,
    "02-no-energy-before": limits.no_energy_before,
    "03-no-energy-during": limits.no_energy_during,
    "04-paused-by-car": ordinary.paused_by_car,
    "05-paused-and-no-energy": limits.paused_and_no_energy,
    "06-plug-first": ordinary.plug_first,
    "07-same-card-twice": ordinary.same_card_twice,
    "12-faulted-outlet": trouble.refused_while_faulted,
    "15-out-of-service-idle": limits.out_of_service_idle,
    "15-out-of-service-charging": limits.out_of_service_charging,
    "16-late-card": ordinary.late_card_after_a_cancel,
    "18-x1-ignored": trouble.x1_ignored,
    "19-e-from-c": lambda trial: trouble.opens_from_c(trial, 0, "F302"),
    "19-a-from-c": lambda trial: trouble.opens_from_c(trial, None, None),
    "20-d-from-c": lambda trial: trouble.opens_from_c(trial, trouble.VENTILATION_OHM, "F303"),
    "22-more-than-offered": trouble.more_than_offered,
    "23-heat": trouble.heat,
}

#: These need the reader, the fuse or the controller for themselves.
WHOLE_SITE: dict[str, TwoBays] = {
    "06-card-first": lambda first, _: ordinary.card_first(first),
    "06-card-without-a-plug": lambda first, _: ordinary.card_without_a_plug(first),
    "08-two-outlets-one-reader": ordinary.two_outlets_one_reader,
    "11-no-card-in-time": lambda first, _: ordinary.no_card_in_time(first),
    "14-card-taken-back": lambda first, _: ordinary.card_taken_back(first),
    "24-one-capped": lambda first, second: limits.one_capped(first, second, ROW),
    "25-one-idle": lambda first, second: limits.one_idle(first, second, ROW),
    "26-nested-limits": lambda first, _: limits.nested_limits(first, ROW, GRID),
    "29-killed-and-started": lambda first, _: trouble.killed_and_started(first),
    "29-killed-and-the-car-left": lambda first, _: trouble.killed_and_the_car_left(first),
    "34-history": lambda first, _: trouble.history_outlives_a_restart(first),
}
