#!/usr/bin/env bash
# compare.sh BENCHSTAT BASE BENCH COUNT TIME: runs the Go benchmarks that match
# BENCH where the branch left BASE, and as they are here, in turns, so that what
# else happens on the machine hits both alike. Prints benchstat's comparison. A
# benchmark that fails on one side is not compared; it is named, and the script fails.
set -euo pipefail
benchstat=$1 base=$2 bench=$3 count=$4 time=$5
root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
cd "$root"

tmp=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$tmp/tree" || true; rm -rf "$tmp"' EXIT
base=$(git merge-base "$base" HEAD)
git worktree add --quiet --detach "$tmp/tree" "$base"
echo "comparing with $(git log -1 --format='%h (%s)' "$base")" >&2

# build SIDE TREE: makes a test program of each package that has benchmarks.
build() {
	local package
	for package in $(cd "$2" && git grep --untracked -lE '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u); do
		mkdir -p "$tmp/$1/$package"
		(cd "$2/$package" && go test -c -o "$tmp/$1/$package/test" .)
		echo "$package" >>"$tmp/$1.packages"
	done
}
build base "$tmp/tree"
build here .

# run SIDE TREE
run() {
	local package
	while read -r package; do
		(cd "$2/$package" && "$tmp/$1/$package/test" -test.run '^$' -test.bench "$bench" -test.benchtime "$time" \
			-test.benchmem </dev/null 2>"$tmp/log" >>"$tmp/$1.txt") || tail "$tmp/log" >&2
	done <"$tmp/$1.packages"
}
for ((i = 1; i <= count; i++)); do
	echo "round $i of $count" >&2
	run base "$tmp/tree"
	run here .
done
cd "$tmp"
"$benchstat" base=base.txt here=here.txt
! grep --with-filename -- '--- FAIL: ' base.txt here.txt >&2
