"""Asks `lugger status --json` all the time, the daemon up or down, and holds every answer against what is known to be true.

What the soak provokes it names here (`provoke`), and each such condition must be told by status within TOLD_S; `ends` takes it back. When no condition
holds, status must say so (exit code 0) within the same time, and keep saying so.
"""

import json
import os
import subprocess
import threading
import time

from rig import PATIENCE_S, SANITIZER, Failure, check

TOLD_S = PATIENCE_S
UNREAD_RECORDS = 3000  # a sink's kernel holds at most so many that TCP has acknowledged and nobody has read


def output_of(status, name):
    return next((output for output in status["outputs"] if output["name"] == name), None)


def input_of(status, name):
    return next(source for source in status["inputs"] if source["name"] == name)


def state_is(output, *states):
    def told(status):
        found = output_of(status, output)
        return found and found["state"] in states and not found["healthy"] and (found["last_error"] or found["state"] == "orphaned")

    return told


def archive_is_full(status):
    """Or the spool is full before it, so that nothing reaches the archive which could find its disk full; status tells that instead."""
    return state_is("archive", "disk-full")(status) or (status["spool"]["full"] and output_of(status, "archive")["lag_records"] == 0)


# What status must say while a condition holds.
TELLS = {
    "siem stopped": state_is("siem", "stalled", "timeout"),
    "siem dead": state_is("siem", "refused", "reset", "closed"),
    "archive full": archive_is_full,
    "extra removed": state_is("extra", "orphaned"),
    "disk full": lambda status: status["spool"]["error"] or status["spool"]["full"],
    "quota full": lambda status: status["spool"]["full"] and status["spool"]["held_by"] and input_of(status, "app")["state"] == "full",
    "net silent": lambda status: input_of(status, "net")["state"] == "silent",
}


class Watcher(threading.Thread):
    def __init__(self, soak):
        super().__init__(name="watcher", daemon=True)
        self.soak, self.ended = soak, threading.Event()
        self.epoch = 0  # of the daemon; odd: it is being started or ended
        self.pid = None  # None: it is down
        self.conditions = {}  # name: told at (None: not yet)
        self.calm_at = None  # since when every answer was 0, with nothing provoked
        self.log_ids, self.spool_id, self.log_id = set(), None, None
        self.cursors, self.was_running, self.next_seq = {}, False, 0
        self.history = []  # (when, next_seq)
        self.answers = self.down_answers = self.alarms = 0
        self.last = None
        self.rss_peak = self.fd_peak = 0

    def run(self):
        try:
            while not self.ended.wait(0.15):
                self.turn()
        except Exception as error:
            self.soak.fail(error)

    # ---- what the soak says ----

    def change(self, pid):
        """Brackets every start and end: changing() before, change(pid or None) after."""
        self.pid, self.was_running, self.history = pid, False, []
        self.cursors = {}
        self.calm_at = None
        self.epoch += 1

    def changing(self):
        self.epoch += 1
        self.calm_at = None

    def provoke(self, condition):
        self.conditions[condition] = None
        self.calm_at = None
        self.epoch += 2

    def ends(self, condition):
        self.conditions.pop(condition, None)
        self.calm_at = None
        self.epoch += 2

    def until_told(self, condition):
        """Status says what holds: at most TOLD_S after the first chance."""
        self.soak.until("status tells: %s" % condition, lambda: self.conditions.get(condition) is not None, TOLD_S)

    def until_running(self):
        def runs():
            check(self.soak.daemon.running(), "it ended by itself with %r:\n%s", self.soak.daemon.child.returncode, self.soak.daemon.log()[-3000:])
            return self.was_running

        self.soak.until("status says that it runs", runs, TOLD_S)

    def until_calm(self, seconds):
        """Nothing is provoked: exit code 0, for so long."""
        check(not self.conditions and self.pid, "the soak is not calm itself: %r", self.conditions)
        self.soak.until("status says that all is well", lambda: self.calm_at and time.monotonic() - self.calm_at >= seconds, TOLD_S)

    # ---- one answer ----

    def ask(self):
        done = subprocess.run([self.soak.program, "status", "-c", self.soak.daemon.config_path, "--json"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE_S)
        check(not SANITIZER.search(done.stderr), "status: %s", done.stderr.decode())
        return done.returncode, done.stdout, done.stderr.decode()

    def turn(self):
        epoch, pid = self.epoch, self.pid
        code, out, errors = self.ask()
        if epoch != self.epoch or epoch % 2:
            return  # it changed meanwhile: either answer may be right
        if pid:
            self.resources(pid)
        if code == 1 and not out and "no spool" in errors:
            return
        check(code in (0, 1) and out, "status --json: exit %d, %s", code, errors)
        status = json.loads(out)
        self.answers += 1
        self.last = status
        self.judge(status, code, pid, epoch)

    def resources(self, pid):
        try:
            with open("/proc/%d/status" % pid) as text:
                rss = next(int(line.split()[1]) for line in text if line.startswith("VmRSS:")) * 1024
            fds = len(os.listdir("/proc/%d/fd" % pid))
        except (FileNotFoundError, StopIteration, ProcessLookupError):
            return
        self.rss_peak, self.fd_peak = max(self.rss_peak, rss), max(self.fd_peak, fds)
        check(rss <= self.soak.rss_limit, "RSS %.1f MiB, the limit is %.1f", rss / 2**20, self.soak.rss_limit / 2**20)
        check(fds <= self.soak.fd_limit, "%d open descriptors, the limit is %d", fds, self.soak.fd_limit)

    def judge(self, status, code, pid, epoch):
        check(code == int(status["needs_person"]), "exit code %d with needs_person %r", code, status["needs_person"])
        check(bool(status["attention"]) == status["needs_person"], "needs_person %r, and attention %r", status["needs_person"], status["attention"])
        self.spool_id = self.spool_id or status["spool_id"]
        check(status["spool_id"] == self.spool_id, "the spool's id changed from %s to %s", self.spool_id, status["spool_id"])
        if pid and status["running"]:
            if not self.was_running:
                check(status["log_id"] not in self.log_ids, "log id %s was used before", status["log_id"])
                self.log_ids.add(status["log_id"])
                self.log_id = status["log_id"]
            check(status["pid"] == pid, "pid %r, and it is %d", status["pid"], pid)
            check(status["log_id"] == self.log_id, "the log's id changed under way")
            self.was_running = True
        elif pid:
            check(not self.was_running, "process %d runs, and status says that it does not", pid)
            return
        else:
            self.down_answers += 1
            check(not status["running"] and code == 1, "it is down, and status says running %r, exit %d", status["running"], code)
        self.numbers(status)
        if status["running"]:
            self.told(status, code, epoch)

    def numbers(self, status):
        spool, ledger = status["spool"], self.soak.ledger
        check(spool["first_seq"] <= spool["next_seq"], "sequences %r", spool)
        check(spool["next_seq"] > max(ledger.top.values()) or not status["running"] or spool["next_seq"] >= self.next_seq,
              "next_seq %d, and it was %d", spool["next_seq"], self.next_seq)
        self.next_seq = max(self.next_seq, spool["next_seq"])
        self.history.append((time.monotonic(), spool["next_seq"]))
        check(spool["oldest_seconds"] >= 0 and spool["bytes"] <= spool["quota_bytes"], "spool %r", spool)
        self.soak.read_outputs()  # what an output calls settled must be there by now
        for output in status["outputs"]:
            name, cursor = output["name"], output["cursor"]
            check(cursor >= self.cursors.get(name, 0), "output %s: cursor %d, and it was %d", name, cursor, self.cursors.get(name, 0))
            self.cursors[name] = cursor
            check(cursor <= spool["next_seq"], "output %s: cursor %d beyond the end %d", name, cursor, spool["next_seq"])
            if name not in ledger.low:
                continue
            low = ledger.low[name]
            check(cursor <= low, "output %s: the cursor says that all below %d is settled, and %d never came", name, cursor, low)
            # An output's numbers are some 250 ms older than the spool's in the same answer.
            check(output["lag_records"] <= max(self.next_seq - cursor, 0) + self.soak.rate_slack, "output %s: lag %d with cursor %d of %d", name,
                  output["lag_records"], cursor, spool["next_seq"])
            lacks = self.next_seq_before(1.5) - 1 - ledger.top[name]
            check(output["lag_records"] + UNREAD_RECORDS >= lacks, "output %s: lag %d, and %d of %d never came", name, output["lag_records"], lacks,
                  spool["next_seq"])

    def next_seq_before(self, seconds):
        """As it was so long ago, in this life of the daemon."""
        while len(self.history) > 1 and time.monotonic() - self.history[1][0] >= seconds:
            self.history.pop(0)
        return self.history[0][1] if self.history and time.monotonic() - self.history[0][0] >= seconds else 0

    def told(self, status, code, epoch):
        for condition in list(self.conditions):
            if TELLS[condition](status):
                check(code == 1, "%s, and the exit code is %d", condition, code)
                if self.conditions.get(condition, 0) is None and epoch == self.epoch:
                    self.conditions[condition] = time.monotonic()
        if code == 1:
            self.alarms += 1
            if not self.conditions and self.calm_at and epoch == self.epoch:
                raise Failure("all is well, and status wants a person: %r" % (status["attention"],))
            return
        if not self.conditions and epoch == self.epoch and self.calm_at is None:
            self.calm_at = time.monotonic()
