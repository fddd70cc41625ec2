#!/usr/bin/env bash
# Fuzzes every decoder with libFuzzer, as many at a time as there are processors.
#
#     tests/fuzz/run.sh [--seconds N] [--jobs N] [NAME]...     e.g. tests/fuzz/run.sh --seconds 60 framing stream
#
#     --seconds N   for each target (default 600)
#     --jobs N      targets at a time (default: one a processor)
#
# Builds the preset `fuzz`, which takes clang; without it nothing is done, and said. New inputs that reach new code collect in
# build/fuzz/found/NAME and are used again. What breaks a target is named, with the command that shows it, and the status is 1: put a found
# input into tests/fuzz/corpus/NAME, where plain ctest replays it.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/support/lib.sh"

seconds=600 jobs=$(nproc)
names=()
while [ $# -gt 0 ]; do
	case $1 in
	--seconds) seconds=$2; shift 2 ;;
	--jobs) jobs=$2; shift 2 ;;
	-*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
	*) names+=("$1"); shift ;;
	esac
done
if ! command -v clang >/dev/null; then
	echo "SKIP: fuzzing takes clang (Debian: clang libclang-rt-14-dev, or the version of your release)"
	exit 0
fi
if [ ${#names[@]} -eq 0 ]; then
	for source in "$top"/tests/fuzz/fuzz_*.c; do
		name=${source##*/fuzz_}
		names+=("${name%.c}")
	done
fi

cd "$top"
mkdir -p build/fuzz
if ! { cmake --preset fuzz && cmake --build --preset fuzz -j "$jobs" --target "${names[@]/#/fuzz_}"; } >build/fuzz/build.log 2>&1; then
	tail -30 build/fuzz/build.log >&2
	fail "the fuzz build failed; all of it is in build/fuzz/build.log"
fi

# fuzz NAME: its last line to standard output, the whole to build/fuzz/NAME.log; a status of its own.
fuzz() {
	local found=build/fuzz/found/$1 log=build/fuzz/$1.log status=0
	mkdir -p "$found"
	build/fuzz/tests/fuzz/"fuzz_$1" -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/$1-" "$found" "tests/fuzz/corpus/$1" >"$log" 2>&1 || status=$?
	if [ "$status" -ne 0 ]; then
		printf '%-14s FAILED: %s\n' "$1" "$(sed -n 's/^.*Test unit written to //p' "$log" | tail -1)"
		printf '    build/fuzz/tests/fuzz/fuzz_%s FILE shows it; all of it is in %s\n' "$1" "$log"
		return 1
	fi
	printf '%-14s ok, %s runs in %s s\n' "$1" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$seconds"
}

printf 'Fuzzing %d targets, %s s each, %d at a time\n' "${#names[@]}" "$seconds" "$jobs"
status=0 running=0
for name in "${names[@]}"; do
	if [ "$running" -ge "$jobs" ]; then
		wait -n || status=1
		running=$((running - 1))
	fi
	fuzz "$name" &
	running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
	wait -n || status=1
	running=$((running - 1))
done
exit "$status"
