#!/usr/bin/env bash
# Builds everything, runs the matrix of scenarios and servers, prints a table of
# medians. See README.md.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
	cat <<-END
	usage: ./run.sh [-u] [-q] [-r REPEATS] [-d SECONDS] [-n CONNECTIONS] [-s SCENARIOS] [-v SERVERS] [-o FILE]
	  -u  do not pin to CPUs (default: server on CPU 0, loadgen and redis on CPU 1)
	  -q  quick: neither wait until the machine is idle nor repeat disturbed runs
	  -r  runs of each, interleaved (default 3)
	  -d  seconds of publishing per run (default 10); CORES makes 300,000 deliveries for each
	  -n  connections of MANY (default $many)
	  -s  scenarios (default "$scenarios";
	      more: TLS-S1 TLS-S4 TLS-S5 CORES CONN PING WSPUB PRES FOLLOW STOR SLOW DEFL GROW IDLE-REDIS MANY)
	  -v  servers (default "$servers")
	  -o  write results as lines of JSON to this file
	END
	exit 2
}

scenarios="S1 S2 S3 S4 S5 S6-S1 S6-S1-history S6-S3 S6-S3-history S6-2nodes"
servers="cent cent+ coder limit hotsock"
pin=1 tries="1 2 3 4" repeats=3 seconds=10 many=100000 out=
while getopts uqr:d:n:s:v:o:h opt; do
	case $opt in
	u) pin=0 ;;
	q) tries=1 ;;
	r) repeats=$OPTARG ;;
	d) seconds=$OPTARG ;;
	n) many=$OPTARG ;;
	s) scenarios=$OPTARG ;;
	v) servers=$OPTARG ;;
	o) out=$OPTARG ;;
	*) usage ;;
	esac
done

tmp=$(mktemp -d)
out=${out:-$tmp/results.jsonl}
: >"$out"
redis=127.0.0.1:29100
nodes=()
for ((port = 29101; port <= 29200; port++)); do nodes+=("127.0.0.1:$port"); done
started=() redis_pid=
stop() {
	if ((${#started[@]})); then
		kill "${started[@]}" 2>/dev/null || true
		wait "${started[@]}" 2>/dev/null || true
	fi
	started=()
}
trap 'stop; [[ -z $redis_pid ]] || kill "$redis_pid"; rm -rf "$tmp"' EXIT

# on CPU COMMAND...: run it on that CPU. GOMAXPROCS is 1 there. MANY has more processes
# than that, and lets Redis go first, which has a machine of its own elsewhere.
on() {
	local cpu=$1
	shift
	if [[ ${name:-} == MANY ]]; then
		exec nice "$@"
	elif ((pin)); then
		GOMAXPROCS=1 exec taskset -c "$cpu" "$@"
	else
		exec "$@"
	fi
}

# What a scenario is compared with, and needs to have been run before it.
expand() {
	local s
	for s in $1; do
		case $s in
		TLS-S[14]) echo "${s/TLS/PLAIN}" "$s" ;; # as many subscribers
		TLS-S5) echo S5 TLS-S5 ;;
		CORES) echo CORES-S{1,4}-{1,2} CORES-4000-S{1,4}-{1,2} CORES-TLS-S{1,4}-{1,2} ;;
		WSPUB) echo S3 WSPUB ;;
		PRES) echo PRES-plain PRES-{500,3500} PRES-redis-{500,3500} ;;
		FOLLOW) echo FOLLOW-{500,5000,10000} FOLLOW-redis-{500,5000,10000} ;;
		STOR) echo S1 STOR ;;
		SLOW) echo S4 SLOW ;;
		DEFL) echo S1 DEFL ;;
		GROW)
			echo S1 GROW-conns-{2000,5000,10000,20000} GROW-size-{64,4096,16384} GROW-channels-{10,100,1000}
			;;
		IDLE-REDIS) echo IDLE-REDIS-{1,10,100} ;;
		*) echo "$s" ;;
		esac
	done | tr ' ' '\n' | awk '!seen[$0]++'
}

# What each server is: its command line, by engine (memory, redis or history, that
# is redis with history), and what loadgen must know. Fails if it has no such
# engine, or the scenario makes no sense for it. {addr} and {redis} are replaced.
variant() {
	local name=$1 engine=$2 scenario=$3
	[[ $scenario != CORES-* || $name == hotsock ]] || return 1
	[[ $scenario != @(TLS|PLAIN)-* || $name == @(cent|cent+|hotsock) ]] || return 1
	case $name in
	cent | cent+)
		cmd="$tmp/centsrv -addr {addr}"
		[[ $engine == memory ]] || cmd+=" -engine redis -redis {redis}"
		[[ $engine != history ]] || cmd+=" -history"
		args=(-proto centrifuge)
		case $scenario in
		STOR | DEFL | FOLLOW* | MANY) return 1 ;; # no such thing; loadgen does not put fragments together
		PRES-plain) args+=(-size 60) ;;
		PRES-*) cmd+=" -presence" ;;
		esac
		if [[ $name == cent+ ]]; then # its best for throughput and memory
			[[ $scenario != S6-S3* ]] || return 1
			cmd+=" -batch -write-delay 10ms -lowmem"
		fi
		;;
	coder)
		[[ $engine == memory && $scenario != @(PING|WSPUB|PRES*|FOLLOW*|STOR|SLOW|DEFL|MANY) ]] || return 1
		cmd="$tmp/rawsrv -addr {addr} -mode coder"
		args=(-proto raw)
		;;
	limit)
		# It does not notice when clients go.
		[[ $engine != history && $scenario != @(IDLE-*|CONN|WSPUB|PRES*|FOLLOW*|STOR|SLOW|DEFL|MANY) ]] || return 1
		cmd="$tmp/rawsrv -addr {addr} -mode limit"
		[[ $scenario != PING ]] || cmd+=" -ping 25s"
		[[ $engine == memory ]] || cmd+=" -redis {redis}"
		args=(-proto raw)
		;;
	hotsock)
		secret=0123456789abcdef0123456789abcdef
		cmd="$tmp/server -addr {addr} -hs256-secret $secret -api-key key -pprof ${HOTSOCK_FLAGS:-}"
		[[ $engine == memory ]] || cmd+=" -redis redis://{redis}"
		[[ $engine != history ]] || cmd+=" -replay-window 1m"
		body='{"channel":"{channel}","event":"m","data":{payload}}'
		[[ $engine != history ]] || body='{"channel":"{channel}","event":"m","store":60,"data":{payload}}'
		[[ $scenario != STOR ]] || body='{"channel":"{channel}","event":"hotsock.channelStorageSet","key":"k","data":{payload}}'
		args=(-proto hotsock -secret $secret -publish-header "Authorization: Bearer key" -publish-body "$body")
		case $scenario in
		WSPUB) args+=(-claims '{"subscribe":true,"messages":{"m":{"broadcast":true}}}') ;;
		MANY) args+=(-claims '{"subscribe":true,"historyStart":0,"messages":{"m":{"broadcast":true}}}') ;;
		STOR) args+=(-claims '{"subscribe":true,"storage":{"k":{"observe":true}}}') ;;
		PRES-plain) args+=(-size 14000) ;;
		PRES-*) args+=(-channel-prefix presence.c) ;;
		FOLLOW-*) args+=(-channel-prefix presence.c -follow) ;;
		DEFL) cmd+=" -compress" ;;
		esac
		;;
	*)
		echo "unknown server $name" >&2
		exit 2
		;;
	esac
	[[ $scenario != TLS-* ]] || cmd+=" -tls-cert $tmp/cert.pem -tls-key $tmp/key.pem"
}

# What each scenario is: arguments of loadgen, engine, number of nodes.
scenario() {
	engine=memory count=1
	load=(-conns 1000 -channels 1 -duration "${seconds}s")
	case $1 in
	S1 | S6-S1) ;;
	S2) load+=(-conns 5000) ;;
	S3 | S6-S3) load+=(-channels 1000) ;;
	S4) load+=(-rate 50) ;;
	S5) load=(-conns 10000 -channels 10000 -duration 0 -settle 5s -pprof "http://${nodes[0]}") ;;
	PLAIN-S1) load+=(-conns 500) ;;
	PLAIN-S4) load+=(-conns 500 -rate 50) ;;
	TLS-S1) load+=(-conns 500 -against PLAIN-S1) ;;
	TLS-S4) load+=(-conns 500 -rate 50 -against PLAIN-S4) ;;
	TLS-S5) # loadgen shakes hands with one at a time.
		load=(-conns 10000 -channels 10000 -duration 0 -settle 5s -timeout 5m -pprof "https://${nodes[0]}" -against S5)
		;;
	CORES-*) ;;
	S6-S1-history) engine=history ;;
	S6-S3-history) engine=history load+=(-channels 1000) ;;
	S6-2nodes) count=2 ;;
	IDLE-REDIS-*) engine=redis count=${1##*-} ;;
	CONN) load+=(-conns 64 -channels 64 -churn) ;;
	MANY) # As many processes, of servers and of clients, as have the file descriptors, one server less.
		engine=redis count=$((3 + many / 20000))
		load=(-crowd -conns "$many" -processes $((1 + many / 16000)) -settle 30s -duration "${seconds}s" -timeout 5m)
		(($(ulimit -n) >= many / (count - 1) + 300 && $(ulimit -n) >= 16000 + 300)) || return 1
		;;
	PING) # After the first interval, in which connections are pinged early.
		load=(-conns 19500 -channels 19500 -settle 30s -idle 75s)
		(($(ulimit -n) >= 19700)) || return 1
		;;
	WSPUB) load+=(-channels 1000 -via ws -against S3) ;;
	PRES-plain) load+=(-conns 500 -inflight 8) ;;
	PRES-*) # Lists of more members are longer than MaxMembersSize.
		load+=(-conns "${1##*-}" -inflight 8 -via join -settle 3s)
		[[ $1 != PRES-500 ]] || load+=(-against PRES-plain)
		[[ $1 != PRES-redis-* ]] || engine=redis
		;;
	FOLLOW-*)
		# Each waits up to 250 ms to be told of, so this many in flight are up to 200 a second.
		load+=(-conns "${1##*-}" -inflight 50 -via join -settle 5s)
		[[ $1 != FOLLOW-redis-* ]] || engine=redis
		;;
	STOR) load+=(-against S1) ;;
	DEFL) load+=(-deflate -against S1) ;;
	SLOW) load+=(-rate 50 -stalled 1 -against S4) ;;
	GROW-*)
		local what n
		IFS=- read -r _ what n <<<"$1"
		load+=("-$what" "$n" -against S1)
		[[ $what != conns ]] || (($(ulimit -n) >= n + 200)) || return 1
		;;
	*)
		echo "unknown scenario $1" >&2
		exit 2
		;;
	esac
	[[ $1 != S6-* || $engine == history ]] || engine=redis
}

# CPU ticks all processes have used.
ticks() { awk '/^cpu /{print $2+$3+$4+$7+$8+$9}' /proc/stat; }

# Wait (up to five minutes) until the machine has nothing else to do.
quiet() {
	local i before
	for ((i = 0; i < 200; i++)); do
		before=$(ticks)
		sleep 1.5
		(($(ticks) - before >= 20)) || return 0
	done
	echo "the machine is busy: expect noise" >&2
}

# field NAME: the value of a numeric field in a line of JSON.
field() { sed -E "s/.*\"$1\":([-+0-9.e]+).*/\1/"; }

# calls: how many scripts Redis has run so far, and how many commands, those of
# scripts included.
calls() {
	redis-cli -h "${redis%:*}" -p "${redis#*:}" info commandstats |
		awk -F'[:=,]' '/^cmdstat_/ {n += $3} /^cmdstat_(eval|evalsha|fcall):/ {s += $3} END {print s + 0, n + 0}'
}

# of PID...: CPU ticks that these processes have used.
of() {
	local pid
	for pid; do cat "/proc/$pid/stat"; done | awk '{n += $14 + $15} END {print n + 0}'
}

idle() { # SCENARIO SERVER: prints a line of JSON on what nodes cost that do nothing
	local was now
	sleep 15 # What begins with a node is over then.
	was="$(calls) $(of "${started[@]}") $(of "$redis_pid") $(ticks) $(date +%s.%N)"
	sleep "$seconds"
	now="$(calls) $(of "${started[@]}") $(of "$redis_pid") $(ticks) $(date +%s.%N)"
	awk -v hz="$(getconf CLK_TCK)" -v n="${#started[@]}" -v scenario="$1" -v server="$2" '
		{ s = $12 - $6; each = s * n
		  printf "{\"scenario\":\"%s\",\"server\":\"%s\",\"deliveries_per_s\":0", scenario, server
		  printf ",\"scripts_per_s\":%.3f,\"commands_per_s\":%.2f", ($7 - $1) / each, ($8 - $2) / each
		  printf ",\"server_cpu\":%.4f,\"redis_cpu\":%.4f", ($9 - $3) / hz / s, ($10 - $4) / hz / s
		  printf ",\"other_cpu\":%.3f}\n", ($11 - $5 - ($9 - $3) - ($10 - $4)) / hz / s }' <<<"$was $now"
}

cores() { # SCENARIO: prints a line of JSON on one of the Go benchmarks FanOut
	local name=$1 program=root bench=burst before real used
	[[ $name != CORES-TLS-* ]] || program=socket bench=tls/burst
	[[ $name != *-S4-* ]] || bench=${bench/burst/lone}
	[[ $program != root ]] || bench+=/1000
	[[ $name != CORES-4000-* ]] || bench=${bench/1000/4000}
	before=$(ticks)
	TIMEFORMAT='%R %U %S'
	{ time "$tmp/$program.test" -test.run '^$' -test.bench "FanOut/$bench" -test.benchtime "$((seconds * 300000))x" \
		-test.cpu "${name##*-}" >"$tmp/cores" 2>&1; } 2>"$tmp/cores.time" || cat "$tmp/cores" >&2
	read -r real used < <(awk 'END {print $1, $2 + $3}' "$tmp/cores.time")
	awk -v hz="$(getconf CLK_TCK)" -v n="$(($(ticks) - before))" -v real="$real" -v used="$used" \
		-v scenario="$name" -v against="${name%-*}-1" '
		/^BenchmarkFanOut/ {
			for (i = 3; i < NF; i++) of[$(i + 1)] = $i
			printf "{\"scenario\":\"%s\",\"server\":\"hotsock\",\"against\":\"%s\"", scenario, against
			printf ",\"deliveries_per_s\":%.0f,\"server_cpu_s_per_m\":%.4f", 1e9 / of["ns/op"], of["cpu-ns/op"] / 1e3
			printf ",\"writes_per_delivery\":%.4f,\"other_cpu\":%.3f}\n", of["writes/op"], (n / hz - used) / real
		}' "$tmp/cores"
}

run() { # SCENARIO SERVER: prints a line of JSON
	local name=$1 server=$2 i urls=() pubs=() c secure=
	[[ $name != TLS-* ]] || secure=s
	if [[ $name == CORES-* ]]; then
		cores "$name"
		return
	fi
	# Before the servers start: to them, losing all data is a disaster to recover from.
	[[ $engine == memory ]] || redis-cli -h "${redis%:*}" -p "${redis#*:}" flushall >/dev/null
	for ((i = 0; i < count; i++)); do
		c=${cmd//\{addr\}/${nodes[i]}}
		c=${c//\{redis\}/$redis}
		on 0 $c >&2 &
		started+=($!)
		urls+=("ws$secure://${nodes[i]}${ws}")
		pubs+=("http$secure://${nodes[i]}${publish}")
	done
	for ((i = 0; i < count; i++)); do
		until (: <"/dev/tcp/${nodes[i]/://}") 2>/dev/null; do
			kill -0 "${started[i]}" || return 1
			sleep 0.05
		done
	done
	if [[ $name == IDLE-* ]]; then
		idle "$name" "$server"
		stop
		return
	fi
	sleep 0.5
	(IFS=, && on 1 "$tmp/loadgen" -json -spin -scenario "$name" -server "$server" \
		-url "${urls[*]}" -publish-url "${pubs[*]}" -pids "${started[*]}" -redis-pid "$redis_pid" \
		"${args[@]}" "${load[@]}") || echo "$name $server failed" >&2
	stop
}

ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
go build -o "$tmp/" ./cmd/...
(cd .. && go build -o "$tmp/" ./examples/server)
if [[ $scenarios == *TLS-* ]]; then
	(cd "$tmp" && go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" -host 127.0.0.1 -ecdsa-curve P256)
fi
if [[ $scenarios == *CORES* ]]; then
	(cd .. && go test -c -o "$tmp/root.test" . && go test -c -o "$tmp/socket.test" ./internal/socket)
fi
if [[ $scenarios == *S6* || $scenarios == *PRES* || $scenarios == *FOLLOW* || $scenarios == *IDLE-* || $scenarios == *MANY* ]]; then
	on 1 redis-server --bind "${redis%:*}" --port "${redis#*:}" --save '' --appendonly no --loglevel warning >&2 &
	redis_pid=$!
fi

for ((rep = 1; rep <= repeats; rep++)); do
	for s in $(expand "$scenarios"); do
		for v in $servers; do
			if ! scenario "$s"; then
				echo "$s needs more than the $(ulimit -n) file descriptors that a process may have here" >&2
				break
			fi
			variant "$v" "$engine" "$s" || continue
			ws=/ws publish='/publish?channel={channel}'
			[[ $v != hotsock ]] || ws=/rt publish=/rt/publish
			# What else runs on the machine spoils the result: of up to four tries,
			# take the first which was undisturbed, or the least disturbed one.
			best= least=
			for try in $tries; do
				[[ $tries == 1 ]] || quiet
				line=$(run "$s" "$v")
				[[ -n $line ]] || continue
				other=$(field other_cpu <<<"$line")
				if [[ -z $best ]] || awk "BEGIN{exit !($other < $least)}"; then
					best=$line least=$other
				fi
				awk "BEGIN{exit !($least < 0.1)}" && break
			done
			[[ -n $best ]] || continue
			echo "$best" >>"$out"
			echo "$rep $s $v: $(field deliveries_per_s <<<"$best") deliveries/s, other CPU $least, tries $try" >&2
		done
	done
done
"$tmp/report" <"$out"
