#!/usr/bin/env python3
"""syslog-ng's loggen sends into `listen`: octet-counted RFC 5424 and LF-framed RFC 3164 over TCP, the same behind a PROXY protocol header, and RFC 3164
over TLS.

Every message carries loggen's own sequence number: each must arrive once, with its header taken apart. loggen closes a TLS connection without
reading what the server sent, which resets it where the server has sent anything; what a reset destroys is at the end of the stream, so over
TLS the numbers must be without a gap from 0 on, and nearly all there.
"""

import json
import re

import peers  # noqa: F401  (sets the path)
from peers import loggen
from rig import Rig, check, compare

COUNT = 20000
NUMBER = re.compile(r"\Aseq: (\d{10}), thread: 0000, runid: \d+")


def records(rig, name):
    with open(rig.path(name), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


with Rig() as rig:
    server = rig.cert("server")
    ports = {"tcp5424": rig.port(), "tcp3164": rig.port(), "proxied": rig.port(), "tls": rig.port()}
    config = {
        "inputs": [
            {"name": "tcp5424", "type": "listen", "address": "127.0.0.1:%d" % ports["tcp5424"], "transport": "tcp"},
            {"name": "tcp3164", "type": "listen", "address": "127.0.0.1:%d" % ports["tcp3164"], "transport": "tcp"},
            {"name": "proxied", "type": "listen", "address": "127.0.0.1:%d" % ports["proxied"], "transport": "tcp", "proxy_from": ["127.0.0.0/8"]},
            {"name": "tls", "type": "listen", "address": "127.0.0.1:%d" % ports["tls"], "transport": "tls",
             "tls": {"cert_file": server.pem, "key_file": server.key}},
        ],
        "outputs": [{"name": name, "type": "file", "path": rig.path(name + ".json"), "inputs": [name]} for name in ports],
    }
    receiver = rig.lugger("receiver", config)
    receiver.start()
    for port in ports.values():
        rig.until_listens(port, receiver)

    def send(name, *arguments):
        generator = loggen(rig, "loggen-" + name, *arguments, "-s", "250", "-r", "1000000", "-n", str(COUNT), "127.0.0.1", str(ports[name]))
        check(generator.end() == 0, "loggen failed: %s", name)

    # loggen counts the header as its message 0.
    expected = {"tcp5424": range(COUNT), "tcp3164": range(COUNT), "proxied": range(1, COUNT)}
    send("tcp5424", "-i", "-S", "-P")
    send("tcp3164", "-i", "-S")
    send("proxied", "-i", "-S", "-H", "--proxy-src-ip", "192.0.2.77", "--proxy-dst-ip", "192.0.2.1", "--proxy-src-port", "4711")
    send("tls", "-U")
    for name in expected:
        rig.until("%s has all" % name, lambda: receiver.input_status(name)["records"] >= len(expected[name]))
    rig.until("the TLS connection is read to its end", lambda: rig.connections(ports["tls"]) == 0)
    check(receiver.stop() == 0, "the receiver did not end in order")
    numbers = {}
    for name in ports:
        numbers[name] = []
        for record in records(rig, name + ".json"):
            match = NUMBER.match(record["message"])
            check(match, "%s: not loggen's message: %r", name, record)
            numbers[name].append(int(match.group(1)))
            check(record["log.syslog.hostname"] == "localhost" and record["log.syslog.appname"] == "prg00000", "%s: header: %r", name, record)
            check(record["log.syslog.procid"] == "1234" and record["log.syslog.priority"] == 38, "%s: header: %r", name, record)
            source = (record["source.ip"], record["source.port"])
            check(source == ("192.0.2.77", 4711) if name == "proxied" else source[0] == "127.0.0.1", "%s: source: %r", name, record)
    compare("octet-counted RFC 5424 over TCP", range(COUNT), numbers["tcp5424"])
    compare("LF-framed RFC 3164 over TCP", range(COUNT), numbers["tcp3164"])
    compare("behind a PROXY protocol header", expected["proxied"], numbers["proxied"])
    compare("RFC 3164 over TLS, without a gap", range(len(numbers["tls"])), numbers["tls"])
    check(len(numbers["tls"]) >= COUNT * 0.9, "only %d of %d over TLS", len(numbers["tls"]), COUNT)
    print("over TLS %d of %d arrived before loggen's reset" % (len(numbers["tls"]), COUNT))
