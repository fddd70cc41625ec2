"""amqp.sh's work: starts the broker, fills the queue, lets the two receivers empty it in turn."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import amqp
from rig import Rig, check

BROKER, MESSAGES, SIZE, ROUNDS, DIRECTORY, EXAMPLES, CREDIT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6], int(sys.argv[7])


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(rounds, row, run, queue):
    before, begin = cpu(), time.monotonic()
    run(queue)
    seconds, used = time.monotonic() - begin, cpu() - before
    rounds.setdefault(row, []).append(MESSAGES / seconds)
    print("%-34s %9.0f messages/s %7.2f CPU-s" % (row, MESSAGES / seconds, used), flush=True)


def example(rig, broker):
    """Proton's receive.c, which takes host, port, address and count; SASL as the broker wants it."""
    program = rig.path("receive")
    subprocess.run(["cc", "-O2", "-o", program, os.path.join(EXAMPLES, "receive.c"), "-lqpid-proton"], check=True)
    return lambda queue: subprocess.run([program, "127.0.0.1", str(broker.port), broker.source(queue), str(MESSAGES)], check=True,
                                        stdout=open(rig.path("received"), "wb"))


def lugger(rig, broker, queue):
    """Until the queue's last message is durable and accepted."""
    settings = {"inputs": [broker.input("mq", queue, credit=CREDIT)],
                "outputs": [{"name": "o", "type": "file", "path": rig.path(queue + ".out"), "format": "raw"}]}
    shipper = rig.lugger(queue, settings)
    shipper.data_dir = tempfile.mkdtemp(dir=DIRECTORY)
    shipper.configure(rig, settings)

    def all_settled():
        status = shipper.input_status("mq")
        return status["records"] == MESSAGES and ", 0 unsettled" in status["note"]

    def run(queue):
        shipper.start()
        rig.until("all are read", all_settled, seconds=300, step=0.1)
        check(shipper.stop() == 0, "lugger did not end in order")

    return run, shipper


with Rig() as rig:
    broker = {"rabbitmq": amqp.RabbitMq, "artemis": amqp.Artemis}[BROKER](rig).start()
    receive, rounds = example(rig, broker), {}
    print("%d messages of %d bytes, %s, plaintext on loopback, %d cores\n" % (MESSAGES, SIZE, BROKER, os.cpu_count()), flush=True)
    for number in range(ROUNDS):
        # A queue for each: the example ends before the broker has taken all its dispositions.
        ours, shipper = lugger(rig, broker, "lugger%d" % number)
        for row, queue, run in (("Proton's receive example", "example%d" % number, receive), ("lugger, durable, then accepted", "lugger%d" % number, ours)):
            broker.put(queue, MESSAGES, size=SIZE, seconds=600)
            timed(rounds, row, run, queue)
        check(broker.depth("lugger%d" % number) == 0, "messages are left in the queue")
        shutil.rmtree(shipper.data_dir)
    theirs, ours = (statistics.median(rounds[row]) for row in rounds)
    print("\nratio of the medians: %.2f" % (ours / theirs))
