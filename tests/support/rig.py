"""What the scenario and interop tests share: processes that are surely ended, certificates, ports, waiting for a condition, syslog parsing.

A test is a program with a prose head that says what it proves:

    with Rig() as rig:
        sink = rig.sink(cert=rig.cert("server"))
        shipper = rig.lugger("shipper", {...})
        shipper.start()
        rig.until("all arrived", lambda: len(sink.messages()) == 1000)

The environment names the program: LUGGER (path of lugger), ZOSGEN, LUGGER_SOURCE (the source tree). Status 0 passed, 77 skipped (with a line
"SKIP: reason"), anything else failed. Nothing here sleeps for an effect; the only pause is the step of a polling loop.
"""

import collections
import ctypes
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.environ.get("LUGGER_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LUGGER = os.environ.get("LUGGER") or os.path.join(SOURCE, "build/asan/lugger")
ZOSGEN = os.environ.get("ZOSGEN") or os.path.join(os.path.dirname(LUGGER), "zosgen")
PATIENCE_S = 60  # a deadline nobody should meet: sanitizers on a busy machine are slow
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
SANITIZER = re.compile(rb"AddressSanitizer|LeakSanitizer|runtime error:|ThreadSanitizer")


class Failure(Exception):
    """The product did not do what the test demands."""


def check(condition, text, *values):
    """As assert, for the statements of a test; with the values in the message."""
    if not condition:
        raise Failure(text % values if values else text)


def skip(reason):
    print("SKIP: " + reason)
    sys.exit(77)


def need_program(path, remedy):
    if not (os.path.isfile(path) and os.access(path, os.X_OK)):
        skip("%s is not there (%s)" % (path, remedy))
    return path


def die_with_parent():
    """In the child: a test that is killed (ctest's timeout) leaves nothing running."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child with its output in files. `end` checks for sanitizer reports."""

    def __init__(self, rig, name, argv, environment=None, directory=None):
        self.rig, self.name, self.argv = rig, name, argv
        self.environment = dict(os.environ, **(environment or {}))
        self.directory = directory
        self.log_path = rig.path(name + ".err")
        self.out_path = rig.path(name + ".out")
        self.child = None

    def start(self, stdin=subprocess.DEVNULL):
        check(self.child is None, "%s runs already", self.name)
        with open(self.log_path, "ab") as log, open(self.out_path, "ab") as out:
            self.child = subprocess.Popen(self.argv, stdin=stdin, stdout=out, stderr=log, env=self.environment, cwd=self.directory,
                                          preexec_fn=die_with_parent)
        self.rig.running.append(self)
        return self

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child is not None and self.child.poll() is None

    def send(self, signum):
        self.child.send_signal(signum)

    def kill(self):
        """SIGKILL: no chance to tidy up."""
        self.send(signal.SIGKILL)
        return self.end()

    def stop(self, seconds=PATIENCE_S):
        """SIGTERM; returns the exit status. That it ends in time is part of every test."""
        if self.running():
            self.send(signal.SIGTERM)
        return self.end(seconds)

    def end(self, seconds=PATIENCE_S):
        """Waits for the end; returns the status (negative: the signal)."""
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("%s did not end within %d s" % (self.name, seconds))
        self.child = None
        self.rig.running.remove(self)
        check(not SANITIZER.search(self.log_bytes()), "%s: the sanitizer found something", self.name)
        return status

    def log_bytes(self):
        with open(self.log_path, "rb") as log:
            return log.read()

    def log(self):
        return self.log_bytes().decode("utf-8", "replace")

    def output(self):
        with open(self.out_path, encoding="utf-8", errors="replace") as out:
            return out.read()

    def rss_bytes(self, field="VmRSS"):
        with open("/proc/%d/status" % self.pid) as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise Failure("%s: no %s" % (self.name, field))


class Lugger(Process):
    """One Lugger with its configuration file and data directory."""

    def __init__(self, rig, name, config, *arguments, program=None, data_dir=None):
        self.config_path = rig.path(name + ".yaml")
        self.data_dir = data_dir or rig.path(name + ".data")
        self.program = need_program(program or LUGGER, "build it first")
        self.configure(rig, config)
        super().__init__(rig, name, [self.program, "run", "-c", self.config_path, *arguments])

    def configure(self, rig, config):
        """A dictionary (JSON is YAML) or YAML text; version and data_dir are put in front."""
        if not isinstance(config, str):
            config = "\n".join("%s: %s" % (key, json.dumps(value)) for key, value in config.items())
        with open(self.config_path, "w") as out:
            out.write("version: 1\ndata_dir: %s\n%s\n" % (self.data_dir, config))

    def once(self, seconds=PATIENCE_S):
        """`run --once` to its end, which must be status 0."""
        self.argv = self.argv + ["--once"]
        self.start()
        status = self.end(seconds)
        self.argv = self.argv[:-1]
        check(status == 0, "%s --once ended with %d:\n%s", self.name, status, self.log()[-4000:])

    def command(self, *arguments):
        """Another subcommand with the same configuration: (status, stdout, stderr)."""
        return run(self.program, *arguments, "-c", self.config_path)

    def status(self):
        """`status --json`. A daemon that starts for the first time has nothing to tell for a moment."""
        answer = []

        def answers():
            code, out, err = self.command("status", "--json")
            check(code in (0, 1), "status --json ended with %d: %s", code, err)
            answer.append(out)
            return out

        self.rig.until("status --json answers", answers, seconds=20)
        return json.loads(answer[-1])

    def output_status(self, name):
        return next(output for output in self.status()["outputs"] if output["name"] == name)

    def input_status(self, name):
        return next(source for source in self.status()["inputs"] if source["name"] == name)

    def until_output(self, name, what, condition, seconds=PATIENCE_S):
        """Waits until the output's entry in `status --json` meets the condition; returns it."""
        last = {}

        def met():
            last.clear()
            last.update(self.output_status(name))
            return condition(last)

        try:
            self.rig.until(what, met, seconds, step=0.1)
        except Failure as failure:
            raise Failure("%s; the last status was %s" % (failure, json.dumps(last)))
        return dict(last)


    def until_delivered(self, name, records, seconds=PATIENCE_S):
        """Waits until `records` in all are spooled and the output has nothing left that the peer's TCP has not acknowledged."""
        self.until_output(name, "all %d records are delivered" % records,
                          lambda out: out["lag_records"] == 0 and out["offered"] > records, seconds)


class Sink(Process):
    """tests/support/tls_sink.py as a process of its own, so that it can be stopped and killed."""

    def __init__(self, rig, name, cert=None, client_ca=None, port=0, max_tls=None, receive_buffer=None):
        self.store = rig.path(name)
        arguments = [sys.executable, os.path.join(SOURCE, "tests/support/tls_sink.py"), self.store]
        if cert:
            arguments += ["--cert", cert.pem, "--key", cert.key]
        if client_ca:
            arguments += ["--client-ca", client_ca.pem]
        if max_tls:
            arguments += ["--max-tls", max_tls]
        if receive_buffer:
            arguments += ["--receive-buffer", str(receive_buffer)]
        super().__init__(rig, name, arguments)
        self.port = port

    def start(self):
        port_file = os.path.join(self.store, "port")
        if os.path.exists(port_file):
            os.unlink(port_file)
        first = self.argv
        if self.port:
            self.argv = first + ["--port", str(self.port)]
        super().start()
        self.argv = first
        self.rig.until("%s listens" % self.name, lambda: os.path.exists(port_file) or not self.running())
        check(self.running(), "%s did not start: %s", self.name, self.log())
        with open(port_file) as text:
            self.port = int(text.read())
        return self

    def streams(self):
        """What each connection brought, in the order of connecting."""
        names = glob.glob(os.path.join(self.store, "*.bytes"))
        streams = []
        for name in sorted(names, key=lambda path: int(os.path.basename(path).split(".")[0])):
            with open(name, "rb") as stream:
                streams.append(stream.read())
        return streams

    def size(self):
        return sum(os.path.getsize(name) for name in glob.glob(os.path.join(self.store, "*.bytes")))

    def events(self, kind=None):
        with open(os.path.join(self.store, "events")) as lines:
            events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if kind in (None, event["event"])]

    def messages(self):
        """All octet-counted messages, parsed. A partial one at the end of a connection is what a break leaves."""
        return [parse_rfc5424(message) for stream in self.streams() for message in octet_counted(stream)]


class Ext4:
    def __init__(self, rig, name, size):
        self.image, self.path, self.rig = rig.path(name + ".img"), rig.path(name), rig
        os.mkdir(self.path)
        with open(self.image, "wb") as image:
            image.truncate(size)
        self.need("mkfs.ext4", "-q", "-F", self.image)
        self.mount()
        rig.mounts.append(self.path)

    @staticmethod
    def need(*argv):
        try:
            done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except FileNotFoundError:
            skip("no " + argv[0])
        if done.returncode != 0:
            skip("no file system of its own: " + done.stdout.decode("utf-8", "replace").strip())

    def mount(self):
        self.need("mount", "-o", "loop,errors=remount-ro", self.image, self.path)

    def abort(self):
        self.need("mount", "-o", "remount,abort", self.path)

    def repair(self):
        """What an operator does then; nothing may have a file open."""
        subprocess.run(["umount", self.path], check=True)
        subprocess.run(["e2fsck", "-fy", self.image], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.mount()


class Certificate:
    def __init__(self, directory, name):
        self.pem = os.path.join(directory, name + ".pem")
        self.key = os.path.join(directory, name + ".key")


class Rig:
    """A temporary directory and everything that lives in it. On failure the logs' ends are printed; LUGGER_KEEP=1 keeps the directory."""

    def __init__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.directory = tempfile.mkdtemp(prefix="lugger-test.")
        self.running = []
        self.mounts = []
        self.ports = set()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for process in reversed(self.running):
            if process.child.poll() is None:
                process.child.send_signal(signal.SIGCONT)
                process.child.kill()
            process.child.wait()
        if kind not in (None, SystemExit):
            traceback.print_exception(kind, error, trace)
            for log in sorted(glob.glob(os.path.join(self.directory, "*.err"))):
                with open(log, "rb") as text:
                    tail = text.read()[-3000:]
                print("---- end of %s\n%s" % (os.path.basename(log), tail.decode("utf-8", "replace")))
        for mount in self.mounts:
            subprocess.run(["umount", "-l", mount], check=False)
        if os.environ.get("LUGGER_KEEP"):
            print("kept " + self.directory)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
        if kind is Failure:
            sys.exit(1)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as out:
            out.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def tmpfs(self, name, size):
        """A file system of its own, of so many bytes. Skips the test where that is not permitted."""
        path = self.path(name)
        os.mkdir(path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            skip("no file system of its own: " + done.stdout.decode("utf-8", "replace").strip())
        self.mounts.append(path)
        return path

    def ext4(self, name, size):
        """The same with ext4 in a file, for what tmpfs cannot do: Ext4.abort() turns it read-only under open files, as the kernel does behind an I/O error."""
        return Ext4(self, name, size)

    def port(self):
        """A port nobody listens on, below the ephemeral range."""
        while True:
            port = random.randrange(20000, 32000)
            with socket.socket() as probe:
                if port not in self.ports and probe.connect_ex(("127.0.0.1", port)) != 0:
                    self.ports.add(port)
                    return port

    def until(self, what, condition, seconds=PATIENCE_S, step=0.02):
        """Polls until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Failure("gave up after %d s waiting until %s" % (seconds, what))
            time.sleep(step)

    def until_listens(self, port, process=None):
        def listens():
            check(process is None or process.running(), "%s ended early", process and process.name)
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        self.until("port %d is open" % port, listens)

    @staticmethod
    def connections(port):
        """How many accepted connections on this port are not read to their end (neither LISTEN nor TIME_WAIT)."""
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return sum(1 for row in rows if int(row[1].split(":")[1], 16) == port and row[3] not in ("0A", "06"))

    def shell(self, function, *arguments):
        """A function of lib.sh: certificates are made in one place."""
        script = '. "$0"; "$@"'
        subprocess.run(["bash", "-euc", script, os.path.join(SOURCE, "tests/support/lib.sh"), function, *arguments], check=True)

    def ca(self, name="ca"):
        if not os.path.exists(self.path(name + ".pem")):
            self.shell("make_ca", self.directory, name)
        return Certificate(self.directory, name)

    def cert(self, name, ca="ca", names="DNS:localhost,IP:127.0.0.1", days=30):
        """A certificate with CN=name; negative days: expired."""
        self.ca(ca)
        if not os.path.exists(self.path(name + ".pem")):
            self.shell("make_cert", self.directory, ca, name, names, "-days", str(days))
        return Certificate(self.directory, name)

    def spawn(self, name, *argv, **more):
        return Process(self, name, list(argv), **more).start()

    def lugger(self, name, config, *arguments, program=None, data_dir=None):
        return Lugger(self, name, config, *arguments, program=program, data_dir=data_dir)

    def sink(self, name="sink", **options):
        return Sink(self, name, **options).start()


def run(*argv, environment=None, stdin=None, seconds=PATIENCE_S):
    """A program to its end: (status, stdout, stderr), both text. A sanitizer report is a failure."""
    done = subprocess.run(argv, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=seconds, env=dict(os.environ, **(environment or {})))
    check(not SANITIZER.search(done.stderr), "%s: %s", " ".join(argv), done.stderr.decode("utf-8", "replace"))
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def octet_counted(stream):
    """The whole messages of an RFC 6587 octet-counted stream; fails on a frame that is not one."""
    messages, at = [], 0
    while at < len(stream):
        space = stream.find(b" ", at, at + 12)
        if space < 0:
            check(len(stream) - at < 12 and stream[at:].isdigit(), "no octet count at byte %d: %r", at, stream[at : at + 40])
            break
        count = stream[at:space]
        check(count.isdigit() and not count.startswith(b"0"), "bad octet count %r at byte %d", count, at)
        end = space + 1 + int(count)
        if end > len(stream):
            break
        messages.append(stream[space + 1 : end])
        at = end
    return messages


Message = collections.namedtuple("Message", "priority time host app procid msgid sd log seq part body")

# RFC 5424 section 6; the structured data may hold escaped brackets and quotes.
RFC5424 = re.compile(
    rb"<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: (?:\xef\xbb\xbf)?(.*))?\Z", re.DOTALL)
IDENTITY = re.compile(rb'\[lugger@32473(?: [^ =\]"]+="(?:[^"\\]|\\.)*")*\]')
PARAMETER = re.compile(rb' ([^ =\]"]+)="((?:[^"\\]|\\.)*)"')


def parse_rfc5424(message):
    match = RFC5424.match(message)
    check(match, "not RFC 5424: %r", message[:300])
    priority, when, host, app, procid, msgid, sd, body = match.groups()
    log = seq = part = None
    identity = IDENTITY.search(sd)
    if identity:
        parameters = dict(PARAMETER.findall(identity.group()))
        log, seq, part = parameters.get(b"log"), int(parameters[b"seq"]), parameters.get(b"part")
    return Message(int(priority), when, host, app, procid, msgid, sd, log, seq, part, body or b"")


def by_identity(messages, content):
    """{(log, seq): content}: every message must carry an identity, and a repeat of one must be equal to it."""
    found = {}
    for message in messages:
        check(message.log and message.seq is not None, "no identity: %r", message)
        identity = (message.log, message.seq)
        value = content(message)
        check(found.setdefault(identity, value) == value, "identity %r carries %r and %r", identity, found[identity], value)
    return found


def compare(what, expected, found):
    """Full sets with multiplicity: nothing lost, nothing added, nothing doubled. Both are iterables of hashable values."""
    expected, found = collections.Counter(expected), collections.Counter(found)
    if expected == found:
        return
    lost, added = expected - found, found - expected
    show = lambda counter: "".join("\n    %dx %r" % (count, value) for value, count in list(counter.items())[:5])
    raise Failure("%s: %d lost, %d too many (of %d)\n  lost:%s\n  too many:%s" % (
        what, sum(lost.values()), sum(added.values()), sum(expected.values()), show(lost), show(added)))


def need_release():
    """Path of the release program, for tests of speed and many rounds."""
    return need_program(os.path.join(SOURCE, "build/release/lugger"), "cmake --preset release && cmake --build --preset release")
