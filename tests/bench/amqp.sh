#!/usr/bin/env bash
# The AMQP benchmark: messages of one queue into the spool (sync: always), accepted when durable, beside Proton's own receive example on the same broker
# in the same run.
#
#     tests/bench/amqp.sh [--messages N] [--size N] [--broker rabbitmq|artemis] [--rounds N] [--credit N] [--dir DIR]
#
#     --messages N   in each round (default 100000)
#     --size N       bytes of a body (default 200)
#     --broker NAME  default rabbitmq
#     --rounds N     the two take turns so often; the table has a row for each (default 3)
#     --credit N     Lugger's (default 500, its own default)
#     --dir DIR      where the spool goes (default build/bench)
#
# Proton's example is libqpid-proton11-dev-examples' receive.c, built here: it accepts each message when it has printed it and gives one credit for each.
# Its output goes to a file. Prints messages/s and the CPU-seconds of each receiver, not of the broker; the last line is the ratio of the medians.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/support/lib.sh"

messages=100000
size=200
broker=rabbitmq
rounds=3
credit=500
dir=$top/build/bench
while [ $# -gt 0 ]; do
	case $1 in
	--messages) messages=$2 ;;
	--size) size=$2 ;;
	--broker) broker=$2 ;;
	--rounds) rounds=$2 ;;
	--credit) credit=$2 ;;
	--dir) dir=$2 ;;
	*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
	esac
	shift 2
done
lugger=${LUGGER:-$top/build/release/lugger}
[ -x "$lugger" ] || fail "no $lugger: cmake --preset release && cmake --build --preset release"
examples=/usr/share/proton/examples/c
[ -f "$examples/receive.c" ] || fail "no $examples/receive.c: apt-get install libqpid-proton11-dev-examples"
mkdir -p "$dir"
LUGGER_SOURCE=$top LUGGER=$lugger PYTHONPATH=$top/tests/support exec python3 -B "$top/tests/bench/amqp_rounds.py" "$broker" "$messages" "$size" "$rounds" "$dir" "$examples" "$credit"
