"""The pictures that people send each other in the demonstration: small PNGs, each number's always the same."""

import random
import struct
import zlib

_SIZE = 48


def picture(number: int) -> bytes:
    """Return the picture of a number, a few thousand bytes: a gradient between two colours, with grain."""
    rng = random.Random(number)
    first, last = ([rng.randrange(256) for _ in range(3)] for _ in range(2))
    rows = bytearray()
    for y in range(_SIZE):
        rows.append(0)  # no filter
        for x in range(_SIZE):
            part = (x + y) / (2 * _SIZE - 2)
            grain = rng.randrange(-8, 9)
            rows += bytes(min(255, max(0, round(a + (b - a) * part) + grain)) for a, b in zip(first, last, strict=True))
    header = struct.pack(">IIBBBBB", _SIZE, _SIZE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
