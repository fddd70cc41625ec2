#!/usr/bin/env python3
"""Socket activation: the sockets exist before Lugger does and outlive it. What is sent while it is not running waits in them and is taken at the start; a
connection made then is served. Passed as systemd passes them (descriptors from 3 on, LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), and, where it is
installed, by systemd-socket-activate itself.
"""

import json
import os
import shutil
import socket
import subprocess
import sys

from rig import Process, Rig, check, compare

LAUNCHER = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
for i, fd in enumerate(fds):
    os.dup2(fd, 100 + i, inheritable=False)
for i in range(len(fds)):
    os.dup2(100 + i, 3 + i, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


def bodies(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line)["message"] for line in lines if line.endswith("\n")]


with Rig() as rig:
    tcp, udp, unix = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = rig.path("log.sock")
    tcp.bind(("127.0.0.1", 0))
    tcp.listen(5)
    udp.bind(("127.0.0.1", 0))
    unix.bind(path)
    received = rig.path("received.json")
    config = {
        "inputs": [{"name": "tcp", "type": "listen", "address": "systemd:syslog-tcp", "transport": "tcp"},
                   {"name": "udp", "type": "listen", "address": "systemd:syslog-udp", "transport": "udp"},
                   {"name": "unix", "type": "listen", "address": "systemd:devlog", "transport": "unix-dgram"}],
        "outputs": [{"name": "archive", "type": "file", "path": received}],
    }
    plain = rig.lugger("plain", config)
    expected = []

    def send(word):
        """One message to each socket, whoever serves it, or nobody."""
        client = socket.create_connection(tcp.getsockname())
        client.sendall(b"<13>tcp %s\n" % word)
        client.close()
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"<13>udp %s" % word, udp.getsockname())
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"<13>unix %s\0" % word, path)
        expected.extend("<13>%s %s" % (way, word.decode()) for way in ("tcp", "udp", "unix"))

    class Activated(Process):
        def start(self):
            for sock in (udp, tcp, unix):
                os.set_inheritable(sock.fileno(), True)
            fds = ",".join(str(sock.fileno()) for sock in (udp, tcp, unix))
            with open(self.log_path, "ab") as log, open(self.out_path, "ab") as out:
                self.child = subprocess.Popen([sys.executable, "-c", LAUNCHER, fds, "syslog-udp:syslog-tcp:devlog", *self.argv], stdin=subprocess.DEVNULL,
                                              stdout=out, stderr=log, close_fds=False)
            self.rig.running.append(self)
            return self

    daemon = Activated(rig, "activated", plain.argv)
    for number in range(3):
        send(b"before start %d" % number)
        daemon.start()
        rig.until("what waited is taken", lambda: len(bodies(received)) >= len(expected))
        send(b"while running %d" % number)
        rig.until("what comes is taken", lambda: len(bodies(received)) >= len(expected))
        check(daemon.stop() == 0, "it did not end in order:\n%s", daemon.log())
        check(os.path.exists(path), "a socket that systemd made was removed")
    compare("messages", expected, bodies(received))

    # Without any socket passed it says what is missing.
    plain.start()
    check(plain.end() != 0 and "systemd passed no socket" in plain.log(), "a start without sockets: %s", plain.log())

    program = shutil.which("systemd-socket-activate")
    if not program:
        print("SKIP: systemd-socket-activate is not installed; only our own launcher was tried")
        sys.exit(0)
    port = rig.port()
    other = rig.lugger("other", {
        "inputs": [{"name": "tcp", "type": "listen", "address": "systemd:feed", "transport": "tcp"}],
        "outputs": [{"name": "archive", "type": "file", "path": rig.path("other.json")}],
    })
    activator = rig.spawn("activator", program, "-l", "127.0.0.1:%d" % port, "--fdname=feed", *other.argv)
    rig.until_listens(port, activator)
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"<13>through systemd\n")
    client.close()
    rig.until("systemd's socket is served", lambda: bodies(rig.path("other.json")) == ["<13>through systemd"])
    check(activator.stop() == 0, "the activated one did not end in order: %s", activator.log())
