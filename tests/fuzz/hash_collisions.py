"""Texts of one hash: MurmurHash64A (A. Appleby) with the seed of libstdc++'s std::hash, which every program shares. Its steps can
be turned round, so for any eight bytes there are eight more that lead to a state of our choice (J.-P. Aumasson and D. J. Bernstein,
"SipHash: a fast short-input PRF", 2012, section 7). Several such pairs for each of a few stages, one stage behind the other, give
the product of their numbers.
"""
import itertools
import struct

MASK = (1 << 64) - 1
MUL = 0xC6A4A7935BD1E995
INVERSE = pow(MUL, -1, 1 << 64)
SEED = 0xC70F6907
WAYS = 8  # pairs of a stage


def _shift_mix(v):
    return v ^ v >> 47


def _mixed(block):
    return _shift_mix(block * MUL & MASK) * MUL & MASK


def _unmixed(value):
    return _shift_mix(value * INVERSE & MASK) * INVERSE & MASK


def std_hash(data):
    """std::hash<std::string_view> of libstdc++ on 64 bits, for whole blocks of eight bytes."""
    state = SEED ^ len(data) * MUL & MASK
    for (block,) in struct.iter_unpack("<Q", data):
        state = (state ^ _mixed(block)) * MUL & MASK
    return _shift_mix(_shift_mix(state) * MUL & MASK)


def colliding(stages, plain=True):
    """8^stages different texts of 16 bytes a stage, in ASCII without control characters, quotes and backslashes where `plain`."""
    bad = set(b'"\\\x7f') | set(range(0x20))
    state = SEED ^ 16 * stages * MUL & MASK
    lists = []
    for stage in range(stages):
        target, found, first = 0x0123456789ABCDEF + stage, [], 0
        while len(found) < WAYS:
            first += 1
            head = b"%08d" % first
            middle = (state ^ _mixed(int.from_bytes(head, "little"))) * MUL & MASK
            tail = _unmixed(middle ^ target).to_bytes(8, "little")
            if max(tail) < 0x80 and not (plain and bad & set(tail)):
                found.append((head + tail).decode())
        lists.append(found)
        state = target * MUL & MASK
    return ["".join(parts) for parts in itertools.product(*lists)]
