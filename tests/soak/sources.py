"""The soak's sources: a file that is rotated by rename while its writer goes on in the old one, and a syslog sender over TLS that does what a careful
sender does: after a break it sends again what it has no proof of, and an orderly close that Lugger answers is proof.
"""

import glob
import os
import random
import socket
import ssl
import threading
import time

from oracle import APP, NET


class Source(threading.Thread):
    """Writes `rate` records a second, bursts on demand, pauses, ends; failures are the soak's."""

    def __init__(self, soak, name, rate, seed):
        super().__init__(name=name, daemon=True)
        self.soak, self.ledger, self.rate = soak, soak.ledger, rate
        self.rng = random.Random(seed)
        self.paused, self.ended = threading.Event(), threading.Event()
        self.burst = 1
        self.debt, self.last = 0.0, time.monotonic()

    def due(self):
        now = time.monotonic()
        self.debt = min(self.debt + (now - self.last) * self.rate * self.burst, self.rate * self.burst)
        self.last = now
        count, self.debt = int(self.debt), self.debt % 1
        return 0 if self.paused.is_set() else count

    def run(self):
        try:
            while not self.ended.is_set():
                self.turn(self.due())
                self.ended.wait(0.02)
            self.finish()
        except Exception as error:
            self.soak.fail(error)

    def finish(self):
        pass


class FileSource(Source):
    def __init__(self, soak, directory, rate, seed):
        super().__init__(soak, "app", rate, seed)
        self.path = os.path.join(directory, "app.log")
        self.out = open(self.path, "ab", buffering=0)
        self.kept = b""
        self.old = []  # rotated: (path, first number that is not in it)
        self.rotations = 0
        self.next_rotation = time.monotonic() + 3

    def turn(self, count):
        with self.ledger.lock:
            first = self.ledger.written[APP]
            self.ledger.written[APP] = first + count
        self.kept += b"".join(self.ledger.texts.text(APP, n).encode() + b"\n" for n in range(first, first + count))
        cut = self.rng.randrange(len(self.kept) + 1) if self.rng.random() < 0.5 else len(self.kept)
        self.write(cut)
        if time.monotonic() >= self.next_rotation:
            self.rotate()

    def write(self, size):
        self.out.write(self.kept[:size])
        self.kept = self.kept[size:]

    def rotate(self):
        """The writer's descriptor stays with the old file for a while, as logrotate's `delaycompress` is made for."""
        old = "%s.%06d" % (self.path, self.rotations)
        os.rename(self.path, old)
        self.write(len(self.kept))
        self.out.close()
        self.out = open(self.path, "ab", buffering=0)
        self.rotations += 1
        self.old.append((old, self.ledger.written[APP]))
        self.next_rotation = time.monotonic() + self.rng.uniform(2, 15)
        self.remove_old()

    def remove_old(self):
        """What is in the log may go."""
        while len(self.old) > 2:
            path, end = self.old[0]
            with self.ledger.lock:
                if not all(self.ledger.copies[APP][n] for n in range(max(0, end - 200000), end)):
                    return
            os.unlink(path)
            self.old.pop(0)

    def finish(self):
        self.write(len(self.kept))
        self.out.close()


class NetSource(Source):
    def __init__(self, soak, port, ca, rate, seed):
        super().__init__(soak, "net", rate, seed)
        self.port = port
        self.context = ssl.create_default_context(cafile=ca)
        self.sock = None
        self.queue = []  # to be sent
        self.open = {}  # sent and not proved, in order
        self.breaks = self.proofs = 0
        self.next_close = time.monotonic() + 4

    def connect(self):
        try:
            sock = socket.create_connection(("127.0.0.1", self.port), timeout=3)
            self.sock = self.context.wrap_socket(sock, server_hostname="localhost")
            self.sock.settimeout(1)
        except OSError:
            self.sock = None

    def broke(self):
        if self.sock:
            self.sock.close()
        self.sock = None
        self.breaks += 1
        self.soak.read_outputs()
        again = [n for n in self.open if not self.ledger.seen(NET, n)]
        self.open.clear()
        self.queue = again + self.queue

    def close_in_order(self):
        """Lugger answers the end of a stream when all of it is on stable storage: then nothing of it is ever sent again."""
        try:
            self.sock.settimeout(2)
            self.sock.unwrap()
            self.proofs += 1
            self.sock.close()
            self.sock = None
            self.open.clear()
        except (OSError, ValueError):
            self.broke()

    def turn(self, count):
        with self.ledger.lock:
            first = self.ledger.written[NET]
            self.ledger.written[NET] = first + count
        self.queue += range(first, first + count)
        if not self.queue or self.paused.is_set():
            return
        if not self.sock:
            self.connect()
        if self.sock:
            self.send()
        if self.sock and time.monotonic() >= self.next_close:
            self.next_close = time.monotonic() + self.rng.uniform(2, 12)
            self.close_in_order()
        for number in list(self.open)[:1000]:
            if not self.ledger.seen(NET, number):
                break
            del self.open[number]

    def send(self):
        batch, self.queue = self.queue[:500], self.queue[500:]
        data = b""
        for number in batch:
            message = b"<14>1 2026-07-04T12:15:00Z host netgen - - - " + self.ledger.texts.text(NET, number).encode()
            data += b"%d %s" % (len(message), message)
            with self.ledger.lock:
                self.ledger.sent[NET][number] = self.ledger.sent[NET][number] + 1
            self.open[number] = True
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
            except TimeoutError:
                if self.ended.is_set() or self.paused.is_set():
                    continue
            except OSError:
                self.broke()
                return

    def finish(self):
        """Until everything is proved."""
        deadline = time.monotonic() + 120
        while (self.queue or self.open) and time.monotonic() < deadline:
            if not self.sock:
                self.connect()
            if self.sock and self.queue:
                self.send()
            elif self.sock:
                self.close_in_order()
            else:
                time.sleep(0.1)
        if self.queue or self.open:
            raise AssertionError("net: %d records could not be sent within 120 s" % (len(self.queue) + len(self.open)))
