#!/usr/bin/env bash
# The Kafka benchmark: SYSLOG lines from a file -> spool (sync: always) -> a topic, zstd, raw format, beside a bare librdkafka producer of the same
# records, in one run on one machine; against librdkafka's mock cluster (its cost is its own process) and against a real Apache Kafka.
#
#     tests/bench/kafka.sh [--gb N] [--format NAME]... [--exactly-once] [--no-broker] [--dir DIR]
#
#     --gb N           data in 10^9 bytes (default 1)
#     --format NAME    what the output sends; may be repeated (default: raw)
#     --exactly-once   a row more: transactions, against the real broker
#     --no-broker      the mock cluster alone
#     --dir DIR        where the data and the spool go (default build/bench)
#
# Prints CPU-seconds per GB of source data (user + system), the ratio to the bare producer, records/s and peak RSS. Against the real broker the
# number of messages in the topic is checked; the mock cluster keeps 5 MiB per partition, there Lugger's own cursor is.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/support/lib.sh"
. "$top/tests/bench/lib.sh"

PARTITIONS=4
gb=1
formats=()
exactly_once=
broker=yes
dir=$top/build/bench
while [ $# -gt 0 ]; do
	case $1 in
	--gb) gb=$2 ;;
	--format) formats+=("$2") ;;
	--dir) dir=$2 ;;
	--exactly-once) exactly_once=yes; shift; continue ;;
	--no-broker) broker=; shift; continue ;;
	*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
	esac
	shift 2
done
[ ${#formats[@]} -gt 0 ] || formats=(raw)
lugger=${LUGGER:-$top/build/release/lugger}
[ -x "$lugger" ] || fail "no $lugger: cmake --preset release && cmake --build --preset release"

mkdir -p "$dir"
work=$(mktemp -d "$dir/run.XXXXXX")
brokers_pid=
exec {hold}<> <(:) # a pipe nobody writes to: the brokers' standard input
cleanup() {
	[ -z "$brokers_pid" ] || stop_process "$brokers_pid"
	rm -rf "$work"
}
trap cleanup EXIT

build_tools() {
	local tool
	for tool in bench/kafka_bare bench/measure support/mock_kafka; do
		cc -O2 -g -std=gnu11 -D_XOPEN_SOURCE=700 -Wall -Wextra -o "$work/${tool#*/}" "$top/tests/$tool.c" -lrdkafka
	done
}

start_mock() {
	rm -f "$work/bootstrap"
	"$work/mock_kafka" "$work/bootstrap" 1 "$1" $PARTITIONS <&"$hold" 2>"$work/mock.log" &
	brokers_pid=$!
	wait_for 10 "the mock cluster" test -s "$work/bootstrap"
	bootstrap=$(cat "$work/bootstrap")
}

# The rig of the tests starts the broker; it ends with its standard input.
start_broker() {
	rm -f "$work/bootstrap"
	LUGGER_SOURCE=$top LUGGER=$top/build/asan/lugger PYTHONPATH=$top/tests/support python3 -B "$top/tests/bench/kafka_broker.py" "$work/bootstrap" "$1" \
		$PARTITIONS >"$work/broker.log" 2>&1 <&"$hold" &
	brokers_pid=$!
	wait_for 60 "Apache Kafka" test -s "$work/bootstrap"
	bootstrap=$(cat "$work/bootstrap")
}

stop_brokers() {
	stop_process "$brokers_pid"
	brokers_pid=
}

# check_topic NAME WHAT: the real broker holds as many messages as there are records.
check_topic() {
	local partition got=0
	[ "$peer" = Kafka ] || return 0
	for ((partition = 0; partition < PARTITIONS; partition++)); do
		got=$((got + $(kcat -b "$bootstrap" -Q -t "$1:$partition:-1" | awk '{ print $NF }')))
	done
	[ "$got" -ge "$records" ] || fail "$2: $got messages of $records records in the topic"
}

run_bare() {
	"start_$1" bench
	"$work/measure" "$work/cost" "$work/kafka_bare" "$bootstrap" bench "$data" >"$work/bare.out" 2>&1 || { cat "$work/bare.out" >&2; fail "the bare producer failed"; }
	check_topic bench "the bare producer"
	stop_brokers
	row "bare producer, $peer"
	base=$cpu_per_gb
}

# run_lugger KIND FORMAT EXACTLY_ONCE
run_lugger() {
	"start_$1" bench
	rm -rf "$work/data_dir"
	cat >"$work/lugger.yaml" <<-YAML
		version: 1
		data_dir: $work/data_dir
		inputs:
		  - {name: operlog, type: file, path: [$data]}
		outputs:
		  - name: bus
		    type: kafka
		    brokers: [${bootstrap//,/, }]
		    tls: off
		    topic: bench
		    format: $2
		    $([ "$3" = false ] || echo 'exactly_once: true')
		    compression: zstd
		    compression_level: 1
	YAML
	"$work/measure" "$work/cost" "$lugger" run -c "$work/lugger.yaml" --once 2>"$work/lugger.log" || { cat "$work/lugger.log" >&2; fail "lugger failed"; }
	check_topic bench "lugger, $2"
	stop_brokers
	row "lugger, $2, $peer$([ "$3" = false ] || echo ", exactly once")" "$base"
}

# against KIND NAME
against() {
	peer=$2
	run_bare "$1"
	for format in "${formats[@]}"; do
		run_lugger "$1" "$format" false
		[ "$1" = mock ] || [ -z "$exactly_once" ] || run_lugger "$1" "$format" true
	done
}

build_tools
write_data
printf '%d records of %d bytes, spool sync: always, zstd level 1, plaintext on loopback, %d cores\n\n' "$records" "$RECORD_BYTES" "$(nproc)"
table_head
against mock mock
[ -z "$broker" ] || against broker Kafka
