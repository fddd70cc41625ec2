#!/usr/bin/env bash
# The benchmark: SYSLOG lines from a file -> spool (sync: always) -> TLS, beside framing + TLS alone, in one run on one machine.
#
#     tests/bench/run.sh [--gb N] [--parser NAME]... [--format NAME] [--memory SIZE] [--encrypt] [--dir DIR]
#
#     --gb N         data in 10^9 bytes (default 1)
#     --parser NAME  zos-syslog or text; may be repeated (default: both)
#     --format NAME  what the output sends; may be repeated (default: rfc5424, and raw, which sends the bare lines as the baseline does)
#     --memory SIZE  Lugger's memory budget (default: Lugger's own)
#     --encrypt      the spool is encrypted: the rows say so
#     --dir DIR      where the data and the spool go (default build/bench); put it on the disk you want to know about
#
# "zstd alone" compresses the same lines as the spool does its batches (level 1, blocks of 256 KiB), without writing them.
#
# "spool" rows: recovery of a full segment behind a kill, and what one group commit takes (spool.c), on that disk.
#
# Prints CPU-seconds per GB of source data (user + system), records/s and peak RSS. The sink counts what arrives; a run in which a record
# is missing or repeated fails.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/support/lib.sh"
. "$top/tests/bench/lib.sh"

gb=1
formats=()
memory=
encrypted=
dir=$top/build/bench
parsers=()
while [ $# -gt 0 ]; do
	case $1 in
	--gb) gb=$2 ;;
	--parser) parsers+=("$2") ;;
	--format) formats+=("$2") ;;
	--memory) memory=$2 ;;
	--dir) dir=$2 ;;
	--encrypt) encrypted=", encrypted"; shift; continue ;;
	*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
	esac
	shift 2
done
[ ${#parsers[@]} -gt 0 ] || parsers=(zos-syslog text)
[ ${#formats[@]} -gt 0 ] || formats=(rfc5424 raw)
lugger=${LUGGER:-$top/build/release/lugger}
[ -x "$lugger" ] || fail "no $lugger: cmake --preset release && cmake --build --preset release"

mkdir -p "$dir"
work=$(mktemp -d "$dir/run.XXXXXX")
sink_pid=
cleanup() {
	[ -z "$sink_pid" ] || stop_process "$sink_pid"
	rm -rf "$work"
}
trap cleanup EXIT

build_tools() {
	local tool
	for tool in baseline tls_sink measure zstd_alone; do
		cc -O2 -g -std=gnu11 -D_XOPEN_SOURCE=700 -Wall -Wextra -o "$work/$tool" "$top/tests/bench/$tool.c" -lssl -lcrypto -lzstd
	done
}

start_sink() {
	rm -f "$work/sink"
	"$work/tls_sink" "$work/tls/server.pem" "$work/tls/server.key" >"$work/sink" &
	sink_pid=$!
	wait_for 10 "the sink" test -s "$work/sink"
	port=$(head -1 "$work/sink")
}

# Stops the sink and checks that it got every record once.
check_sink() {
	local got
	stop_process "$sink_pid"
	sink_pid=
	got=$(awk '$3 == "messages" { print $4 }' "$work/sink")
	[ "$got" = "$records" ] || fail "$1: the sink got ${got:-nothing} of $records records"
}

run_baseline() {
	start_sink
	"$work/measure" "$work/cost" "$work/baseline" "$port" "$work/tls/ca.pem" "$data" >"$work/baseline.out"
	check_sink baseline
	row "framing + TLS alone"
	base=$cpu_per_gb
}

run_zstd() {
	"$work/measure" "$work/cost" "$work/zstd_alone" "$data" >"$work/zstd.out"
	row "zstd alone" "$base"
}

# run_lugger PARSER FORMAT
run_lugger() {
	start_sink
	rm -rf "$work/data_dir"
	[ -z "$encrypted" ] || (umask 077 && "$lugger" spool keygen >"$work/keys")
	cat >"$work/lugger.yaml" <<-YAML
		version: 1
		data_dir: $work/data_dir
		${memory:+memory: $memory}
		spool: {sync: always${encrypted:+, encryption_key_file: $work/keys}}
		inputs:
		  - name: operlog
		    type: file
		    path: [$data]
		    parser: $1
		    $([ "$1" = text ] || echo "timezone: America/New_York")
		outputs:
		  - name: sink
		    type: syslog
		    servers: [127.0.0.1:$port]
		    format: $2
		    tls: {ca_file: $work/tls/ca.pem}
	YAML
	"$work/measure" "$work/cost" "$lugger" run -c "$work/lugger.yaml" --once 2>"$work/lugger.log" || { cat "$work/lugger.log" >&2; fail "lugger failed"; }
	check_sink "lugger, $1, $2$encrypted"
	row "lugger, $1, $2$encrypted" "$base"
}

build_tools
make_certs "$work/tls"
write_data
printf '%d records of %d bytes, spool sync: always, TLS 1.3 on loopback, %d cores\n\n' "$records" "$RECORD_BYTES" "$(nproc)"
table_head
run_baseline
run_zstd
for parser in "${parsers[@]}"; do
	for format in "${formats[@]}"; do
		run_lugger "$parser" "$format"
	done
done
bench_spool=$(dirname "$lugger")/tests/bench_spool
if [ -x "$bench_spool" ]; then
	mkdir -p "$work/spool"
	printf '\n'
	"$bench_spool" "$work/spool"
else
	printf '\nskipped: the spool rows, no %s\n' "$bench_spool"
fi
