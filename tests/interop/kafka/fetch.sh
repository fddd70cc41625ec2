#!/usr/bin/env bash
# Fetches Apache Kafka's jars by Maven for the tests.
#
#     tests/interop/kafka/fetch.sh [VERSION...]      default: 4.1.0 and 3.9.1 (SCRAM with Debian 12's librdkafka needs a broker below 4.0)
#
# Into build/peers/kafka-VERSION/lib; what is there already is not fetched again. Status 1 with Maven's words when it cannot be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../../../build/peers
mkdir -p "$peers"
peers=$(cd "$peers" && pwd)
[ $# -gt 0 ] || set -- 4.1.0 3.9.1
for version in "$@"; do
	target=$peers/kafka-$version
	[ ! -d "$target/lib" ] || continue
	log=$peers/kafka-$version.log
	rm -rf "$target.new"
	if ! mvn -q -B -f "$here/pom.xml" -Dkafka.version="$version" dependency:copy-dependencies -DoutputDirectory="$target.new/lib" >"$log" 2>&1; then
		tail -5 "$log" >&2
		echo "${0##*/}: Apache Kafka $version could not be fetched" >&2
		exit 1
	fi
	rm -rf "$target"
	mv "$target.new" "$target"
done
