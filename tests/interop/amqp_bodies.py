#!/usr/bin/env python3
"""What a message can hold, from RabbitMQ and from Artemis: data, strings, binaries and sequences; EBCDIC; properties as fields; one longer than max_message_size
(its beginning and a loss record); several records in one message; a redelivered one without an id (shipped again, marked); a queue that does not exist and a
wrong password (a clear state, and it works once they are right).
"""

import json
import socket
import threading

import peers  # noqa: F401  (sets the path)
import amqp
from rig import Rig, check, compare


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def ship(rig, name, source, **more):
    out = rig.path(name + ".json")
    shipper = rig.lugger(name, {"inputs": [source], "outputs": [{"name": "o", "type": "file", "path": out, "format": "json"}], **more})
    shipper.once()
    return read(out)


def kinds(rig, broker):
    for number, kind in enumerate(("data", "string", "binary", "sequence")):
        broker.put("kinds", 5, first=10 * number, kind=kind)
    events = ship(rig, broker.name + "-kinds", broker.input("mq", "kinds"))
    expected = [(amqp.body(10 * number + n) + ("\nsecond" if kind == "sequence" else ""), "m-%d" % (10 * number + n), str(10 * number + n))
                for number, kind in enumerate(("data", "string", "binary", "sequence")) for n in range(5)]
    compare("bodies, ids and properties", expected,
            [(event["message"], event["messaging.message.id"], event["amqp.properties.number"]) for event in events])
    check(all(event["messaging.destination.name"] == broker.source("kinds") and event["messaging.system"] == "amqp" for event in events),
          "wrong origin: %r", events[0])
    check(not any("lugger.undecodable" in event or "lugger.redelivered" in event for event in events), "marked without a reason")


def ebcdic(rig, broker):
    text = "IEF403I PAYROLL - STARTED [\u00ac] $HASP"
    broker.put("ebcdic", 1, body=text.encode("cp037").decode("latin-1"), latin1="yes")
    (event,) = ship(rig, broker.name + "-ebcdic", broker.input("mq", "ebcdic", encoding="IBM-037"))
    check(event["message"] == text, "EBCDIC became %r", event["message"])


def too_long(rig, broker):
    broker.put("long", 1, size=100000)
    events = ship(rig, broker.name + "-long", broker.input("mq", "long", max_message_size="64KiB"))
    whole = amqp.body(0, 100000)
    kept = [event for event in events if event.get("event.kind") != "pipeline_error"]
    losses = [event for event in events if event.get("event.kind") == "pipeline_error"]
    text = "".join(event["message"] for event in kept)
    check(whole.startswith(text) and 60000 < len(text) <= 65536 and all(event["lugger.truncated"] for event in kept), "kept %d bytes", len(text))
    check(len(losses) == 1 and losses[0]["lugger.loss.bytes"] + len(text) >= len(whole), "losses: %r", losses)


def framed(rig, broker):
    broker.put("framed", 1, body="one\ntwo\nthree\n")
    events = ship(rig, broker.name + "-framed", broker.input("mq", "framed", framed=True))
    compare("records of one message", ["one", "two", "three"], [event["message"] for event in events])
    broker.put("framed", 1, first=1, body="one\ntwo\n")
    (event,) = ship(rig, broker.name + "-whole", broker.input("mq", "framed"))
    check(event["message"] == "one\ntwo", "a message that is one record became %r", event["message"])


class Muffle(threading.Thread):
    """Stands between Lugger and the broker; once `muffled`, nothing that Lugger says gets through any more."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.to, self.muffled = port, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            client = self.listener.accept()[0]
            broker = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.copy, args=(client, broker, self.muffled), daemon=True).start()
            threading.Thread(target=self.copy, args=(broker, client, threading.Event()), daemon=True).start()

    @staticmethod
    def copy(source, target, muffled):
        try:
            while data := source.recv(65536):
                if not muffled.is_set():
                    target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def not_told(rig, broker, queue, **sent):
    """All messages become durable, the broker hears nothing of it, Lugger is killed: they come again. Returns the events of both runs."""
    broker.put(queue, 1, first=300, **sent)
    out = rig.path("%s-%s.json" % (broker.name, queue))
    between = Muffle(broker.port)
    source = broker.input("mq", queue, servers=["amqp://127.0.0.1:%d" % between.port], credit=300)
    outputs = [{"name": "o", "type": "file", "path": out, "format": "json"}]
    shipper = rig.lugger("%s-%s" % (broker.name, queue), {"inputs": [source], "outputs": outputs})
    shipper.start()
    rig.until("the first one was taken and the credit given", lambda: shipper.input_status("mq")["records"] == 1 and broker.depth(queue) == 0)
    between.muffled.set()
    broker.put(queue, 250, **sent)
    shipper.until_delivered("o", 251)
    shipper.kill()
    shipper.configure(rig, {"inputs": [dict(source, servers=[broker.plain])], "outputs": outputs})
    shipper.once()
    return {event["event.id"]: event for event in read(out)}.values()


def told_again(rig, broker):
    """With ids nothing is shipped twice; without, what comes again is shipped again, and marked where the broker says so (RabbitMQ always does, Artemis
    forgets it when it takes the end of the connection for an orderly one): a repeat is better than a loss."""
    expected = [amqp.body(number) for number in (300, *range(250))]
    compare(broker.name + ": with ids", expected, [event["message"] for event in not_told(rig, broker, "ids")])
    events = not_told(rig, broker, "noids", id="none")
    compare(broker.name + ": without ids, at least once", set(expected), {event["message"] for event in events})
    marked = [event["message"] for event in events if event.get("lugger.redelivered")]
    if isinstance(broker, amqp.RabbitMq):
        compare("the first time unmarked, the second time marked", expected, [event["message"] for event in events if not event.get("lugger.redelivered")])
    return len(marked)


def refused(rig):
    broker = amqp.RabbitMq(rig).start()
    broker.put("there", 10)
    source = broker.input("mq", "missing")
    shipper = rig.lugger("refused", {"inputs": [source], "outputs": [{"name": "o", "type": "file", "path": rig.path("refused.json"), "format": "json"}]})
    shipper.start()
    rig.until("the missing queue shows", lambda: "missing" in shipper.input_status("mq")["last_error"])
    rig.until("it is a fault", lambda: shipper.input_status("mq")["state"] == "fault" and shipper.command("status")[0] == 1)
    check(shipper.stop() == 0, "the shipper did not end in order")
    for name, password, works in (("wrong", "nonsense", False), ("right", "guest", True)):
        source = dict(broker.input("mq", "there"), password=password)
        shipper = rig.lugger(name, {"inputs": [source], "outputs": [{"name": "o", "type": "file", "path": rig.path(name + ".json"), "format": "json"}]})
        if works:
            shipper.once()
            compare("after the right password", [amqp.body(number) for number in range(10)], [event["message"] for event in read(rig.path(name + ".json"))])
        else:
            shipper.start()
            rig.until("the wrong password shows", lambda: shipper.input_status("mq")["state"] == "fault")
            check("nonsense" not in shipper.log() + json.dumps(shipper.status()), "the password is in the log or the status")
            check(shipper.stop() == 0, "the shipper did not end in order")
    return broker


with Rig() as rig:
    again = []
    for broker in (amqp.Artemis(rig).start(), refused(rig)):
        kinds(rig, broker)
        ebcdic(rig, broker)
        too_long(rig, broker)
        framed(rig, broker)
        again.append(told_again(rig, broker))
        print("%s: bodies, EBCDIC, too long, framed; %d of 250 without an id came twice, marked" % (broker.name, again[-1]))
    check(sum(again) > 0, "no message came twice: nothing was proved about those without an id")
