#!/usr/bin/env python3
"""An independent reader of Lugger's spool, written from forwarder/spool/SPOOL.md. It shares no code with the program.

    spool_reader.py DATA_DIR            every record that counts, one per line: log id, sequence, input, time of receipt, body as hex, fields
    spool_reader.py --cursors DATA_DIR  the outputs' cursors as the state has them
    spool_reader.py --positions DATA_DIR  the newest position of every input: input, key, value as hex

--keys FILE in front of the others: the keys of an encrypted spool.

What does not verify is told on standard error, and the exit status is 1.
"""
import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import os
import re
import struct
import sys

CRC_TABLE = []
for n in range(256):
    crc = n
    for _ in range(8):
        crc = crc >> 1 ^ 0x82F63B78 if crc & 1 else crc >> 1
    CRC_TABLE.append(crc)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def unzstd(data, size):
    lib = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    lib.ZSTD_decompress.restype = ctypes.c_size_t
    lib.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    out = ctypes.create_string_buffer(size or 1)
    got = lib.ZSTD_decompress(out, size, data, len(data))
    if got != size:
        raise ValueError("zstd: %d bytes where the frame says %d" % (got, size))
    return out.raw[:size]


def hkdf(key, salt, info, size):
    prk = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\1", hashlib.sha256).digest()[:size]


def aes_gcm_open(key, nonce, aad, data):
    """The plaintext, or ValueError where the 16-byte tag at the end does not fit."""
    lib = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    lib.EVP_CIPHER_CTX_new.restype = lib.EVP_aes_256_gcm.restype = ctypes.c_void_p
    ctx, n = ctypes.c_void_p(lib.EVP_CIPHER_CTX_new()), ctypes.c_int(0)
    cipher = ctypes.c_void_p(lib.EVP_aes_256_gcm())
    plain, tag = ctypes.create_string_buffer(len(data) + 16), ctypes.create_string_buffer(data[-16:], 16)
    try:
        good = lib.EVP_DecryptInit_ex(ctx, cipher, None, key, nonce) == 1
        good = good and lib.EVP_DecryptUpdate(ctx, None, ctypes.byref(n), aad, len(aad)) == 1
        good = good and lib.EVP_DecryptUpdate(ctx, plain, ctypes.byref(n), data, len(data) - 16) == 1
        good = good and lib.EVP_CIPHER_CTX_ctrl(ctx, 0x11, 16, tag) == 1  # EVP_CTRL_AEAD_SET_TAG
        good = good and lib.EVP_DecryptFinal_ex(ctx, ctypes.byref(plain, len(data) - 16), ctypes.byref(n)) == 1
    finally:
        lib.EVP_CIPHER_CTX_free(ctx)
    if not good:
        raise ValueError("AES-GCM: not what was encrypted")
    return plain.raw[:len(data) - 16]


KEYS = {}


def read_keys(path):
    for line in open(path):
        words = line.split("#")[0].split()
        if words:
            KEYS[int(words[0])] = base64.b64decode(words[1])


class Cut(Exception):
    """The bytes end, or do not verify."""


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise Cut("cut off at %d" % self.at)
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, fmt):
        return struct.unpack(">" + fmt, self.take(struct.calcsize(">" + fmt)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.number("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def read_cursors(r, count):
    cursors = []
    for _ in range(count):
        flags = r.number("B")
        name = r.take(r.number("B")).decode()
        cursors.append((name, r.number("Q"), flags))
    return cursors


class Header:
    def __init__(self, data):
        if data[:8] != b"\xf5LGSEGM1" or struct.unpack(">H", data[8:10])[0] != 1:
            raise Cut("no segment header")
        self.size = struct.unpack(">I", data[12:16])[0]
        (self.spool_id, self.number, self.first, self.created, self.allocated, self.prev_number, self.prev_end, self.low) = struct.unpack(
            ">16sQQqQQQQ", data[16:88])
        self.key_id, _, self.salt = struct.unpack(">II32s", data[88:128])
        self.check = data[144:160]
        ranges, cursors, positions, body = struct.unpack(">IIII", data[128:144])
        if crc32c(data[:160 + body]) != struct.unpack(">I", data[160 + body:164 + body])[0]:
            raise Cut("segment header: CRC")
        r = Bytes(data[160:160 + body])
        self.ranges = [(r.take(16).hex(), r.number("Q")) for _ in range(ranges)]
        self.cursors = read_cursors(r, cursors)
        self.positions = {}
        for _ in range(positions):
            n, k, v = r.number("H"), r.number("B"), r.number("H")
            name, key = r.take(n).decode(), r.take(k)
            self.positions[(name, key)] = r.take(v)
        if r.at != body:
            raise Cut("segment header: body")


class Frame:
    def __init__(self, data, at, tag, number, limit):
        if at + 128 > limit or data[at:at + 4] != b"\xf5LGF":
            raise Cut("no frame")
        (version, self.codec, self.encryption, header_size, payload_crc, self.tag, segment, offset, log_id, self.first, self.count, self.index,
         self.raw_size, stored_size, self.low_ns, self.high_ns, self.durable_upto, self.durable_offset, n, self.position_count,
         p) = struct.unpack(">HBBIIQQQ16sQIIIIqqQQHHI", data[at + 4:at + 120])
        if header_size < 132 or header_size % 8 or at + header_size + stored_size > limit or (segment, offset) != (number, at):
            raise Cut("frame header: does not belong here")
        header = data[at:at + header_size]
        if crc32c(header[:-4]) != struct.unpack(">I", header[-4:])[0]:
            raise Cut("frame header: CRC")
        if version != 1 or tag and self.tag != tag:
            raise Cut("frame header: version or spool")
        self.log_id = log_id.hex()
        self.aad = header[:12] + bytes(4) + header[16:-4] + bytes(4)
        self.input = header[128:128 + n].decode()
        self.position_bytes = header[128 + n:128 + n + p]
        self.stored = data[at + header_size:at + header_size + stored_size]
        self.payload_ok = crc32c(self.stored) == payload_crc
        self.end = at + (header_size + stored_size + 7) // 8 * 8

    def positions(self):
        r = Bytes(self.position_bytes)
        while r.at < len(r.data):
            key = r.take(r.number("B"))
            yield key, r.take(r.number("H"))

    def payload(self, params):
        if not self.encryption:
            return self.stored
        key_id, salt, check = params
        if key_id not in KEYS or check != hkdf(KEYS[key_id], salt, b"lugger key check", 16):
            raise ValueError("key %d is missing or wrong" % key_id)
        return aes_gcm_open(hkdf(KEYS[key_id], salt, b"lugger segment", 32), struct.pack(">QI", 0, self.index), self.aad, self.stored)

    def records(self, params):
        payload = self.payload(params)
        r = Bytes(unzstd(payload, self.raw_size) if self.codec else payload)
        origins, seq = [b""], self.first
        while r.at < len(r.data):
            word = r.number("I")
            entry = Bytes(r.take(word & 0x7FFFFFFF))
            if word >> 31:
                if entry.number("H") != len(origins):
                    raise ValueError("origin out of order")
                origins.append(entry.data[2:])
                continue
            event, received, severity, facility, origin, size = (entry.number(f) for f in "qqBBHI")
            body = entry.take(size)
            fields = entry.data[entry.at:]
            yield (self.log_id, seq, self.input, received, event, severity, facility, body, fields + origins[origin])
            seq += 1
        if seq - self.first != self.count:
            raise ValueError("%d records where the frame says %d" % (seq - self.first, self.count))


def read_state(directory):
    slots = []
    try:
        data = open(os.path.join(directory, "state"), "rb").read()
    except FileNotFoundError:
        return None
    for at in (0, 32768):
        slot = data[at:at + 32768]
        if slot[:8] != b"\xf5LGSTAT1":
            continue
        size = struct.unpack(">I", slot[12:16])[0]
        if size > 32768 or crc32c(slot[:size - 4]) != struct.unpack(">I", slot[size - 4:size])[0]:
            continue
        generation = struct.unpack(">Q", slot[16:24])[0]
        segment, durable_offset, durable_upto, _, low = struct.unpack(">QQQQQ", slot[64:104])
        cursors = read_cursors(Bytes(slot[128:size - 4]), struct.unpack(">I", slot[112:116])[0])
        slots.append((generation, segment, durable_offset, durable_upto, low, cursors))
    return max(slots) if slots else None


class Segment:
    def __init__(self, directory, name, number, first):
        self.number, self.first, self.name = number, first, name
        self.data = open(os.path.join(directory, name), "rb").read()
        self.header = None
        try:
            self.header = Header(self.data)
        except (Cut, struct.error):
            pass

    def params(self):
        """Key id, salt and key check: of the header, else of its copy."""
        if self.header:
            return self.header.key_id, self.header.salt, self.header.check
        for end in range(4096, len(self.data), 4096):
            copy = self.data[end - 80:end]
            if copy[:16] == b"\xf5LGSALT1" + struct.pack(">Q", self.number) and crc32c(copy[:76]) == struct.unpack(">I", copy[76:])[0]:
                return struct.unpack(">I", copy[16:20])[0], copy[24:56], copy[56:72]
        return 0, b"", b""

    def frames(self, tag):
        """(offset, frame) for every header that verifies, found at every multiple of 8 behind damage."""
        at = self.header.size if self.header else 4096
        while True:
            try:
                frame = Frame(self.data, at, tag, self.number, len(self.data))
                yield at, frame
                at = frame.end
                continue
            except (Cut, struct.error):
                at = self.data.find(b"\xf5LGF", at + 1)
                while at >= 0 and at % 8:
                    at = self.data.find(b"\xf5LGF", at + 1)
                if at < 0:
                    return


def judge(segment, tag, state):
    """The frames that count in the newest segment: up to the torn tail."""
    frames = list(segment.frames(tag))
    mark = max([f.durable_offset for _, f in frames] + [state[2] if state and state[1] == segment.number else 0])
    good, at = [], segment.header.size if segment.header else 4096
    for offset, frame in frames:
        if offset > at and offset > mark or offset >= mark and not frame.payload_ok:
            break
        good.append((offset, frame))
        at = frame.end
    return good


def load(data_dir):
    directory = os.path.join(data_dir, "spool")
    state = read_state(directory)
    segments = []
    for name in sorted(os.listdir(directory)):
        match = re.fullmatch(r"([0-9a-f]{16})-([0-9a-f]{16})\.seg", name)
        if match and not (state and int(match[1], 16) < state[4]):
            segments.append(Segment(directory, name, int(match[1], 16), int(match[2], 16)))
    headers = [s.header for s in segments if s.header]
    tag = struct.unpack(">Q", headers[-1].spool_id[:8])[0] if headers else 0
    return state, segments, tag


def show_records(segments, tag, state):
    bad = 0
    for i, segment in enumerate(segments):
        end = segments[i + 1].first if i + 1 < len(segments) else None
        frames = judge(segment, tag, state) if end is None else segment.frames(tag)
        for offset, frame in frames:
            if end is not None and frame.first >= end:
                break
            if not frame.payload_ok:
                print("segment %d: frame at %d: payload CRC" % (segment.number, offset), file=sys.stderr)
                bad = 1
                continue
            for record in frame.records(segment.params()) if frame.count else ():
                log_id, seq, name, received, event, severity, facility, body, fields = record
                print(log_id, seq, name, received, event, severity, facility, body.hex(), fields.hex() or "-")
    return bad


def show_positions(segments, tag, state):
    positions, base = {}, len(segments)
    while base > 0:
        base -= 1
        if segments[base].header:
            positions = dict(segments[base].header.positions)
            break
    for segment in segments[base:]:
        for _, frame in judge(segment, tag, state):
            for key, value in frame.positions():
                positions[(frame.input, key)] = value
    for (name, key), value in sorted(positions.items()):
        if value:
            print(name, key.decode(), value.hex())


def main():
    args = sys.argv[1:]
    if args[0] == "--keys":
        read_keys(args[1])
        args = args[2:]
    what = args[0] if len(args) == 2 else ""
    state, segments, tag = load(args[-1])
    if what == "--cursors":
        for name, seq, flags in sorted(state[5]):
            print(name, seq, flags)
        return 0
    if what == "--positions":
        show_positions(segments, tag, state)
        return 0
    return show_records(segments, tag, state)


if __name__ == "__main__":
    sys.exit(main())
