#!/usr/bin/env bash
# Builds the packages of the last commit twice and compares every byte. The second time
# everything around differs: folder, umask, time zone, and a build cache that is empty.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
build() {
	git clone --quiet . "$1"
	(cd "$1" && go run ./packaging -arch amd64 "${@:2}")
}

build "$place/one"
(
	umask 077
	export TZ=Pacific/Chatham
	build "$place/another/folder" -fresh
)
diff "$place/one/dist/SHA256SUMS" "$place/another/folder/dist/SHA256SUMS"
cat "$place/one/dist/SHA256SUMS"
