# Shell functions shared by packaging/quickstart.sh, tests/run.sh and tests/bench/run.sh. Sourced, never run.
# shellcheck shell=bash

# fail TEXT...: one line to standard error, exit 1. The caller's EXIT trap cleans up.
fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# wait_for SECONDS WHAT COMMAND...: polls COMMAND until it succeeds; fails, naming WHAT, at the deadline.
wait_for() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || fail "gave up waiting for $what"
		pause 0.05
	done
}

# pause SECONDS: the step of a polling loop; a builtin, so that nothing is forked. The descriptor is a pipe nobody writes to.
pause() {
	[ -n "${pause_fd:-}" ] || exec {pause_fd}<> <(:)
	read -r -t "$1" -u "$pause_fd" || true
}

# free_port VARIABLE: puts into VARIABLE a TCP port of 127.0.0.1 on which nobody listens now, another one at each call. Below the
# ephemeral range, so that no outgoing connection takes it meanwhile.
free_port() {
	local found_port
	while :; do
		found_port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		case " ${used_ports:-} " in *" $found_port "*) continue ;; esac
		listens "$found_port" && continue
		used_ports="${used_ports:-} $found_port"
		printf -v "$1" '%s' "$found_port"
		return
	done
}

# listens PORT: true when somebody accepts connections there.
listens() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# make_ca DIR NAME: a private CA, DIR/NAME.pem and DIR/NAME.key.
make_ca() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$2" \
		-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
		-keyout "$1/$2.key" -out "$1/$2.pem" 2>/dev/null
}

# make_cert DIR CA NAME SUBJECT_ALT_NAME [OPENSSL_X509_OPTION...]: DIR/NAME.pem and DIR/NAME.key, CN=NAME, signed by DIR/CA,
# for both server and client use. Options: by default "-days 30".
make_cert() {
	local dir=$1 ca=$2 name=$3 alt=$4
	shift 4
	[ $# -gt 0 ] || set -- -days 30
	printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$alt" >"$dir/$name.ext"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
		-keyout "$dir/$name.key" -out "$dir/$name.csr" 2>"$dir/openssl.log" || fail "openssl req: $(tail -1 "$dir/openssl.log")"
	openssl x509 -req -in "$dir/$name.csr" -CA "$dir/$ca.pem" -CAkey "$dir/$ca.key" -CAcreateserial "$@" \
		-extfile "$dir/$name.ext" -out "$dir/$name.pem" 2>"$dir/openssl.log" || fail "openssl x509: $(tail -1 "$dir/openssl.log")"
	rm -f "$dir/$name.csr" "$dir/$name.ext" "$dir/openssl.log"
}

# make_certs DIR: what quickstart and bench need: ca, and `server` for localhost and 127.0.0.1.
make_certs() {
	mkdir -p "$1"
	make_ca "$1" ca
	make_cert "$1" ca server DNS:localhost,IP:127.0.0.1
}

# alive PID: true while the process exists and is no zombie.
alive() {
	local state
	[ -r "/proc/$1/stat" ] || return 1
	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f1) || return 1
	[ -n "$state" ] && [ "$state" != Z ]
}

# stop_process PID [SECONDS]: SIGTERM, and SIGKILL when that does not end it in time. Quiet when it is gone already.
stop_process() {
	local deadline=$((SECONDS + ${2:-10}))
	kill -TERM "$1" 2>/dev/null || return 0
	while alive "$1"; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			kill -KILL "$1" 2>/dev/null || true
			break
		fi
		pause 0.05
	done
	wait "$1" 2>/dev/null || true
}
