#!/usr/bin/env python3
"""Each class of IBM MQ's reason codes has its consequence, and loses nothing: empty queue, broken connection, inhibited queue, configuration fault, backed-out
unit of work, no conversion; the library that is not there; a destination the egress policy denies; a stop backs out what is not durable. The queue manager is
the project's own fake (tests/support/fake_mqi.c); its script says which call ends how.
"""

import json
import os

from mq import FakeMq
from rig import Rig, check, compare

COUNT = 600


def bodies(path):
    with open(path, encoding="utf-8") as lines:
        return [event["message"] for event in map(json.loads, lines) if "messaging.system" in event or "log.file.path" in event]


def expected(count=COUNT):
    return ["message %d" % number for number in range(count)]


def filled(rig, name, *script, **attributes):
    mq = FakeMq(rig, name)
    mq.queue("Q", **attributes)
    mq.put("Q", *(body.encode() for body in expected()))
    mq.script(*script)
    return mq


def check_once(rig, name, *script, says=(), **options):
    """All of it arrives once whatever the script does; the log says why it took longer."""
    mq = filled(rig, name, *script)
    shipper = mq.lugger(name + "-shipper", mq.input("mq", "Q", batch=50, **options))
    shipper.once()
    compare(name, expected(), bodies(mq.out))
    check(mq.depth("Q") == 0, "%s: the queue is not empty", name)
    for word in says:
        check(word in shipper.log(), "%s: no %r in the log:\n%s", name, word, shipper.log())
    return mq


def check_breaks(rig):
    for reason, name in ((2009, "CONNECTION_BROKEN"), (2161, "Q_MGR_QUIESCING"), (2203, "CONNECTION_STOPPING"), (2195, "UNEXPECTED_ERROR")):
        mq = check_once(rig, "get%d" % reason, "MQGET 120 %d" % reason, says=["MQGET failed with %d (%s)" % (reason, name)])
        check(len(mq.calls("MQCONNX")) == 2, "%d: %r", reason, mq.calls("MQCONNX"))
    check_once(rig, "commit", "MQCMIT 3 2009", says=["MQCMIT failed with 2009"])
    check_once(rig, "connect", "MQCONNX 1 2059 2", says=["MQCONNX failed with 2059 (Q_MGR_NOT_AVAILABLE): does the queue manager run"])
    check_once(rig, "unknown", "MQGET 70 2999", says=["MQGET failed with 2999 (reason unknown to Lugger)"])


def check_waits(rig):
    mq = check_once(rig, "inhibited", "MQGET 120 2016 2", says=["MQGET failed with 2016 (GET_INHIBITED): ALTER the queue"])
    check(len(mq.calls("MQCONNX")) == 1, "an inhibited queue is waited for on its connection")


def check_reduces(rig):
    mq = check_once(rig, "backed-out", "MQCMIT 2 2003", says=["units of work have 25 messages from now on"])
    check(max(int(call[4].split("=")[1]) for call in mq.calls("MQCMIT")[2:]) <= 25, "%r", mq.calls("MQCMIT"))
    check_once(rig, "limit", "MQGET 30 2024", says=["2024 (SYNCPOINT_LIMIT_REACHED): units of work have 25"])
    check_once(rig, "get-backed-out", "MQGET 30 2003", says=["2003 (BACKED_OUT)"])


def check_converts(rig):
    for reason in (2110, 2111, 2115, 2119, 2120):
        check_once(rig, "convert%d" % reason, "MQGET 5 %d 100" % reason)


def check_config(rig):
    """A fault that a person has to mend is shown, and the queue manager is not flooded with logins."""
    for name, script, text in (("denied", "MQCONNX 1 2035 99", "2035 (NOT_AUTHORIZED): the user needs"), ("tls", "MQCONNX 1 2393 99", "SSL_INITIALIZATION_ERROR"),
                               ("unknown-queue", "MQOPEN 1 2085 99", "2085 (UNKNOWN_OBJECT_NAME): the queue does not exist")):
        mq = filled(rig, name, script)
        shipper = mq.lugger(name + "-shipper", mq.input("mq", "Q")).start()
        rig.until("%s is a fault" % name, lambda: shipper.input_status("mq")["state"] == "fault")
        error = shipper.input_status("mq")["last_error"]
        check(text in error, "%s: %r", name, error)
        check(shipper.stop() == 0, "%s: the stop failed", name)
        check(len(mq.calls("MQCONNX")) == 1, "%s: %r", name, mq.calls("MQCONNX"))
        check(mq.depth("Q") == COUNT, "%s: messages left the queue", name)


def check_library(rig):
    """Without the library the input is a fault that says what to install, and the other inputs work."""
    mq = FakeMq(rig, "library")
    source = rig.write("lines", "".join(body + "\n" for body in expected(10)))
    shipper = mq.lugger("library-shipper", mq.input("mq", "Q", library=rig.path("nowhere")), {"name": "f", "type": "file", "path": [source]}).start()
    rig.until("the other input works", lambda: os.path.exists(mq.out) and len(bodies(mq.out)) == 10)
    rig.until("it is a fault", lambda: shipper.input_status("mq")["state"] == "fault")
    error = shipper.input_status("mq")["last_error"]
    check("IBM MQ's client library is missing" in error and "install the redistributable IBM MQ client" in error, "%r", error)
    check(shipper.stop() == 0, "the stop failed")
    shipper = mq.lugger("library-none", mq.input("mq", "Q", library="/lib/x86_64-linux-gnu/libc.so.6" if os.path.exists("/lib/x86_64-linux-gnu/libc.so.6") else "libc.so.6")).start()
    rig.until("it is a fault", lambda: shipper.input_status("mq")["state"] == "fault")
    check("no MQCONNX in it" in shipper.input_status("mq")["last_error"], "%r", shipper.input_status("mq"))
    check(shipper.stop() == 0, "the stop failed")


def check_policy(rig):
    """The library opens its own sockets: the policy is asked before MQCONNX, for every host."""
    mq = filled(rig, "policy")
    shipper = mq.lugger("policy-shipper", mq.input("mq", "Q", connection=["127.0.0.1(1414)", "127.0.0.1(1415)"]),
                        egress={"allow": [{"host": "127.0.0.1", "port": 1414, "plaintext": True}]})
    status, out, err = shipper.command("check")
    check(status == 0 and '- {host: "127.0.0.1", port: 1415}' in out + err, "check: %d %s%s", status, out, err)
    shipper.start()
    rig.until("it is a fault", lambda: shipper.input_status("mq")["state"] == "fault")
    check("127.0.0.1:1415" in shipper.input_status("mq")["last_error"] or "port: 1415" in shipper.input_status("mq")["last_error"], "%r", shipper.input_status("mq"))
    check(shipper.stop() == 0 and not mq.calls("MQCONNX"), "it was called: %r", mq.calls())


def check_parameters(rig):
    """TLS, user, token and CCDT reach the library; without TLS none of it does."""
    login = {"username": "lugger", "password": "secret"}
    tls = {"cipher": "ANY_TLS12_OR_HIGHER", "key_repository": "/etc/lugger/key.kdb", "peer_name": "CN=QM1", "certificate_label": "gateway"}
    table = rig.write("ccdt.json", "{}")
    for name, options, words in (
            ("plain", {}, ["channel=LUGGER.SVRCONN", "cipher=", "user=", "token=", "repository=", "peer=", "ccdt="]),
            ("tls", {**tls, **login}, ["cipher=ANY_TLS12_OR_HIGHER", "repository=/etc/lugger/key.kdb", "peer=CN=QM1", "user=lugger", "token=", "ccdt="]),
            ("ccdt", {"ccdt": table, "channel": None, "token": "eyJ0"}, ["channel=", "connection=", "token=eyJ0", "user=", "ccdt=file://" + table])):
        mq = filled(rig, "parameters-" + name)
        source = {key: value for key, value in mq.input("mq", "Q", **options).items() if value is not None}
        mq.lugger("parameters-%s-shipper" % name, source).once()
        call = mq.calls("MQCONNX")[0]
        check(all(word in call for word in words), "%s: %r", name, call)


def check_stop(rig):
    """What is not durable when the time is up goes back to the queue: the spool is full, so nothing can be."""
    mq = FakeMq(rig, "stop")
    mq.queue("Q")
    mq.put("Q", *(b"%05d" % number + os.urandom(3000).hex().encode() for number in range(2000)))
    spool = {"segment_size": "1MiB", "max_size": "4MiB", "compression": "none"}
    source = mq.input("mq", "Q", batch=100)
    shipper = rig.lugger("stop-shipper", {"inputs": [source], "spool": spool,
                                          "outputs": [{"name": "o", "type": "syslog", "servers": ["127.0.0.1:%d" % rig.port()], "tls": {"off": True}}]})
    shipper.environment["FAKE_MQ_DIR"] = mq.directory
    shipper.start()
    rig.until("the spool is full", lambda: shipper.input_status("mq")["state"] == "full")
    rig.until("a unit of work is open", lambda: any(state == 1 for state, _ in mq.states("Q")))
    check(shipper.stop() == 0, "the stop failed")
    back = mq.calls("MQBACK")
    check(len(back) == 1 and back[0][2] == "0" and int(back[0][4].split("=")[1]) > 0, "%r", mq.calls()[-5:])
    check(not any(state == 1 for state, _ in mq.states("Q")), "messages are still in a unit of work")
    gone, taken = sum(state == 2 for state, _ in mq.states("Q")), sum(backouts == 1 for _, backouts in mq.states("Q"))
    mq.out = rig.path("stop.json")
    shipper.configure(rig, {"inputs": [source], "spool": dict(spool, max_size="64MiB"),
                            "outputs": [{"name": "o", "type": "file", "path": mq.out, "format": "json"}]})
    shipper.start()
    mq.until_empty("Q")
    shipper.until_output("o", "everything is delivered", lambda status: status["lag_records"] == 0)
    check(shipper.stop() == 0, "the stop failed")
    found = [event for event in bodies(mq.out) if event[:5].isdigit()]
    compare("numbers", ["%05d" % number for number in range(2000)], [body[:5] for body in found])
    print("the stop: %d committed, %d backed out; with room all of them came, none twice" % (gone, taken))


with Rig() as rig:
    for step in (check_breaks, check_waits, check_reduces, check_converts, check_config, check_library, check_policy, check_parameters, check_stop):
        step(rig)
        print(step.__name__, flush=True)
