#!/usr/bin/env python3
"""Failover between two real receivers, rsyslog and syslog-ng, over TLS: while lines are written all the time, the receivers and Lugger are killed with
SIGKILL in turn, in mid-flow. At the end both receivers together hold every line, and what is there twice carries the same identity. When the preferred
receiver is back, it gets the records back.

Without syslog-ng the second receiver is another rsyslog.
"""

import os
import random
import sys

import peers
from peers import Rsyslog, read_lines
from rig import Process, Rig, by_identity, check, compare, parse_rfc5424
from texts import many_lines

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 6
LINES = 3000  # a round


class RawSyslogNg(Process):
    """syslog() over TLS, octet-counted; one line of `out` for each message as it came."""

    def __init__(self, rig, name, cert, ca):
        self.port = rig.port()
        self.received = rig.path(name + ".received")
        tls = 'tls(key-file("%s") cert-file("%s") ca-file("%s") peer-verify(optional-untrusted))' % (cert.key, cert.pem, ca.pem)
        config = rig.write(name + ".conf", """@version: 3.38
options { stats-freq(0); log-msg-size(262144); flush-lines(1); };
source s { syslog(ip("127.0.0.1") port(%d) transport("tls") flags(no-parse) %s log-iw-size(1000)); };
destination d { file("%s" template("${MSG}\\n")); };
log { source(s); destination(d); flags(flow-control); };
""" % (self.port, tls, self.received))
        home = peers.SYSLOG_NG
        environment = {"LD_LIBRARY_PATH": "%s/lib/syslog-ng:%s/lib/syslog-ng/3.38" % (home, home), "SYSLOGNG_PREFIX": home}
        super().__init__(rig, name, [os.path.join(home, "sbin/syslog-ng"), "-F", "--no-caps", "--stderr", "-f", config,
                                     "--module-path=%s/lib/syslog-ng/3.38" % home, "-R", rig.path(name + ".persist"), "-c", rig.path(name + ".ctl"),
                                     "-p", rig.path(name + ".pid")], environment=environment)

    def start(self):
        super().start()
        self.rig.until_listens(self.port, self)
        return self


def messages(path):
    """What a receiver wrote whole; a message that a kill tore comes again."""
    found = []
    for line in read_lines(path):
        try:
            message = parse_rfc5424(line)
        except Exception:
            continue
        if message.seq is not None and message.body.endswith(b"|"):
            found.append(message)
    return found


with Rig() as rig:
    rng = random.Random(7)
    lines = many_lines(ROUNDS * LINES, longest=800)
    log = rig.write("app.log", "")
    ca, server = rig.ca(), rig.cert("server")
    first = Rsyslog(rig, "first", server, ca).start()
    has_syslog_ng = os.access(os.path.join(peers.SYSLOG_NG, "sbin/syslog-ng"), os.X_OK)
    second = (RawSyslogNg if has_syslog_ng else Rsyslog)(rig, "second", server, ca).start()
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % first.port, "127.0.0.1:%d" % second.port],
                     "return_after": "1s", "tls": {"ca_file": ca.pem}}],
    })
    shipper.start()

    def stored():
        return len(read_lines(first.received)) + len(read_lines(second.received))

    for number in range(ROUNDS):
        victim = (first, shipper, second)[number % 3]
        before = stored()
        with open(log, "a") as out:
            out.write("".join(line + "\n" for line in lines[number * LINES : (number + 1) * LINES]))
        wanted = before + rng.randrange(1, LINES // 2)
        rig.until("round %d is in mid-flow" % number, lambda: stored() >= wanted, step=0.001)
        victim.kill()
        if victim is first:  # the other one takes over before it is back
            shipper.until_output("siem", "the second receiver has taken over",
                                 lambda out: [entry["state"] for entry in out["servers"]][1] in ("connected", "flowing"))
        victim.start()
    shipper.until_delivered("siem", len(lines))
    shipper.until_output("siem", "the preferred receiver has the records back",
                         lambda out: out["servers"][0]["state"] in ("connected", "flowing") and out["servers"][1]["state"] == "idle")
    check(shipper.stop() == 0, "the shipper did not end in order")
    check(first.stop() == 0 and second.stop() == 0, "a receiver did not end in order")
    both = messages(first.received) + messages(second.received)
    found = by_identity(both, lambda message: message.body)
    compare("lines by identity", [line.encode() for line in lines], found.values())
    print("%d lines, %d repeats, %d to the first and %d to the second receiver, %d kills" % (
        len(lines), len(both) - len(found), len(messages(first.received)), len(messages(second.received)), ROUNDS))
