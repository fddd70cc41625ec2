"""AMQP 1.0 brokers on loopback: RabbitMQ (Debian's, with its AMQP 1.0 plugin) and Apache ActiveMQ Artemis (jars of tests/interop/artemis/fetch.sh).

    with Rig() as rig:
        broker = RabbitMq(rig).start()
        broker.put("q", 1000)                     # message-ids m-0 ..., bodies as body(n)
        ... shipper with servers [broker.plain] or [broker.tls], source broker.source("q") ...
        broker.depth("q")

A broker that is killed starts again on its own data and ports.
"""

import glob
import os
import shutil
import socket

from rig import LUGGER, SOURCE, Process, check, run, skip


def program(name):
    """A helper that is built with the tests; the release preset has none."""
    places = [os.path.dirname(LUGGER)] + [os.path.join(SOURCE, "build", preset) for preset in ("asan", "dev", "tsan")]
    built = [path for path in (os.path.join(place, name) for place in places) if os.path.exists(path)]
    return built[0] if built else skip("%s is not built (it wants libqpid-proton11-dev)" % name)


def body(number, size=120):
    """What amqp_send.c makes of a number."""
    text = "message %d " % number
    return text + "".join(chr(ord("!") + (number * 31 + at) % 94) for at in range(len(text), size))


class Broker(Process):
    user = password = None

    def answers(self):
        """SASL's protocol header comes back (AMQP 1.0 part 5, section 5.3.2): a broker listens before it is ready."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                probe.sendall(b"AMQP\x03\x01\x00\x00")
                return probe.recv(8) == b"AMQP\x03\x01\x00\x00"
        except OSError:
            return False

    def put(self, queue, count, first=0, seconds=120, **settings):
        """Ends when the broker has accepted all of them."""
        words = ["%s=%s" % pair for pair in settings.items()]
        if self.user:
            words += ["user=" + self.user, "password=" + self.password]
        status, _, err = run(program("amqp_send"), "127.0.0.1", str(self.port), self.address(queue), str(count), "first=%d" % first, *words, seconds=seconds)
        check(status == 0, "amqp_send: %s", err)

    def input(self, name, *queues, **options):
        """An entry of `inputs` that reads the queues in plaintext."""
        login = {"username": self.user, "password": self.password} if self.user else {}
        return {"name": name, "type": "amqp", "servers": [self.plain], "source": [self.source(queue) for queue in queues], **login, **options}


class RabbitMq(Broker):
    """A private instance: its own node name, ports and directories, no epmd of the system's."""

    user, password = "guest", "guest"

    def __init__(self, rig, name="rabbitmq"):
        server = "/usr/lib/rabbitmq/bin/rabbitmq-server"
        if not os.path.exists(server):
            skip("rabbitmq-server is not installed")
        self.port, self.tls_port, dist, self.epmd = rig.port(), rig.port(), rig.port(), rig.port()
        self.plain, self.tls = "amqp://127.0.0.1:%d" % self.port, "amqps://localhost:%d" % self.tls_port
        ca, cert = rig.ca(), rig.cert("broker")
        for directory in ("home", "mnesia", "log"):
            os.makedirs(rig.path("%s.%s" % (name, directory)))
        plugins = rig.write(name + ".plugins", "[rabbitmq_amqp1_0].\n")
        config = rig.write(name + ".conf", "".join(line + "\n" for line in (
            "listeners.tcp.1 = 127.0.0.1:%d" % self.port, "listeners.ssl.1 = 127.0.0.1:%d" % self.tls_port,
            "ssl_options.cacertfile = " + ca.pem, "ssl_options.certfile = " + cert.pem, "ssl_options.keyfile = " + cert.key,
            "ssl_options.verify = verify_none", "log.console = true", "log.console.level = error", "log.file = false",
            "disk_free_limit.absolute = 10MB", "vm_memory_high_watermark.absolute = 1GB")))
        self.settings = {
            "HOME": rig.path(name + ".home"), "RABBITMQ_MNESIA_BASE": rig.path(name + ".mnesia"), "RABBITMQ_LOG_BASE": rig.path(name + ".log"),
            "RABBITMQ_NODENAME": "lugger%d@localhost" % self.port, "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(dist), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(self.epmd),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2", "RABBITMQ_PID_FILE": rig.path(name + ".pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": plugins, "RABBITMQ_CONFIG_FILE": config, "RABBITMQ_CONF_ENV_FILE": rig.path(name + ".none"),
        }
        # A process namespace of its own: rabbitmq-server is a shell that starts the Erlang node, and all of it has to end when it is killed.
        if os.geteuid() != 0 or not shutil.which("unshare"):
            skip("a RabbitMQ that can be killed wants root and unshare")
        super().__init__(rig, name, ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", server], environment=self.settings, directory=rig.path(name + ".home"))
        # The name server of the Erlang nodes outlives them; ours ends with the test.
        self.names = Process(rig, name + ".epmd", [shutil.which("epmd", path="/usr/bin:" + os.environ.get("PATH", "")) or "epmd", "-port", str(self.epmd),
                                                  "-address", "127.0.0.1"])

    def start(self):
        if not self.names.running():
            self.names.start()
            self.rig.until_listens(self.epmd, self.names)
        super().start()
        self.rig.until("RabbitMQ answers", self.answers, step=0.2)
        return self

    def address(self, queue):
        return "/queue/" + queue  # declared when it is not there

    def source(self, queue):
        return "/amq/queue/" + queue

    def depth(self, queue):
        """Messages in the queue, those handed out and not settled included."""
        status, out, err = run("/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", "--no-table-headers", "list_queues", "name", "messages", environment=self.settings)
        check(status == 0, "rabbitmqctl: %s%s", out, err)
        return sum(int(line.split()[1]) for line in out.splitlines() if line.split()[:1] == [queue])


ARTEMIS_XML = """<configuration xmlns="urn:activemq" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <core xmlns="urn:activemq:core">
    <security-enabled>false</security-enabled>
    <journal-type>NIO</journal-type>
    <paging-directory>%(data)s/paging</paging-directory>
    <bindings-directory>%(data)s/bindings</bindings-directory>
    <journal-directory>%(data)s/journal</journal-directory>
    <large-messages-directory>%(data)s/large</large-messages-directory>
    <journal-file-size>1M</journal-file-size>
    <journal-min-files>2</journal-min-files>
    <max-disk-usage>-1</max-disk-usage>
    <critical-analyzer>false</critical-analyzer>
    <acceptors>
      <acceptor name="plain">tcp://127.0.0.1:%(port)d?protocols=AMQP</acceptor>
      <acceptor name="tls">tcp://127.0.0.1:%(tls)d?protocols=AMQP;sslEnabled=true;keyStoreType=PEM;keyStorePath=%(pem)s</acceptor>
    </acceptors>
    <address-settings>
      <address-setting match="#">
        <default-address-routing-type>ANYCAST</default-address-routing-type>
        <default-queue-routing-type>ANYCAST</default-queue-routing-type>
        <auto-delete-queues>false</auto-delete-queues>
        <auto-delete-addresses>false</auto-delete-addresses>
        <max-delivery-attempts>-1</max-delivery-attempts>
      </address-setting>
    </address-settings>
  </core>
</configuration>
"""


class Artemis(Broker):
    """Started embedded (Broker.java); anonymous."""

    def __init__(self, rig, name="artemis", version="2.42.0"):
        jars = os.path.join(SOURCE, "build/peers/artemis-%s/lib" % version)
        if not glob.glob(jars + "/artemis-server-*.jar"):
            skip("Apache ActiveMQ Artemis %s is not there (tests/interop/artemis/fetch.sh, which needs Maven Central)" % version)
        if not shutil.which("javac"):
            skip("a JDK is not installed")
        self.port, self.tls_port = rig.port(), rig.port()
        self.plain, self.tls = "amqp://127.0.0.1:%d" % self.port, "amqps://localhost:%d" % self.tls_port
        cert = rig.cert("broker")
        with open(cert.key) as key, open(cert.pem) as pem:
            both = rig.write(name + ".pem", key.read() + pem.read())
        config = rig.write(name + ".xml", ARTEMIS_XML % {"data": rig.path(name + ".data"), "port": self.port, "tls": self.tls_port, "pem": both})
        super().__init__(rig, name, ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars + "/*",
                                     os.path.join(SOURCE, "tests/interop/artemis/Broker.java"), "file://" + config])

    def start(self):
        self.questions, theirs = os.pipe()[::-1]
        super().start(stdin=theirs)
        os.close(theirs)
        self.rig.until("Artemis answers", self.answers, step=0.1)
        return self

    def address(self, queue):
        return queue

    source = address

    def depth(self, queue):
        before = self.output().count("depth ")
        os.write(self.questions, b"depth %s\n" % queue.encode())
        self.rig.until("Artemis answers", lambda: self.output().count("depth ") > before)
        return int(self.output().strip().rsplit(" ", 1)[1])
