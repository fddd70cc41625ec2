#!/usr/bin/env bash
# Installs the Debian packages Lugger needs, without a prompt and without starting a daemon.
#
#     packaging/install-packages.sh build   what it takes to build and run
#     packaging/install-packages.sh plugins that, and the libraries of optional plugins: amqp
#     packaging/install-packages.sh test    that, and what the tests need: cmocka, real peers, their libraries
#     packaging/install-packages.sh fuzz    what plugins takes, and clang with its run-time libraries
#
# Quick and silent when everything is there. As an ordinary user it asks sudo.
set -euo pipefail

build_packages=(gcc libc6-dev cmake ninja-build pkg-config libyaml-dev libzstd-dev libssl-dev libpcre2-dev zlib1g-dev librdkafka-dev openssl tzdata)
plugin_packages=(libqpid-proton11-dev)
# syslog-ng-core conflicts with rsyslog, so tests/run.sh unpacks it; from libivykis0 on it is its shared libraries.
test_packages=(libcmocka-dev python3-minimal libpython3-stdlib rsyslog rsyslog-openssl bsdutils libc-bin
	curl openssh-client openssh-server # what packaging/zos/FEED.md uses
	logrotate gzip zstd # rotation by the real thing
	groff-base # sets the man pages
	rabbitmq-server default-jdk-headless # AMQP 1.0 peers; the JDK starts Artemis
	kcat maven # a Kafka broker comes from Maven Central and runs on Java
	libivykis0 libnet1 libglib2.0-0 libjson-c5 libpcre3 libwrap0 libcap2)
fuzz_packages=(clang libclang-rt-dev)

[ $# -gt 0 ] || set -- usage
packages=("${build_packages[@]}")
for set in "$@"; do
	case $set in
	build) ;;
	plugins) packages+=("${plugin_packages[@]}") ;;
	test) packages+=("${plugin_packages[@]}" "${test_packages[@]}") ;;
	fuzz) packages+=("${plugin_packages[@]}" "${fuzz_packages[@]}") ;;
	*)
		echo "usage: ${0##*/} build|plugins|test|fuzz..." >&2
		exit 2
		;;
	esac
done

missing=()
for package in "${packages[@]}"; do
	case $(dpkg-query -W -f '${db:Status-Status} ' "$package" 2>/dev/null || true) in
	*installed\ *) ;;
	*) missing+=("$package") ;;
	esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "${0##*/}: not root and no sudo; please install: ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi

echo "Installing packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# RUNLEVEL=1 keeps maintainer scripts from starting the daemons they bring.
run_apt() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y -o Acquire::Retries=3 "$@" >>"$log" 2>&1
}
if ! { run_apt update && run_apt install --no-install-recommends "${missing[@]}"; }; then
	tail -30 "$log" >&2
	echo "${0##*/}: apt-get failed" >&2
	exit 1
fi
