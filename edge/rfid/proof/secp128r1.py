"""ECDSA on secp128r1, verifying only: no library has this curve any more, and cards were signed on it.

Nothing here is secret, so that nothing needs to take the same time. Source: SEC 2 version 1.0,
section 2.3.1 (the curve); SEC 1 version 2.0, section 4.1.4 (verification).
"""

P = 0xFFFFFFFDFFFFFFFFFFFFFFFFFFFFFFFF
A = P - 3
B = 0xE87579C11079F43DD824993C2CEE5ED3
N = 0xFFFFFFFE0000000075A30D1B9038A115
G = (0x161FF7528B899B2D0C28607CA52C5B86, 0xCF5AC8395BAFEB13C02DA292DDED7A83)
_SIZE = 16

Point = tuple[int, int, int]  # Jacobian: x = X / Z^2, y = Y / Z^3; Z = 0 is the point at infinity
_NOWHERE: Point = (1, 1, 0)


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `public` (an uncompressed point) signed `message`, of at most 16 bytes and not hashed.

    `signature`: r || s, 32 bytes. False for whatever is out of range, of another size, or no point.
    """
    key = _point(public)
    if key is None or len(signature) != 2 * _SIZE or len(message) > _SIZE:
        return False
    r, s = int.from_bytes(signature[:_SIZE], "big"), int.from_bytes(signature[_SIZE:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    inverse = pow(s, -1, N)
    x = _x(_sum_of(int.from_bytes(message, "big") * inverse % N, (*G, 1), r * inverse % N, key))
    return x is not None and x == r  # as P < N


def _point(public: bytes) -> Point | None:
    if len(public) != 1 + 2 * _SIZE or public[0] != 4:
        return None
    x, y = int.from_bytes(public[1:1 + _SIZE], "big"), int.from_bytes(public[1 + _SIZE:], "big")
    on_curve = x < P and y < P and (y * y - x * x * x - A * x - B) % P == 0
    return (x, y, 1) if on_curve else None


def _x(point: Point) -> int | None:
    x, _, z = point
    return None if z == 0 else x * pow(z, -2, P) % P


def _sum_of(u: int, first: Point, v: int, second: Point) -> Point:
    """u * first + v * second, both multiplied in one go, bit by bit from the top."""
    both = _add(first, second)
    total = _NOWHERE
    for bit in range(N.bit_length() - 1, -1, -1):
        total = _double(total)
        match u >> bit & 1, v >> bit & 1:
            case 1, 1:
                total = _add(total, both)
            case 1, 0:
                total = _add(total, first)
            case 0, 1:
                total = _add(total, second)
    return total


def _double(point: Point) -> Point:
    x, y, z = point
    square = y * y % P
    s = 4 * x * square % P
    m = 3 * (x - z * z) * (x + z * z) % P  # as A is -3
    new_x = (m * m - 2 * s) % P
    return new_x, (m * (s - new_x) - 8 * square * square) % P, 2 * y * z % P


def _add(left: Point, right: Point) -> Point:
    (x1, y1, z1), (x2, y2, z2) = left, right
    if z1 == 0 or z2 == 0:
        return right if z1 == 0 else left
    u1, u2 = x1 * z2 * z2 % P, x2 * z1 * z1 % P
    s1, s2 = y1 * z2 * z2 * z2 % P, y2 * z1 * z1 * z1 % P
    if u1 == u2:
        return _double(left) if s1 == s2 else _NOWHERE
    h, r = (u2 - u1) % P, (s2 - s1) % P
    h2, h3 = h * h % P, h * h * h % P
    x = (r * r - h3 - 2 * u1 * h2) % P
    return x, (r * (u1 * h2 - x) - s1 * h3) % P, h * z1 * z2 % P
