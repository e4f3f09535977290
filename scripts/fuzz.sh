#!/usr/bin/env bash
# Runs every native fuzz target of the tree, one after the other: scripts/fuzz.sh [BUDGET],
# 30s each by default. What makes one fail is written to testdata/fuzz beside it by the
# go command. Commit it: from then on every go test tries it. A number of inputs (5000x)
# is as good a budget as a time, and the better one where nobody looks: a time that ends
# within an input can fail the run with "context deadline exceeded" and no input to blame.
set -euo pipefail
cd "$(dirname "$0")/.."

budget=${1:-30s}
failed=()
while IFS=: read -r file line; do
	target=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/' <<<"$line")
	folder=./$(dirname "$file")
	printf '\n-- %s %s, %s\n' "$folder" "$target" "$budget"
	# Making an interesting input smaller may otherwise take a minute of no fuzzing.
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$budget" -fuzzminimizetime 100x "$folder" ||
		failed+=("$folder $target")
done < <(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -E '^func Fuzz[A-Za-z0-9_]+\(' /dev/null)

if [ "${#failed[@]}" -gt 0 ]; then
	printf '\nfailed: %s\n' "${failed[@]}"
	exit 1
fi
