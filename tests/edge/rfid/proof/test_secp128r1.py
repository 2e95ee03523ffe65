"""Our few lines of curve arithmetic against the textbook's, and against signatures of real cards."""

from hypothesis import given, settings
from hypothesis import strategies as st
from looped import looped

from edge.rfid.proof import secp128r1
from edge.rfid.proof.secp128r1 import A, B, G, N, P, verifies

Affine = tuple[int, int] | None  # None: the point at infinity


def add(left: Affine, right: Affine) -> Affine:
    """Chord and tangent, with a division each."""
    if left is None or right is None:
        return right if left is None else left
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = ((3 * x1 * x1 + A) * pow(2 * y1, -1, P) if left == right
             else (y2 - y1) * pow(x2 - x1, -1, P)) % P
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def times(number: int, point: Affine) -> Affine:
    total: Affine = None
    while number:
        if number & 1:
            total = add(total, point)
        point, number = add(point, point), number >> 1
    return total


def public(secret: int) -> bytes:
    x, y = times(secret, G) or (0, 0)
    return b"\x04" + x.to_bytes(16, "big") + y.to_bytes(16, "big")


def sign(secret: int, nonce: int, message: bytes) -> bytes:
    r = (times(nonce, G) or (0, 0))[0] % N
    s = (int.from_bytes(message, "big") + r * secret) * pow(nonce, -1, N) % N
    return r.to_bytes(16, "big") + s.to_bytes(16, "big")


numbers = st.integers(min_value=1, max_value=N - 1)


def test_the_curve_is_the_curve():
    assert (G[1] ** 2 - G[0] ** 3 - A * G[0] - B) % P == 0
    assert times(N, G) is None


@given(secret=numbers, nonce=numbers, message=st.binary(max_size=16), other=st.binary(max_size=16))
@settings(max_examples=15)
def test_what_the_textbook_signs_is_verified_and_nothing_else(secret, nonce, message, other):
    key, signature = public(secret), sign(secret, nonce, message)
    assert verifies(key, message, signature)
    same = int.from_bytes(message, "big") % N == int.from_bytes(other, "big") % N
    assert verifies(key, other, signature) is same


@looped("row", [(1, 1), (1, 2), (2, 1), (N - 1, 1), (1, N - 1), (N - 2, 5), (3, 3), (N - 1, N - 1)])
def test_small_and_large_numbers_meet_every_corner_of_the_addition(row):
    secret, nonce = row
    for message in (b"", b"\x01", b"\xff" * 16, (N - 1).to_bytes(16, "big")):
        signature = sign(secret, nonce, message)
        if any(signature[16:]):
            assert verifies(public(secret), message, signature)


@given(u=numbers, v=numbers, secret=numbers)
@settings(max_examples=10)
def test_sums_of_multiples_are_those_of_the_textbook(u, v, secret):
    point = times(secret, G)
    both = add(times(u, G), times(v, point))
    found = secp128r1._x(secp128r1._sum_of(u, (*G, 1), v, (*(point or G), 1)))
    assert found == (None if both is None else both[0])


def test_a_sum_that_is_nowhere_is_no_signature():
    assert secp128r1._x(secp128r1._sum_of(1, (*G, 1), N - 1, (*G, 1))) is None


def test_a_point_has_one_writing_and_lies_on_the_curve():
    x = next(x for x in range(1, 100) if times(N, root(x)) is None and root(x) is not None)
    good = root(x)
    assert good is not None
    tail = good[1].to_bytes(16, "big")
    assert secp128r1._point(b"\x04" + x.to_bytes(16, "big") + tail) == (*good, 1)
    assert secp128r1._point(b"\x04" + (x + P).to_bytes(16, "big") + tail) is None
    assert secp128r1._point(b"\x04" + (x + 1).to_bytes(16, "big") + tail) is None


def root(x: int) -> Affine:
    """The point with this x, if there is one; P is 3 modulo 4."""
    square = (x ** 3 + A * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if y * y % P == square else None


def test_whatever_is_out_of_range_or_no_point_is_refused():
    key, message = public(7), b"seven"
    good = sign(7, 11, message)
    r, s = good[:16], good[16:]
    top = N.to_bytes(16, "big")
    assert verifies(key, message, good)
    for signature in (bytes(16) + s, r + bytes(16), top + s, r + top, good[:-1], good + b"\0", b"",
                      r + (int.from_bytes(s, "big") ^ 1).to_bytes(16, "big")):
        assert not verifies(key, message, signature)
    off = key[:-1] + bytes([key[-1] ^ 1])
    for point in (off, b"\x02" + key[1:], key[:-1], b"", b"\x04" + bytes(32),
                  b"\x04" + (P + 1).to_bytes(16, "big") + key[17:]):
        assert not verifies(point, message, good)
    assert verifies(key, message.rjust(16, b"\0"), good)
    assert not verifies(key, message.rjust(17, b"\0"), good)
