"""A real Apache Kafka for kafka.sh:  kafka_broker.py FILE TOPIC PARTITIONS. Writes the address to FILE and runs until standard input ends."""

import os
import sys

from kafka import Cluster
from rig import Rig

with Rig() as rig:
    cluster = Cluster(rig)
    cluster.create_topic(sys.argv[2], partitions=int(sys.argv[3]))
    with open(sys.argv[1] + ".new", "w") as out:
        out.write(",".join(cluster.plain) + "\n")
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    sys.stdin.read()
