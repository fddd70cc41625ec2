#!/usr/bin/env python3
"""rsyslog and syslog-ng receive every line of a file from one Lugger over each transport, in each framing and each format that they take: RFC 5424,
RFC 3164, JSON and raw over UDP, TCP and TLS, octet-counted and newline-ended. One output, one port and one file each; every line once, byte for byte. Over
UDP those are missing, and no others, that the kernel counts as dropped at the receiver's socket.

    receivers.py rsyslog|syslog-ng
"""

import itertools
import json
import os
import re
import shutil
import sys

import peers
from peers import read_lines
from rig import Process, Rig, check, compare, parse_rfc5424, skip
from texts import many_lines

FORMATS = ("rfc5424", "rfc3164", "json", "raw")
WAYS = (("udp", "octet-counting"), ("tcp", "octet-counting"), ("tcp", "lf"), ("tls", "octet-counting"), ("tls", "lf"))
RFC3164 = re.compile(rb"<\d{1,3}>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^ :\[]+(?:\[[^\]]*\])?: (.*)\Z", re.DOTALL)


class Way:
    def __init__(self, rig, transport, framing, fmt):
        self.transport, self.framing, self.format = transport, framing, fmt
        self.name = "-".join((transport, framing.split("-")[0], fmt))
        self.port = rig.port()
        self.received = rig.path("received-" + self.name)


def rsyslog(rig, ways, cert, ca):
    program = shutil.which("rsyslogd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
    if not program:
        skip("rsyslogd is not installed")
    if not any(os.path.exists(os.path.join(path, "lmnsd_ossl.so")) for path, _, _ in os.walk("/usr/lib") if path.endswith("/rsyslog")):
        skip("rsyslog-openssl is not installed")
    lines = ["""global(workDirectory="%s" maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="%s"
       defaultNetstreamDriverCertFile="%s" defaultNetstreamDriverKeyFile="%s")
module(load="imudp") module(load="imptcp") module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon" maxListeners="40")
template(name="raw" type="string" string="%%rawmsg%%\\n")
""" % (rig.path("."), ca.pem, cert.pem, cert.key)]
    for way in ways:
        lines.append('ruleset(name="%s" queue.type="direct") { action(type="omfile" file="%s" template="raw" flushOnTXEnd="on" asyncWriting="off") }'
                     % (way.name, way.received))
        module = {"udp": "imudp", "tcp": "imptcp", "tls": "imtcp"}[way.transport]
        counted = "" if way.transport == "udp" else ' supportOctetCountedFraming="%s"' % ("on" if way.framing == "octet-counting" else "off")
        lines.append('input(type="%s" port="%d" address="127.0.0.1" ruleset="%s"%s)' % (module, way.port, way.name, counted))
    config = rig.write("rsyslog.conf", "\n".join(lines) + "\n")
    return Process(rig, "rsyslog", [program, "-n", "-f", config, "-i", rig.path("rsyslog.pid")]).start()


def syslog_ng(rig, ways, cert, ca):
    program = os.path.join(peers.SYSLOG_NG, "sbin/syslog-ng")
    if not os.access(program, os.X_OK):
        skip("syslog-ng is not unpacked (tests/run.sh does that, with apt-get download)")
    lines = ["@version: 3.38", "options { stats-freq(0); log-msg-size(262144); flush-lines(1000); };"]
    tls = 'tls(key-file("%s") cert-file("%s") ca-file("%s") peer-verify(optional-untrusted))' % (cert.key, cert.pem, ca.pem)
    for way in ways:
        name = re.sub(r"\W", "_", way.name)
        driver = "syslog" if way.framing == "octet-counting" and way.transport != "udp" else "network"
        lines.append('source s_%s { %s(ip("127.0.0.1") port(%d) transport("%s") flags(no-parse) %s log-iw-size(5000) so-rcvbuf(8388608)); };'
                     % (name, driver, way.port, way.transport, tls if way.transport == "tls" else ""))
        lines.append('destination d_%s { file("%s" template("${MSG}\\n")); };' % (name, way.received))
        lines.append("log { source(s_%s); destination(d_%s); flags(flow-control); };" % (name, name))
    config = rig.write("syslog-ng.conf", "\n".join(lines) + "\n")
    environment = {"LD_LIBRARY_PATH": "%s/lib/syslog-ng:%s/lib/syslog-ng/3.38" % (peers.SYSLOG_NG, peers.SYSLOG_NG), "SYSLOGNG_PREFIX": peers.SYSLOG_NG}
    return Process(rig, "syslog-ng", [program, "-F", "--no-caps", "--stderr", "-f", config, "--module-path=%s/lib/syslog-ng/3.38" % peers.SYSLOG_NG,
                                      "-R", rig.path("persist"), "-c", rig.path("ctl"), "-p", rig.path("pid")], environment=environment).start()


def dropped(port):
    """Datagrams that the kernel dropped at this port's socket."""
    with open("/proc/net/udp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(int(row[-1]) for row in rows if int(row[1].split(":")[1], 16) == port)


def body(fmt, message):
    """The record's text out of one message as it was received."""
    if fmt == "rfc5424":
        return parse_rfc5424(message).body
    if fmt == "rfc3164":
        match = RFC3164.match(message)
        check(match, "not RFC 3164: %r", message)
        return match.group(1)
    if fmt == "json":
        return json.loads(message)["message"].encode()
    return message


with Rig() as rig:
    peer = sys.argv[1]
    lines = [line for line in many_lines(1500, longest=1200) if len(line.encode()) < 1200]
    rig.write("app.log", "".join(line + "\n" for line in lines))
    ca, server = rig.ca(), rig.cert("server")
    ways = [Way(rig, transport, framing, fmt) for (transport, framing), fmt in itertools.product(WAYS, FORMATS)]
    receiver = {"rsyslog": rsyslog, "syslog-ng": syslog_ng}[peer](rig, ways, server, ca)
    for way in ways:
        if way.transport != "udp":
            rig.until_listens(way.port, receiver)

    def output(way):
        settings = {"name": way.name, "type": "syslog", "servers": ["127.0.0.1:%d" % way.port], "transport": way.transport, "format": way.format,
                    "framing": way.framing}
        if way.transport == "tls":
            settings["tls"] = {"ca_file": ca.pem}
        if way.transport == "udp":
            settings["datagram_rate"] = 1000
        return settings

    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [rig.path("app.log")]}],
        "outputs": [output(way) for way in ways],
    })
    shipper.once()
    missing = {}
    for way in ways:
        rig.until("%s has written all of %s" % (peer, way.name), lambda: len(read_lines(way.received)) + dropped(way.port) >= len(lines))
        missing[way.name] = dropped(way.port)
    check(receiver.stop() == 0, "%s did not end in order", peer)
    expected = [line.encode() for line in lines]
    for way in ways:
        found = [body(way.format, message) for message in read_lines(way.received)]
        if missing[way.name]:
            check(way.transport == "udp" and len(found) + missing[way.name] == len(lines), "%s: %d of %d, %d dropped", way.name, len(found), len(lines),
                  missing[way.name])
            found += set(expected) - set(found)
        compare("%s, %s" % (peer, way.name), expected, found)
    print("%s: %d ways, %d lines each, %d datagrams dropped at the receiver" % (peer, len(ways), len(lines), sum(missing.values())))
