# Current <-> duty of the control pilot's PWM. Pure. Currents in 0.1 A, duties in 0.01 %.
# 10..85 %: I = 0.6 A per %; above, to 96 %: I = (D - 64 %) * 2.5 A (OpenEVSE J1772Pilot.cpp; the
# same formulas stand in SAE J1772 OCT2017 p. 17, as quoted by a public repository).

X1 = 10000  # steady +12 V
F = 0  # steady -12 V

MIN_DA = 60  # 10 %
MAX_DA = 800  # 96 %
KNEE_DA = 510  # 85 %, the end of the first formula
DUTY_KNEE = 8500
DUTY_MAX = 9600

# What a car reads between the formulas' ends (openev.freshdesk, after SAE J1772):
CAR_DIGITAL_MAX = 800  # to 8 %: no current by PWM (3..7 % asks for digital communication)
CAR_MIN = 1000  # 8..10 % is 6 A: from memory of IEC 61851-1 (SAE: from 9.5 % on)
CAR_MAX = 9650  # 96..96.5 % is 80 A; above: no current (IEC's 97 % is from memory)


def duty_permyriad(current_da):
    # Duty (0.01 %) that tells `current_da` (0.1 A); below 6 A: X1, above 80 A: 80 A.
    # Rounded down: a car never reads more than was meant.
    if current_da < MIN_DA:
        return X1
    if current_da <= KNEE_DA:
        return current_da * 1000 // 60
    if current_da < MAX_DA:
        # 51.0 to 52.5 A: both formulas say 85 % there, and a car reads 51 A
        return max(DUTY_KNEE, 6400 + current_da * 4)
    return DUTY_MAX


def car_da(permyriad):
    # Current (0.1 A) that a car reads from a duty (0.01 %); 0: it may draw none.
    if permyriad <= CAR_DIGITAL_MAX or permyriad > CAR_MAX:
        return 0
    if permyriad < CAR_MIN:
        return MIN_DA
    if permyriad <= DUTY_KNEE:
        return permyriad * 6 // 100
    return min(MAX_DA, (permyriad - 6400) // 4)
