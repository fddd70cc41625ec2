#!/usr/bin/env python3
"""What `listen` does at its limits, as a whole program.

With a dead receiver and a full spool it stops reading: a TCP and a unix-stream sender are held back and lose nothing; datagrams go on coming, and those that
the kernel drops become loss records. When the receiver is there, everything arrives, and what arrived over UDP and what the loss records say is together
what was sent. Then the limits per sender: connections beyond the share are closed, datagrams over the rate are counted.
"""

import re
import socket

from rig import Rig, check, compare

LOSS = re.compile(rb"lugger: (\d+) records lost, input (\S+): (.*)")
PAD = "x" * 900


with Rig() as rig:
    ca, server = rig.ca(), rig.cert("server")
    ports = {name: rig.port() for name in ("udp", "tcp", "share", "rated", "sink")}
    path = rig.path("log.sock")
    shipper = rig.lugger("shipper", {
        "memory": "48MiB",
        "spool": {"segment_size": "1MiB", "max_size": "6MiB", "compression": "none"},
        "inputs": [
            {"name": "udp", "type": "listen", "address": "127.0.0.1:%d" % ports["udp"], "transport": "udp"},
            {"name": "tcp", "type": "listen", "address": "127.0.0.1:%d" % ports["tcp"], "transport": "tcp"},
            {"name": "unix", "type": "listen", "address": path, "transport": "unix"},
            {"name": "share", "type": "listen", "address": "127.0.0.1:%d" % ports["share"], "transport": "tcp", "sender_connections": 2},
            {"name": "rated", "type": "listen", "address": "127.0.0.1:%d" % ports["rated"], "transport": "udp", "sender_rate": 50},
        ],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % ports["sink"]], "tls": {"ca_file": ca.pem}, "idle_close": "0"}],
    })
    shipper.start()
    rig.until("it listens", lambda: shipper.log().count("listening on") == 5)

    # ---- a full spool
    tcp = socket.create_connection(("127.0.0.1", ports["tcp"]))
    unix = socket.socket(socket.AF_UNIX)
    unix.connect(path)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect(("127.0.0.1", ports["udp"]))
    sent = {"udp": 0}

    def fill():
        """More datagrams; true once the spool is full and the kernel has dropped some of them."""
        for _ in range(200):
            udp.send(("<13>udp:%d %s" % (sent["udp"], PAD)).encode())
            sent["udp"] += 1
        return shipper.input_status("udp")["lost"] > 0 and shipper.input_status("tcp")["state"] == "full"

    sent["tcp"] = 0
    tcp.setblocking(False)
    tail = b""
    while not fill():
        try:
            while sent["tcp"] < 100000:
                if not tail:
                    tail = ("<13>tcp:%d %s\n" % (sent["tcp"], PAD)).encode()
                    sent["tcp"] += 1
                tail = tail[tcp.send(tail):]
        except BlockingIOError:
            pass
    check(sent["tcp"] < 100000, "TCP was never held back")
    for name in ("tcp", "unix"):
        check(shipper.input_status(name)["lost"] == 0, "%s lost: %r", name, shipper.input_status(name))
    sink = rig.sink(cert=server, port=ports["sink"])
    tcp.setblocking(True)
    tcp.sendall(tail)
    tcp.shutdown(socket.SHUT_WR)
    sent["unix"] = 500
    unix.sendall("".join("<13>unix:%d %s\n" % (number, PAD) for number in range(sent["unix"])).encode())
    unix.shutdown(socket.SHUT_WR)
    check(tcp.recv(1) == b"" and unix.recv(1) == b"", "the senders' orderly end is not answered")  # all of theirs is stored

    def reckoned():
        status = shipper.input_status("udp")
        return status["records"] + status["lost"] >= sent["udp"]

    rig.until("every datagram is taken or stated as lost", reckoned)

    # ---- one sender's share
    first, second = (socket.create_connection(("127.0.0.1", ports["share"])) for _ in range(2))
    rig.until("both are served", lambda: shipper.input_status("share")["sources"] == 2)
    third = socket.create_connection(("127.0.0.1", ports["share"]))
    third.settimeout(20)
    try:
        check(third.recv(1) == b"", "the third connection got bytes")
    except ConnectionResetError:
        pass
    rig.until("it is said why the third connection was closed", lambda: "sender_connections" in shipper.log())
    first.sendall(b"<13>share:0 still served\n")
    rig.until("its message is there", lambda: shipper.input_status("share")["records"] == 1)
    rated = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for number in range(150):
        rated.sendto(b"<13>rated:%d %s" % (number, b"x" * 40), ("127.0.0.1", ports["rated"]))
    rig.until("datagrams over the rate are counted", lambda: shipper.input_status("rated")["records"] + shipper.input_status("rated")["lost"] >= 150)
    check(shipper.input_status("rated")["lost"] >= 50, "a rate of 50 let pass %r", shipper.input_status("rated"))

    total = shipper.status()["spool"]["next_seq"] - 1
    shipper.until_delivered("siem", total)
    check(shipper.stop() == 0, "the shipper did not end in order")
    found, lost, seen = {name: [] for name in ("udp", "tcp", "unix", "share", "rated")}, {"udp": 0, "rated": 0}, set()
    for message in sink.messages():
        if (message.log, message.seq) in seen:
            continue
        seen.add((message.log, message.seq))
        loss = LOSS.search(message.body)
        if loss:
            lost[loss.group(2).decode()] += int(loss.group(1))
            continue
        name, number = re.search(rb"(udp|tcp|unix|share|rated):(\d+)", b"%s %s:%s" % (message.app, message.app, message.procid) + message.body).groups()
        found[name.decode()].append(int(number))
    compare("TCP", range(sent["tcp"]), found["tcp"])
    compare("unix stream", range(sent["unix"]), found["unix"])
    for name, count in (("udp", sent["udp"]), ("rated", 150)):
        check(len(set(found[name])) == len(found[name]) and set(found[name]) <= set(range(count)), "%s: repeated or made up", name)
        check(len(found[name]) + lost[name] == count, "%s: %d arrived, %d stated as lost, %d sent", name, len(found[name]), lost[name], count)
    check(lost["udp"] > 0 and lost["rated"] >= 50, "losses: %r", lost)
    print("%d over TCP; over UDP %d, %d stated as lost; over the rate: %d stated as lost" % (len(found["tcp"]), len(found["udp"]), lost["udp"], lost["rated"]))
