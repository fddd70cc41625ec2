#!/usr/bin/env python3
"""logrotate itself, in all its ways, over files whose writers never pause, while the shipper is killed again and again: with `create`, `compress`,
`delaycompress`, `dateext`, zstd, and with `copytruncate`. Every line that the source still held arrives, none under two identities.

copytruncate has a hole of its own: what is written between copy and truncation is in neither. There the lines that the copies and the file hold at
the end must all have arrived, and nothing that was not written.

    logrotate.py [--seconds S] [--kills N]
"""

import argparse
import collections
import glob
import gzip
import multiprocessing
import os
import random
import signal
import subprocess
import time

from rig import Rig, by_identity, check, need_program

options = argparse.ArgumentParser()
options.add_argument("--seconds", type=float, default=12)
options.add_argument("--kills", type=int, default=3)
options.add_argument("--seed", type=int, default=11)
options = options.parse_args()

COMMON = "rotate 100000\nmissingok\nnotifempty\n"
ZSTD = "compress\ncompresscmd /usr/bin/zstd\ncompressoptions -q -1\nuncompresscmd /usr/bin/unzstd\ncompressext .zst\n"
DATE = "dateext\ndateformat -%Y%m%d-%s\n"
# name: (logrotate's words, what the input looks at)
WAYS = {
    "create": ("create\n", "app.log*"),
    "create-live": ("create\n", "app.log"),
    "compress": ("create\ncompress\n", "app.log*"),
    "compress-live": ("create\ncompress\n", "app.log"),
    "delaycompress": ("create\ncompress\ndelaycompress\n", "app.log*"),
    "dateext": (DATE + "create\ncompress\ndelaycompress\n", "app.log*"),
    "zstd": (DATE + "create\n" + ZSTD, "app.log*"),
    "copytruncate": ("copytruncate\n", "app.log*"),
    "copytruncate-live": ("copytruncate\n", "app.log"),
    "copytruncate-delayed": (DATE + "copytruncate\ncompress\ndelaycompress\n", "app.log*"),
}


def write_lines(path, reopens, go_on, written, reopened, seed):
    """A daemon: appends lines in pieces, never pauses for anybody, opens its file anew at SIGHUP."""
    rng = random.Random(seed)
    wanted = [False]
    signal.signal(signal.SIGHUP, lambda *_: wanted.__setitem__(0, True))
    out, number = open(path, "ab", buffering=0), 0
    while go_on.value:
        line = b"%s %07d %s\n" % (os.path.basename(os.path.dirname(path)).encode(), number, b"." * rng.randrange(60, 400))
        border = rng.randrange(len(line))
        out.write(line[:border])
        out.write(line[border:])
        number += 1
        written.value = number
        if wanted[0]:
            wanted[0] = False
            if reopens:
                out.close()
                out = open(path, "ab", buffering=0)
            reopened.value += 1
        time.sleep(0.004)  # the rate of the source
    out.close()


def held_lines(directory):
    """What is there: the file and all that was made of it."""
    lines = collections.Counter()
    for path in glob.glob(directory + "/app.log*"):
        if path.endswith(".gz"):
            data = gzip.open(path).read()
        elif path.endswith(".zst"):
            data = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
        else:
            data = open(path, "rb").read()
        lines.update(data.splitlines())
    return lines


class Source:
    def __init__(self, rig, name, seed):
        self.name = name
        self.directory = rig.path(name)
        self.path = self.directory + "/app.log"
        words, self.glob = WAYS[name]
        os.mkdir(self.directory)
        self.go_on = multiprocessing.Value("b", 1)
        self.written = multiprocessing.Value("L", 0)
        self.reopened = multiprocessing.Value("L", 0)
        self.writer = multiprocessing.Process(target=write_lines, daemon=True,
                                              args=(self.path, "create" in words.split(), self.go_on, self.written, self.reopened, seed))
        self.writer.start()
        self.wait = self.directory + ".wait"
        # As a service's postrotate does: the old file is compressed when nobody writes to it any more.
        script = "postrotate\nkill -HUP %d; while [ -e %s ]; do sleep 0.01; done\nendscript\n" % (self.writer.pid, self.wait)
        self.config = rig.write(name + ".conf", "%s {\n%s%s%s}\n" % (self.path, COMMON, words, script))
        self.state = rig.path(name + ".state")
        self.running, self.next, self.ended = None, 0, 0

    def rotate(self):
        """Begins a rotation, unless one is running."""
        if (self.running and self.running.poll() is None) or time.time() < self.next or not self.was_seen():
            return
        self.next = time.time() + 2.5 if "dateext" in WAYS[self.name][0] else 0  # its names have seconds
        check(not self.running or self.running.returncode == 0, "logrotate of %s ended with %s", self.name, self.running and self.running.returncode)
        open(self.wait, "w").close()
        self.seen = self.reopened.value
        self.running = subprocess.Popen([LOGROTATE, "-f", "-s", self.state, self.config], stdin=subprocess.DEVNULL)

    def was_seen(self):
        """An input that matches the live name alone cannot know of a file that came and went while the shipper was away: one rotation at a time."""
        return "-live" not in self.name or time.monotonic() > max(self.ended, shipper_started) + 2

    def let_go(self):
        if os.path.exists(self.wait) and self.reopened.value != self.seen:
            os.unlink(self.wait)
        if self.running and self.running.poll() is None:
            self.ended = time.monotonic()


LOGROTATE = need_program("/usr/sbin/logrotate", "apt-get install logrotate")
need_program("/usr/bin/zstd", "apt-get install zstd")
rng = random.Random(options.seed)
shipper_started = 0

with Rig() as rig:
    sources = [Source(rig, name, number) for number, name in enumerate(WAYS)]
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server)
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": source.name, "type": "file", "path": [source.directory + "/" + source.glob], "poll_interval": "100ms",
                    "rotate_wait": "2s", "watch": "poll" if number % 3 == 2 else "auto"} for number, source in enumerate(sources)],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "tls": {"ca_file": ca.pem}}],
    })
    shipper.start()
    started, kills, rotations = time.monotonic(), 0, 0
    shipper_started = started
    while time.monotonic() - started < options.seconds:
        for source in sources:
            source.let_go()
            if rng.random() < 0.02:
                source.rotate()
                rotations += 1
        if kills < options.kills and time.monotonic() - started > options.seconds * (kills + 1) / (options.kills + 2):
            shipper.kill()
            kills += 1
            shipper_started = -2  # away: whoever was seen may be rotated once
            for _ in range(rng.randrange(40)):  # it stays away for some rotations
                for source in sources:
                    source.let_go()
                    if rng.random() < 0.05:
                        source.rotate()
                time.sleep(0.01)
            shipper.start()
            shipper_started = time.monotonic()
        time.sleep(0.01)
    for source in sources:
        rig.until("%s: the last rotation is over" % source.name,
                  lambda: source.let_go() or not source.running or source.running.poll() is not None)
        source.go_on.value = 0
        source.writer.join()
    held = {source.name: held_lines(source.directory) for source in sources}
    wanted = set(line for lines in held.values() for line in lines)

    def arrived():
        return by_identity(sink.messages(), lambda message: message.body)

    try:
        rig.until("all that is held has arrived", lambda: wanted <= set(arrived().values()), seconds=30)
    except Exception:
        pass  # said below, with the lines
    bodies = collections.Counter(arrived().values())
    check(shipper.stop() == 0, "the shipper did not end in order")
    for source in sources:
        prefix = source.name.encode() + b" "
        got = collections.Counter({line: count for line, count in bodies.items() if line.startswith(prefix)})
        lost = [line for line in held[source.name] if line not in got]
        twice = [line for line, count in got.items() if count > 1]
        unknown = [line for line in got if int(line.split()[1]) >= source.written.value]
        copies = len(glob.glob(source.directory + "/app.log?*"))
        print("%-22s %6d lines written, %6d held at the end, %6d arrived, %3d rotated files" % (
            source.name, source.written.value, len(held[source.name]), len(got), copies))
        check(not lost, "%s: %d lines that are there did not arrive, the first %s", source.name, len(lost), sorted(lost)[:3])
        check(not twice, "%s: %d lines arrived under two identities, the first %s", source.name, len(twice), sorted(twice)[:3])
        check(not unknown, "%s: lines arrived that nobody wrote: %s", source.name, unknown[:3])
        if "copytruncate" not in source.name:
            check(len(got) == source.written.value, "%s: %d of %d written lines arrived", source.name, len(got), source.written.value)
    print("%d rotations asked for, %d kills" % (rotations, kills))
