#!/usr/bin/env bash
# Builds Lugger and runs its tests: unit, scenario, crash and interop, with AddressSanitizer and UndefinedBehaviorSanitizer.
#
#     tests/run.sh [--long] [--fuzz-seconds N] [ctest option...]      e.g. tests/run.sh -R interop
#
# Installs the packages it needs. --long also runs the tests labelled `long`, and then fuzzes every decoder for 600 s (tests/fuzz/run.sh: a dozen targets
# and more, as many at a time as there are processors, so about an hour on two). --fuzz-seconds N fuzzes for that long instead, with or without --long;
# 0: not at all. What cannot run here is skipped and said at the end, with
# the reason. The last line is ctest's: "100% tests passed, 0 tests failed out of N". Status 0 when no test failed.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
. tests/support/lib.sh

select=(-LE long)
fuzz_seconds=
while :; do
	case ${1:-} in
	--long) select=(); fuzz_seconds=${fuzz_seconds:-600}; shift ;;
	--fuzz-seconds) fuzz_seconds=$2; shift 2 ;;
	*) break ;;
	esac
done
jobs=$(nproc)

# syslog-ng cannot be installed beside rsyslog; unpacked it runs all the same. Without it its tests are skipped.
unpack_syslog_ng() {
	local peers=$top/build/peers
	[ ! -x "$peers/syslog-ng/usr/sbin/syslog-ng" ] || return 0
	mkdir -p "$peers"
	rm -rf "$peers/syslog-ng" "$peers"/syslog-ng-core_*.deb
	(cd "$peers" && apt-get -q -o APT::Sandbox::User=root download syslog-ng-core) >"$peers/apt.log" 2>&1 || return 0
	dpkg -x "$peers"/syslog-ng-core_*.deb "$peers/syslog-ng.new"
	mv "$peers/syslog-ng.new" "$peers/syslog-ng"
}

# The brokers of the Kafka and AMQP tests. Without them those tests are skipped and say so.
fetch_brokers() {
	tests/interop/kafka/fetch.sh >build/peers/fetch.log 2>&1 || printf 'no Kafka broker: %s\n' "$(tail -1 build/peers/fetch.log)"
	tests/interop/artemis/fetch.sh >build/peers/fetch.log 2>&1 || printf 'no Artemis broker: %s\n' "$(tail -1 build/peers/fetch.log)"
}

# build PRESET: quiet unless it fails.
build() {
	local log=$top/build/$1.log
	printf 'Building %s\n' "$1"
	mkdir -p build
	if ! { cmake --preset "$1" && cmake --build --preset "$1" -j "$jobs"; } >"$log" 2>&1; then
		tail -50 "$log" >&2
		fail "the $1 build failed; all of it is in build/$1.log"
	fi
}

fuzzing=()
[ "${fuzz_seconds:-0}" -eq 0 ] || fuzzing=(fuzz)
packaging/install-packages.sh test "${fuzzing[@]}"
unpack_syslog_ng
fetch_brokers
build asan
build release # the crash rounds and the throughput scenarios run on what users run

# A leak or an undefined operation fails the test; rig.py looks for the reports of the daemons it starts.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:exitcode=99
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:exitcode=99
export CTEST_OUTPUT_ON_FAILURE=1

output=build/asan/ctest.out
status=0
ctest --test-dir build/asan --no-tests=error -j "$jobs" "${select[@]}" "$@" 2>&1 | tee "$output" || status=$?
if [ "${fuzz_seconds:-0}" -ne 0 ]; then
	tests/fuzz/run.sh --seconds "$fuzz_seconds" || status=1
fi
sed -n 's/^SKIP: /skipped: /p' build/asan/Testing/Temporary/LastTest.log | sort -u
grep -E '^[0-9]+% tests passed' "$output" || true
exit "$status"
