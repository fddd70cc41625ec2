"""A real Apache Kafka on loopback (KRaft; jars of tests/interop/kafka/fetch.sh), and kcat to read it back.

    with Rig() as rig:
        kafka = Cluster(rig)                     # nodes=3 for three; version="3.9.1" for SCRAM with an old librdkafka
        kafka.create_topic("syslog", partitions=3)
        ... shipper with brokers [kafka.plain] or [kafka.ssl] or [kafka.sasl] ...
        records = kafka.read("syslog")           # Record(partition, offset, key, headers, payload), read_committed

Listeners: `plain` (no TLS), `ssl` (TLS; client certificates of the rig's ca are asked for and checked when given), `sasl` (TLS and SASL: PLAIN user
`plain`, SCRAM user `alice`, passwords "NAME-secret"). The server certificate is of the rig's ca, for localhost. A broker that is killed starts again on
its own data and ports.
"""

import collections
import glob
import json
import os
import shutil
import subprocess

from rig import LUGGER, SOURCE, Process, check, run, skip

Record = collections.namedtuple("Record", "partition offset key headers payload")
CLUSTER_ID = "bHVnZ2VyLXRlc3Qta2Fma2E"  # 22 characters of base64url
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
LOG4J = """rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1}: %m%n
"""


def admin_program():
    """Built with the tests; the release preset has none."""
    places = [os.path.dirname(LUGGER)] + [os.path.join(SOURCE, "build", preset) for preset in ("asan", "dev", "tsan")]
    built = [path for path in (os.path.join(place, "kafka_admin") for place in places) if os.path.exists(path)]
    return built[0] if built else skip("kafka_admin is not built (cmake --preset asan && cmake --build --preset asan)")


def java(version, *arguments):
    """The command line that runs a class of Kafka's jars."""
    jars = os.path.join(SOURCE, "build/peers/kafka-%s/lib" % version)
    if not glob.glob(jars + "/kafka_*.jar"):
        skip("Apache Kafka %s is not there (tests/interop/kafka/fetch.sh, which needs Maven Central)" % version)
    if not shutil.which("java"):
        skip("java is not installed")
    return ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars + "/*", *arguments]


class Broker(Process):
    """One node: broker and controller. Its data stays when it is killed; `start` after `kill` goes on with it."""

    def __init__(self, rig, version, number, voters, ports, extra):
        self.number, self.ports, self.version = number, ports, version
        self.directory_path = rig.path("kafka%d" % number)
        os.makedirs(self.directory_path)
        ca, server = rig.ca(), rig.cert("kafka-server")
        with open(self.path("server.pem"), "w") as pem:
            for part in (server.key, server.pem, ca.pem):
                with open(part) as text:
                    pem.write(text.read())
        rig.write("kafka%d/log4j2.properties" % number, LOG4J)
        properties = {
            "process.roles": "broker,controller",
            "node.id": number,
            "controller.quorum.voters": voters,
            "listeners": "PLAINTEXT://127.0.0.1:%(plain)d,SSL://127.0.0.1:%(ssl)d,SASLSSL://127.0.0.1:%(sasl)d,CONTROLLER://127.0.0.1:%(controller)d" % ports,
            "advertised.listeners": "PLAINTEXT://127.0.0.1:%(plain)d,SSL://localhost:%(ssl)d,SASLSSL://localhost:%(sasl)d" % ports,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SSL:SSL,SASLSSL:SASL_SSL,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.path("data"),
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "broker.session.timeout.ms": 2000,  # a killed broker comes back when its old session has ended
            "broker.heartbeat.interval.ms": 400,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.path("server.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": ca.pem,
            "listener.name.ssl.ssl.client.auth": "requested",
            "sasl.enabled.mechanisms": ",".join(SCRAM + ("PLAIN",)),
            "listener.name.saslssl.plain.sasl.jaas.config":
                'org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="plain-secret";',
            **{"listener.name.saslssl.%s.sasl.jaas.config" % mechanism.lower(): "org.apache.kafka.common.security.scram.ScramLoginModule required;"
               for mechanism in SCRAM},
            **extra,
        }
        rig.write("kafka%d/server.properties" % number, "".join("%s=%s\n" % row for row in properties.items()))
        log4j = "-Dlog4j2.configurationFile=" + self.path("log4j2.properties")
        self.format(version, log4j)
        super().__init__(rig, "kafka%d" % number, java(version, log4j, "kafka.Kafka", self.path("server.properties")), directory=self.directory_path)

    def path(self, name):
        return os.path.join(self.directory_path, name)

    def format(self, version, log4j):
        users = [word for mechanism in SCRAM for word in ("--add-scram", "%s=[name=alice,password=alice-secret]" % mechanism)]
        done = subprocess.run(java(version, log4j, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", self.path("server.properties"), *users),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.directory_path)
        check(done.returncode == 0, "formatting Kafka's storage: %s", done.stdout.decode("utf-8", "replace"))


class Cluster:
    """One or three nodes. `properties` are added to each server.properties."""

    def __init__(self, rig, nodes=1, version="4.1.0", properties=None, start=True):
        if not shutil.which("kcat"):
            skip("kcat is not installed")
        self.rig, self.version = rig, version
        ports = [{name: rig.port() for name in ("plain", "ssl", "sasl", "controller")} for _ in range(nodes)]
        voters = ",".join("%d@127.0.0.1:%d" % (number, port["controller"]) for number, port in enumerate(ports, 1))
        copies = min(nodes, 3)
        extra = {"offsets.topic.replication.factor": copies, "transaction.state.log.replication.factor": copies,
                 "transaction.state.log.min.isr": max(1, copies - 1), "default.replication.factor": copies,
                 "min.insync.replicas": max(1, copies - 1), **(properties or {})}
        self.brokers = [Broker(rig, version, number, voters, port, extra) for number, port in enumerate(ports, 1)]
        self.plain, self.ssl, self.sasl = (
            ["%s:%d" % (host, port[name]) for port in ports] for name, host in (("plain", "127.0.0.1"), ("ssl", "localhost"), ("sasl", "localhost")))
        if start:
            self.start()

    def start(self):
        for broker in self.brokers:
            if not broker.running():
                broker.start()
        for broker in self.brokers:
            self.rig.until_listens(broker.ports["plain"], broker)
        self.rig.until("the cluster of %d answers" % len(self.brokers), self.answers, step=0.2)
        return self

    def kcat(self, *arguments, stdin=None, seconds=120):
        return run("kcat", "-b", ",".join(self.plain), "-m", "10", *arguments, stdin=stdin, seconds=seconds)

    def answers(self):
        status, out, _ = self.kcat("-L", "-J")
        return status == 0 and len(json.loads(out)["brokers"]) == len(self.brokers)

    def admin(self, *arguments):
        """tests/support/kafka_admin.c: topics and committed offsets. Returns what it printed."""
        status, out, err = run(admin_program(), ",".join(self.plain), *arguments)
        check(status == 0, "kafka_admin %s: %s", " ".join(arguments), err)
        return out.rstrip("\n")

    def create_topic(self, name, partitions=1, **config):
        """config: e.g. max_message_bytes=1000."""
        settings = ["%s=%s" % (key.replace("_", "."), value) for key, value in config.items()]
        self.admin("create-topic", name, str(partitions), str(min(len(self.brokers), 3)), *settings)
        self.rig.until("topic %s has leaders" % name, lambda: self.has_leaders(name, partitions), step=0.1)

    def has_leaders(self, topic, partitions):
        status, out, _ = self.kcat("-L", "-J", "-t", topic)
        found = [partition for entry in json.loads(out)["topics"] for partition in entry["partitions"]] if status == 0 else []
        return len(found) == partitions and all(partition["leader"] > 0 for partition in found)

    def delete_topic(self, name):
        self.admin("delete-topic", name)

    def read(self, topic, isolation="read_committed", seconds=300):
        """All records of the topic, partition by partition in the order of their offsets; payload and key as text (surrogateescape)."""
        argv = ["kcat", "-b", ",".join(self.plain), "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J",
                "-X", "isolation.level=" + isolation, "-X", "fetch.wait.max.ms=20", "-X", "check.crcs=true"]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)
        check(done.returncode == 0, "kcat: %s", done.stderr.decode("utf-8", "replace"))
        records = []
        for line in done.stdout.split(b"\n"):
            if line:
                record = json.loads(line.decode("utf-8", "surrogateescape"))
                pairs = iter(record.get("headers") or [])
                records.append(Record(record["partition"], record["offset"], record["key"], dict(zip(pairs, pairs)), record["payload"]))
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def end_offsets(self, topic, partitions):
        """The high watermarks: how far each partition is written."""
        ends = []
        for partition in range(partitions):
            status, out, err = self.kcat("-Q", "-t", "%s:%d:-1" % (topic, partition))
            check(status == 0, "kcat -Q: %s", err)
            ends.append(int(out.split()[-1]))
        return ends
