#!/usr/bin/env python3
"""The soak: a rotated file and a TLS sender go through Lugger to a syslog receiver and to a file, for as long as asked, while everything fails that fails
in a year of operation: SIGKILL, SIGTERM and restart (also with a changed configuration), SIGHUP, a full disk under the spool, a full disk under the
archive, a full spool, receivers dead, stalled and slow, a source gone silent, new encryption keys, rotated logs on both sides. Zero lost: at the end
source, spool (by `spool export` and by the independent reader) and receivers hold the same set, repeats carry the same (log id, sequence) and the same
content, and `lugger status`, asked all the time, has told everything that was provoked, and nothing else.

    soak.py [--duration 10m] [--seed N]

A failure prints the seed and the timeline. The order of events follows from the seed, their meeting with the threads does not.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from rig import LUGGER, PATIENCE_S, SANITIZER, SOURCE, Failure, Rig, check, need_program, run

MIB = 1 << 20
UNITS = {"s": 1, "m": 60, "h": 3600}
NAMESPACE = "LUGGER_SOAK_NAMESPACE"


def duration(text):
    return float(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else float(text)


parser = argparse.ArgumentParser()
parser.add_argument("--duration", type=duration, default=600)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
arguments = parser.parse_args()

# Small disks are mounted where nobody else sees them, and go when the last process here does.
if not os.environ.get(NAMESPACE):
    for flags in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        probe = ["unshare", *flags, "--", "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"]
        if shutil.which("unshare") and subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0:
            os.environ[NAMESPACE] = "own"
            os.execvp("unshare", ["unshare", *flags, "--", sys.executable, "-B", *sys.argv[:1], "--duration", str(arguments.duration), "--seed",
                                  str(arguments.seed)])
    print("SKIP: full disks are left out: this machine lets nobody mount a tmpfs", flush=True)
    os.environ[NAMESPACE] = "none"
SMALL_DISKS = os.environ[NAMESPACE] == "own"

from oracle import APP, LOSS, NET, ArchiveReader, Ledger, SinkReader  # noqa: E402
from sources import FileSource, NetSource  # noqa: E402
from watcher import Watcher  # noqa: E402


class Soak:
    def __init__(self, rig, seed):
        self.rig, self.rng = rig, random.Random(seed)
        self.program = need_program(LUGGER, "build it first")
        self.began = time.monotonic()
        self.timeline, self.counts = [], {}
        self.failure = None
        self.deadline = self.began + arguments.duration
        self.rss_limit, self.fd_limit, self.rate_slack = 32 * MIB + 32 * MIB, 100, 4000
        if "asan" in self.program or "tsan" in self.program:
            self.rss_limit *= 12
        self.ledger = Ledger(seed, ["siem", "archive"])
        self.make_disks()
        self.make_receivers()
        self.keys = rig.path("spool.keys")
        self.key_count = 0
        self.new_key()
        self.settings = {"compression": "zstd", "keep": "0s", "sync": "always", "extra": False}
        self.net_port = rig.port()
        self.daemon = rig.lugger("lugger", self.configuration())
        self.daemon.data_dir = os.path.join(self.disk, "data")
        self.daemon.configure(rig, self.configuration())
        self.sources = rig.path("source")
        self.app = FileSource(self, self.sources, 300, seed + 1)
        self.net = NetSource(self, self.net_port, self.ca.pem, 100, seed + 2)
        self.watcher = Watcher(self)

    # ---- the world ----

    def make_disks(self):
        os.mkdir(self.rig.path("source"))
        self.disk, self.archive_disk = self.rig.path("disk"), self.rig.path("archive")
        for directory, size in ((self.disk, "24m"), (self.archive_disk, "24m")):
            os.mkdir(directory)
            if SMALL_DISKS:
                subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "none", directory], check=True)

    def make_receivers(self):
        self.ca, self.server = self.rig.ca(), self.rig.cert("server")
        self.sink = self.rig.sink("siem", cert=self.server, receive_buffer=1 << 15)
        self.siem = SinkReader(self.ledger, "siem", self.sink.store)
        self.archive = ArchiveReader(self.ledger, "archive", os.path.join(self.archive_disk, "records.json"))
        self.slow, self.rotate_now, self.rotating = threading.Event(), threading.Event(), threading.Lock()
        self.pulse = threading.Lock()
        threading.Thread(target=self.slow_down, daemon=True).start()

    def configuration(self):
        outputs = [
            {"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % self.sink.port], "resend_window": "256KiB", "write_timeout": "2s",
             "connect_timeout": "2s", "idle_close": "2s", "tls": {"ca_file": self.ca.pem}},
            {"name": "archive", "type": "file", "path": self.archive.path},
        ]
        if self.settings["extra"]:
            outputs.append({"name": "extra", "type": "file", "path": self.rig.path("extra.json"), "where": 'message like "net *"'})
        return {
            "memory": "32MiB",
            "spool": {"segment_size": "1MiB", "max_size": "6MiB", "encryption_key_file": self.keys,
                      **{name: self.settings[name] for name in ("compression", "keep", "sync")}},
            "inputs": [
                {"name": "app", "type": "file", "path": [os.path.join(self.rig.path("source"), "app.log*")], "rotate_wait": "1s"},
                {"name": "net", "type": "listen", "address": "127.0.0.1:%d" % self.net_port, "expect_every": "2s",
                 "tls": {"cert_file": self.server.pem, "key_file": self.server.key}},
            ],
            "outputs": outputs,
        }

    def slow_down(self):
        """A slow receiver: it gets a twentieth of the time."""
        while True:
            self.slow.wait()
            with self.pulse:
                if self.slow.is_set() and self.sink.running():
                    self.sink.send(signal.SIGSTOP)
                    time.sleep(0.19)
                    self.sink.send(signal.SIGCONT)
            time.sleep(0.01)

    def full_speed(self):
        """The receiver is nobody else's from here on."""
        self.slow.clear()
        with self.pulse:
            pass

    def new_key(self):
        code, line, errors = run(self.program, "spool", "keygen", *(["--key-file", self.keys] if self.key_count else []))
        check(code == 0, "keygen: %s", errors)
        with open(os.open(self.keys, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(line)
        self.key_count += 1

    def read_outputs(self):
        self.siem.read()
        self.archive.read()

    # ---- bookkeeping ----

    def say(self, text, count=None):
        self.timeline.append("%8.2f  %s" % (time.monotonic() - self.began, text))
        if count:
            self.counts[count] = self.counts.get(count, 0) + 1

    def fail(self, error):
        if not self.failure:
            self.failure = error

    def until(self, what, condition, seconds=PATIENCE_S):
        def met():
            if self.failure:
                raise self.failure
            return condition()

        self.rig.until(what, met, seconds, step=0.05)

    def wait(self, low, high):
        end = time.monotonic() + self.rng.uniform(low, high)
        self.until("time passes", lambda: time.monotonic() >= end, seconds=high + PATIENCE_S)

    def time_left(self):
        return self.deadline - time.monotonic()

    # ---- the daemon ----

    def start(self):
        self.watcher.changing()
        self.daemon.start()
        self.watcher.change(self.daemon.pid)

    def kill(self, text="SIGKILL"):
        self.say(text, "SIGKILLs")
        self.watcher.changing()
        check(self.daemon.running(), "it ended by itself:\n%s", self.daemon.log()[-3000:])
        self.daemon.kill()
        self.watcher.change(None)

    def stop(self):
        self.say("SIGTERM", "SIGTERMs")
        self.watcher.changing()
        status = self.daemon.stop(30)
        self.watcher.change(None)
        check(status == 0, "SIGTERM: it ended with %d:\n%s", status, self.daemon.log()[-3000:])

    def restart(self, how):
        how()
        if self.rng.random() < 0.3:
            self.wait(0, 0.8)
        self.start()
        self.watcher.until_running()

    # ---- events: each leaves the world as it may stay, conditions are healed by `heal` ----

    def event_kill(self):
        self.restart(self.kill)

    def event_kill_early(self):
        """Killed once more before it has well begun."""
        self.kill()
        self.start()
        self.wait(0, 0.15)
        self.restart(self.kill)

    def event_restart(self):
        self.restart(self.stop)

    def event_configure(self):
        """Another configuration: read by SIGHUP where that changes nothing, in use after a restart."""
        name = self.rng.choice(["compression", "keep", "sync"])
        self.settings[name] = self.rng.choice({"compression": ["zstd", "none"], "keep": ["0s", "1s"], "sync": ["always", "interval"]}[name])
        self.say("configuration: %s: %s" % (name, self.settings[name]), "configurations")
        self.daemon.configure(self.rig, self.configuration())
        self.hang_up()
        self.wait(0, 0.3)
        self.restart(self.rng.choice([self.kill, self.stop]))

    def event_orphan(self):
        """An output comes, and goes: its cursor stays, status says so, until it is forgotten."""
        self.say("output extra comes", "orphans")
        self.settings["extra"] = True
        self.daemon.configure(self.rig, self.configuration())
        self.restart(self.stop)
        self.wait(0.2, 1)
        self.say("output extra goes")
        self.settings["extra"] = False
        self.daemon.configure(self.rig, self.configuration())
        self.restart(self.rng.choice([self.kill, self.stop]))
        self.watcher.provoke("extra removed")
        self.watcher.until_told("extra removed")
        self.stop()
        self.watcher.ends("extra removed")
        code, _, errors = self.daemon.command("output", "forget", "extra")
        check(code == 0, "output forget: %s", errors)
        self.start()
        self.watcher.until_running()

    def event_new_key(self):
        self.say("a new key", "keys")
        self.new_key()
        if self.rng.random() < 0.5:
            self.hang_up()

    def event_rotate_archive(self):
        self.rotate_now.set()

    def rotate_archive(self):
        """What logrotate does, on a thread of its own: rename, SIGHUP, wait until the writer has let go, remove."""
        try:
            while not self.watcher.ended.is_set():
                self.rotate_now.wait(0.2)
                if (not self.rotate_now.is_set() and self.archive.size() < 3 * MIB) or not self.archive.size():
                    continue
                self.rotate_now.clear()
                with self.rotating:
                    self.archive.begin_rotation()
                    self.hang_up()
                    self.rig.until("the old archive is let go", self.let_go, step=0.05)
                    self.archive.end_rotation()
                self.say("the archive was rotated", "rotations")
        except Exception as error:
            self.fail(error)

    def let_go(self):
        held = self.held_open(self.archive.path + ".1")
        if held:
            self.hang_up()  # the first one may have come too early, before it opened the file
        return not held

    def hang_up(self):
        try:
            if self.watcher.was_running:
                self.daemon.send(signal.SIGHUP)
        except (AttributeError, ProcessLookupError):
            pass  # it is down, or not yet up: it will open the new one

    def held_open(self, path):
        try:
            directory = "/proc/%d/fd" % self.daemon.pid
            return any(os.path.realpath(os.path.join(directory, name)) == os.path.realpath(path) for name in os.listdir(directory))
        except (AttributeError, FileNotFoundError):
            return False

    def event_inspect(self):
        """While it is down: the spool by two readers, against what the receivers have."""
        self.kill() if self.rng.random() < 0.5 else self.stop()
        self.compare_spool()
        self.start()
        self.watcher.until_running()

    # ---- conditions: provoke, until told, heal ----

    def provoke_siem_stopped(self):
        self.full_speed()
        self.sink.send(signal.SIGSTOP)
        self.app.burst = 10

    def heal_siem_stopped(self):
        self.sink.send(signal.SIGCONT)
        self.app.burst = 1

    def provoke_siem_dead(self):
        self.full_speed()
        self.rng.choice([self.sink.kill, self.sink.stop])()

    def heal_siem_dead(self):
        self.sink.start()

    def ballast(self, directory):
        """All that is free."""
        self.say("ballast in %s" % os.path.basename(directory), "full disks")
        with open(os.path.join(directory, "ballast"), "ab", buffering=0) as out:
            try:
                while True:
                    out.write(bytes(65536))
            except OSError:
                pass

    def provoke_archive_full(self):
        self.rotating.acquire()
        self.ballast(self.archive_disk)

    def heal_archive_full(self):
        os.unlink(os.path.join(self.archive_disk, "ballast"))
        self.rotating.release()

    def provoke_disk_full(self):
        """With a receiver that takes nothing: while segments come free, the spool goes on in them."""
        self.full_speed()
        if self.sink.running():
            self.sink.send(signal.SIGSTOP)
        self.ballast(self.disk)
        self.app.burst = 20

    def heal_disk_full(self):
        os.unlink(os.path.join(self.disk, "ballast"))
        self.app.burst = 1
        if self.sink.running():
            self.sink.send(signal.SIGCONT)

    def provoke_quota_full(self):
        self.provoke_siem_dead()
        self.app.burst = 60

    def heal_quota_full(self):
        self.app.burst = 1
        self.heal_siem_dead()

    def provoke_net_silent(self):
        self.net.paused.set()

    def heal_net_silent(self):
        self.net.paused.clear()

    def hold(self, condition):
        """One condition, from its cause to its end; others and restarts may come in between."""
        name = condition.replace(" ", "_")
        self.say("provoke: " + condition, condition)
        getattr(self, "provoke_" + name)()
        self.watcher.provoke(condition)
        if self.rng.random() < 0.6:
            self.restart(self.rng.choice([self.kill, self.kill, self.stop]))
        self.watcher.until_told(condition)
        self.say("told: " + condition)
        for _ in range(self.rng.choice([0, 0, 1, 2])):
            self.rng.choice([self.event_kill, self.event_restart, self.event_new_key, self.event_kill_early, self.event_configure])()
        self.watcher.ends(condition)
        getattr(self, "heal_" + name)()
        self.say("heal: " + condition)

    def pair(self, first, second):
        """Two at once: the second within the first."""
        name = first.replace(" ", "_")
        self.say("provoke: " + first, first)
        getattr(self, "provoke_" + name)()
        self.hold(second)
        getattr(self, "heal_" + name)()
        self.say("heal: " + first)

    def event_slow(self):
        self.say("the receiver is slow from now on, or no more", "slow")
        self.full_speed() if self.slow.is_set() else self.slow.set()

    def event_calm(self):
        self.full_speed()
        self.watcher.until_calm(1)
        self.say("calm", "calms")

    # ---- the end ----

    def compare_spool(self):
        """The records that the independent reader finds, those of `spool export`, and what outputs showed by the same sequences."""
        self.say("the spool is compared", "comparisons")
        done = subprocess.run([sys.executable, "-B", os.path.join(SOURCE, "tests/support/spool_reader.py"), "--keys", self.keys, self.daemon.data_dir],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(done.returncode == 0, "the independent reader: %s", done.stderr.decode())
        reader = {}
        for line in done.stdout.decode().splitlines():
            log_id, seq, name, _, _, _, _, body, _ = line.split(" ")
            check(int(seq) not in reader, "sequence %s is in the spool twice", seq)
            reader[int(seq)] = (log_id, bytes.fromhex(body).decode(), name)
        export = self.rig.path("export.json")
        code, _, errors = self.daemon.command("spool", "export", "-o", export)
        check(code == 0, "spool export: exit %d, %s", code, errors)
        exported = {}
        with open(export, encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                exported[record["event.sequence"]] = (record["lugger.log_id"], record["message"], record["lugger.input"])
        os.unlink(export)
        check(exported == reader, "spool export and the independent reader differ: %r", list(set(exported.items()) ^ set(reader.items()))[:3])
        self.read_outputs()
        with self.ledger.lock:
            for seq in sorted(reader):
                self.ledger.know("spool", reader[seq][0], seq, reader[seq][1], reader[seq][2])
            first = min(reader, default=None)
            for output in self.ledger.low if reader else ():
                low = self.ledger.low[output]
                check(low >= first, "output %s lacks %d, and the spool begins at %d", output, low, first)
                holes = [seq for seq in range(low, max(reader)) if seq not in reader and not self.ledger.shown[output][seq]]
                check(not holes, "output %s lacks %d records that the spool has not either: %r", output, len(holes), holes[:5])
            self.no_hole(APP)
        return len(reader)

    def no_hole(self, source):
        """A file's records are in the log without a hole, whatever happened."""
        missing = self.ledger.missing(source)
        top = self.ledger.written[source]
        while missing and missing[-1] == top - 1:  # what was not read yet
            top -= 1
            missing.pop()
        check(not missing or self.app.rotations, "%d records of the file are not in the log, though later ones are: %r", len(missing), missing[:5])

    def finish(self):
        self.event_calm()
        self.say("the sources end")
        self.watcher.provoke("net silent")
        for source in (self.app, self.net):
            source.ended.set()
        for source in (self.app, self.net):
            self.until("source %s has ended" % source.name, lambda: not source.is_alive(), 150)
        self.until("all of the file is in the log", self.all_there, 120)

    def all_there(self):
        self.read_outputs()
        status = self.watcher.last
        return (status and status["running"] and not any(output["lag_records"] for output in status["outputs"])
                and not self.ledger.missing(APP) and min(self.ledger.low.values()) > max(self.ledger.top.values())
                and status["spool"]["next_seq"] == min(self.ledger.low.values()))

    def verdict(self):
        ledger = self.ledger
        for source in (APP, NET):
            missing = ledger.missing(source)
            check(not missing, "%d of %d records are lost: %r", len(missing), ledger.written[source], missing[:10])
        check(not [loss for loss in ledger.losses if "input net: the service stopped while the spool was full" not in loss], "losses: %r", ledger.losses[:5])
        left = self.compare_spool()
        code, out, errors = self.daemon.command("spool", "verify")
        check(code == 0, "spool verify: %d\n%s%s", code, out, errors)
        doubled = sum(max(0, ledger.copies[NET][n] - 1) for n in range(ledger.written[NET]))
        peak = "peak RSS %.1f MiB, %d descriptors" % (self.watcher.rss_peak / MIB, self.watcher.fd_peak)
        print("%d records of the file and %d of the socket, 0 lost; %d sequences in %d logs; repeats: %d to siem, %d to archive; %d sent again by the "
              "sender after %d breaks, %d closes proved; %d left in the spool" % (
                  ledger.written[APP], ledger.written[NET], max(ledger.top.values()), len(ledger.log_ids), ledger.repeats["siem"],
                  ledger.repeats["archive"], doubled, self.net.breaks, self.net.proofs, left))
        print("%s; %d source rotations, %d keys; status asked %d times (%d down, %d alarms), %s" % (
            ", ".join("%d %s" % (count, name) for name, count in sorted(self.counts.items())), self.app.rotations, self.key_count,
            self.watcher.answers, self.watcher.down_answers, self.watcher.alarms, peak))
        if ledger.losses or ledger.torn:
            print("%d stated losses of the socket (sent again), %d records cut off by a stop" % (len(ledger.losses), ledger.torn))

    # ---- the days ----

    def program_of_day(self):
        """What has to come at least once comes first, shuffled; then by chance."""
        conditions = ["siem stopped", "siem dead", "quota full", "net silent"] + (["disk full", "archive full"] if SMALL_DISKS else [])
        events = [self.event_kill, self.event_kill_early, self.event_restart, self.event_configure, self.event_orphan, self.event_new_key,
                  self.event_rotate_archive, self.event_inspect, self.event_slow, self.event_calm]
        first = [lambda c=c: self.hold(c) for c in conditions] + events
        self.rng.shuffle(first)
        yield from first
        weights = [8, 4, 4, 3, 1, 3, 3, 2, 2, 3]
        while True:
            if self.rng.random() < 0.6:
                yield self.rng.choices(events, weights)[0]
            elif self.rng.random() < 0.7:
                condition = self.rng.choice(conditions)
                yield lambda: self.hold(condition)
            else:
                second = self.rng.choice(["net silent"] + (["archive full"] if SMALL_DISKS else []))
                one = self.rng.choice(["siem stopped", "siem dead", "quota full"] + (["disk full"] if SMALL_DISKS else []))
                yield lambda: self.pair(one, second)

    def go(self):
        self.app.start()
        self.net.start()
        self.start()
        self.watcher.start()
        threading.Thread(target=self.rotate_archive, daemon=True).start()
        self.watcher.until_running()
        for event in self.program_of_day():
            if self.time_left() <= 0:
                break
            event()
            self.wait(0, 1)
        self.finish()
        self.watcher.until_told("net silent")
        self.watcher.ended.set()
        self.watcher.join()
        if self.failure:
            raise self.failure
        self.stop()
        self.verdict()


print("%s: %.0f s, seed %d" % (os.path.relpath(LUGGER), arguments.duration, arguments.seed), flush=True)
with Rig() as rig:
    soak = Soak(rig, arguments.seed)
    try:
        soak.go()
    except BaseException as error:
        print("FAILED with --seed %d: %s\nthe timeline, in seconds:\n%s\nthe last status: %s" % (
            arguments.seed, error, "\n".join(soak.timeline[-200:]), json.dumps(soak.watcher.last)), flush=True)
        raise
