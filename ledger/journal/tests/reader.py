"""Reads a journal directory as FORMAT.md describes it; shares no code with the crate.

Prints "sequence body-length" for each record, and the published head. Exits 1 at the first thing that
a whole journal does not have; it knows no torn tails.
"""

import hashlib
import pathlib
import struct
import sys

BLOCK = 4096
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def merkle_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01", merkle_root(leaves[:split]), merkle_root(leaves[split:]))


def check(condition, what):
    if not condition:
        sys.exit(f"{what}")


def read_frame(data, at, seed, sequence, head):
    magic, length, crc, count, first, time = struct.unpack_from("<4sIIIQq", data, at)
    if magic != b"TFRM":
        return None
    frame = data[at : at + length]
    check(crc32c(seed + frame[:8] + frame[12:]) == crc, f"frame checksum at {at}")
    check(first == sequence and frame[32:64] == head, f"frame at {at} does not follow")
    leaves, position = [], 96
    for number in range(first, first + count):
        (size,) = struct.unpack_from("<I", frame, position)
        nonce, body = frame[position + 4 : position + 20], frame[position + 20 : position + 20 + size]
        leaves.append(sha256(b"\x00", struct.pack("<Q", number), nonce, body))
        print(number, size)
        position += 20 + size
    root = merkle_root(leaves)
    check(position == length and root == frame[64:96], f"records of the frame at {at}")
    end = at + -(-length // BLOCK) * BLOCK
    check(not any(data[at + length : end]), f"padding of the frame at {at}")
    return end, first + count, sha256(b"\x02", head, root, struct.pack("<QIq", first, count, time))


def read_segment(data, number, sequence, head):
    magic, version, _kind, journal, segment, size, base = struct.unpack_from("<8sII16sQQQ", data)
    check(magic == b"TALONSEG" and version == 1, f"magic of segment {number}")
    check(crc32c(data[:88]) == struct.unpack_from("<I", data, 88)[0], f"header of segment {number}")
    check((segment, size, base) == (number, len(data), sequence), f"segment {number} does not follow")
    check(data[56:88] == head and not any(data[92:BLOCK]), f"header of segment {number}")
    seed, at = journal + struct.pack("<Q", segment), BLOCK
    while at < len(data) and (frame := read_frame(data, at, seed, sequence, head)):
        at, sequence, head = frame
    check(not any(data[at:]), f"bytes after the last frame of segment {number}")
    return sequence, head


def read_snapshot(data, number):
    magic, version, _kind, _journal, segment, last = struct.unpack_from("<8sII16sQQ", data)
    length, body_crc, crc = struct.unpack_from("<QII", data, 80)
    check(magic == b"TALONSNP" and version == 1, f"magic of snapshot {number}")
    check(crc32c(data[:92]) == crc and segment == number, f"header of snapshot {number}")
    check(len(data) == 96 + length and crc32c(data[96:]) == body_crc, f"body of snapshot {number}")
    return last + 1, data[48:80]


def numbered(kind):
    files = pathlib.Path(sys.argv[1]).glob(f"{kind}-*.talon")
    return {int(file.stem.rpartition("-")[2]): file for file in files}


sequence, head, covered = 1, bytes(32), 0
segments, snapshots = numbered("segment"), numbered("snapshot")
if 1 not in segments and snapshots:
    covered = max(snapshots)
    sequence, head = read_snapshot(snapshots[covered].read_bytes(), covered)
for number in range(covered + 1, max(segments) + 1):
    check(number in segments, f"segment {number} is missing")
    sequence, head = read_segment(segments[number].read_bytes(), number, sequence, head)
print(f"head {sequence - 1}:{head.hex()}")
