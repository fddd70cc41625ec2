"""What the soak knows to be true: every record that was written, and every one that an output or the spool showed, by its sequence.

A record's text follows from its source and number, so that whole texts are compared without keeping any. Two hours are some million records: they
are columns of numbers, not objects. One lock guards all; sources, readers and the watcher are threads.
"""

import array
import ctypes
import json
import os
import random
import string
import threading
import zlib

from rig import PARAMETER, IDENTITY, RFC5424, Failure, check

APP, NET, LOSS, TORN = 1, 2, 3, 4
NAMES = {APP: "app", NET: "net", LOSS: "lugger", TORN: "net"}
LIBC = ctypes.CDLL(None, use_errno=True)
PUNCH_HOLE_KEEP_SIZE = 3


class Texts:
    """text(source, number): 30 to 190 characters, one in five hundred up to 3,000."""

    def __init__(self, seed):
        rng = random.Random(seed)
        alphabet = string.ascii_letters + string.digits + string.punctuation + "  "
        self.pool = "".join(rng.choice(alphabet) for _ in range(1 << 20))

    def text(self, source, number):
        mixed = zlib.crc32(b"%d %d" % (source, number))
        length = 300 + mixed % 2700 if mixed % 500 == 7 else 20 + mixed % 160
        start = mixed % (len(self.pool) - 3100)
        beyond = " Zürich 東京" if mixed % 50 == 3 else ""
        return "%s %09d %s%s|" % (NAMES[source], number, self.pool[start : start + length], beyond)


class Column:
    """An array that grows; absent numbers read as 0."""

    def __init__(self, kind):
        self.values = array.array(kind)

    def __getitem__(self, at):
        return self.values[at] if at < len(self.values) else 0

    def __setitem__(self, at, value):
        if at >= len(self.values):
            self.values.frombytes(bytes(self.values.itemsize * (at + 1 - len(self.values) + 4096)))
        self.values[at] = value


class Ledger:
    def __init__(self, seed, outputs):
        self.texts = Texts(seed)
        self.lock = threading.RLock()
        self.logs, self.log_ids = {}, []
        self.source, self.number, self.log = Column("B"), Column("Q"), Column("L")  # by sequence
        self.copies = {APP: Column("B"), NET: Column("B")}  # sequences that carry a number
        self.sent = {NET: Column("H")}  # times that a socket's record was sent
        self.shown = {name: Column("H") for name in outputs}  # times that an output showed a sequence
        self.low = dict.fromkeys(outputs, 1)  # the lowest sequence it has not shown
        self.top = dict.fromkeys(outputs, 0)
        self.repeats = dict.fromkeys(outputs, 0)
        self.written = {APP: 0, NET: 0}
        self.losses, self.torn = [], 0

    def judge(self, body, name):
        """(source, number) of a record's text, which must be exactly what was written."""
        if body.startswith("lugger: "):
            return LOSS, zlib.crc32(body.encode())
        source = {"app": APP, "net": NET}.get(body[:3])
        check(source and source == {"app": APP, "net": NET}.get(name, source), "input %s: a record that nobody wrote: %r", name, body[:200])
        number = body[4:13]
        if number.isdigit() and len(number) == 9:
            number = int(number)
            check(number < self.written[source], "input %s: record %d was not written yet", name, number)
            whole = self.texts.text(source, number)
            if body == whole:
                return source, number
            if source == NET and whole.startswith(body):
                return TORN, zlib.crc32(body.encode())
        check(source == NET and len(body) < 13, "input %s: not what was written: %r", name, body[:300])
        return TORN, zlib.crc32(body.encode())

    def know(self, where, log_id, seq, body, name=None):
        """An identity with its content: never two contents, never two identities for one record of a file. Lock held."""
        source, number = self.judge(body, name)
        if log_id not in self.logs:
            self.log_ids.append(log_id)
            self.logs[log_id] = len(self.log_ids)
        known = (self.log[seq], self.source[seq], self.number[seq])
        mine = (self.logs[log_id], source, number)
        if known[0]:
            check(known == mine, "%s: sequence %d is %r of log %s, and was %r of log %s", where, seq, mine[1:], log_id, known[1:],
                  self.log_ids[known[0] - 1])
            return
        self.log[seq], self.source[seq], self.number[seq] = mine
        if source in self.copies:
            copies = self.copies[source][number] + 1
            check(source == NET or copies == 1, "%s: record %d of the file is in the log twice, now as sequence %d", where, number, seq)
            check(source == APP or copies <= self.sent[NET][number], "%s: record %d of the socket was sent %d times and is there %d times", where,
                  number, self.sent[NET][number], copies)
            self.copies[source][number] = copies
        elif source == LOSS:
            self.losses.append(body)
        else:
            self.torn += 1

    def show(self, output, log_id, seq, body, name=None):
        with self.lock:
            self.know(output, log_id, seq, body, name)
            column = self.shown[output]
            column[seq] = min(column[seq] + 1, 65535)
            if column[seq] > 1:
                self.repeats[output] += 1
            self.top[output] = max(self.top[output], seq)
            while column[self.low[output]]:
                self.low[output] += 1

    def seen(self, source, number):
        with self.lock:
            return self.copies[source][number] > 0

    def missing(self, source, first=0):
        with self.lock:
            return [n for n in range(first, self.written[source]) if not self.copies[source][n]]


class ArchiveReader:
    """Reads the JSON lines of an output `file` as they come; rotate() is what logrotate does."""

    def __init__(self, ledger, output, path):
        self.ledger, self.output, self.path = ledger, output, path
        self.offsets = {}  # by inode: a renamed file goes on
        self.lock = threading.Lock()

    def read(self):
        with self.lock:
            self._read(self.path + ".1")
            self._read(self.path)

    def _read(self, path):
        """Returns what is left behind the last whole line."""
        try:
            with open(path, "rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(self.offsets.get(inode, 0))
                data = file.read()
        except FileNotFoundError:
            return b""
        end = data.rfind(b"\n") + 1  # a partial last line is mended by its writer
        for line in data[:end].splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                raise Failure("%s: not a JSON line: %r" % (self.output, line[:300]))
            log_id, _, seq = record["event.id"].rpartition("-")
            check(log_id == record["lugger.log_id"] and int(seq) == record["event.sequence"], "%s: event.id and its parts differ: %r", self.output, line)
            self.ledger.show(self.output, log_id, int(seq), record["message"], record["lugger.input"])
        self.offsets[inode] = self.offsets.get(inode, 0) + end
        return data[end:]

    def begin_rotation(self):
        with self.lock:
            os.rename(self.path, self.path + ".1")

    def end_rotation(self):
        """The writer has let go of the old file."""
        with self.lock:
            self._read(self.path + ".1")  # a writer that was killed may have left a partial line: its record comes again in the new file
            self.offsets.pop(os.stat(self.path + ".1").st_ino, None)
            os.unlink(self.path + ".1")

    def size(self):
        try:
            return os.path.getsize(self.path)
        except FileNotFoundError:
            return 0


class SinkReader:
    """Reads what a sink stored, connection by connection, and frees what it has read."""

    def __init__(self, ledger, output, store):
        self.ledger, self.output, self.store = ledger, output, store
        self.offset, self.freed = {}, {}
        self.lock = threading.Lock()

    def read(self):
        with self.lock:
            for name in os.listdir(self.store):
                if name.endswith(".bytes"):
                    self._read(os.path.join(self.store, name), int(name.split(".")[0]))

    def _read(self, path, number):
        offset = self.offset.get(number, 0)
        if os.path.getsize(path) == offset:
            return
        with open(path, "r+b") as file:
            file.seek(offset)
            data = file.read()
            at = 0
            while True:
                space = data.find(b" ", at, at + 12)
                if space < 0:
                    break
                check(data[at:space].isdigit(), "%s: no octet count at byte %d of connection %d: %r", self.output, offset + at, number, data[at : at + 40])
                end = space + 1 + int(data[at:space])
                if end > len(data):
                    break
                self.message(data[space + 1 : end])
                at = end
            self.offset[number] = offset + at
            if offset + at - self.freed.get(number, 0) > 4 << 20:
                LIBC.fallocate(file.fileno(), PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(offset + at))
                self.freed[number] = offset + at

    def message(self, data):
        match = RFC5424.match(data)
        check(match, "%s: not RFC 5424: %r", self.output, data[:300])
        identity = IDENTITY.search(match[7])
        check(identity, "%s: no identity: %r", self.output, data[:300])
        parameters = dict(PARAMETER.findall(identity.group()))
        self.ledger.show(self.output, parameters[b"log"].decode(), int(parameters[b"seq"]), (match[8] or b"").decode())
