#!/usr/bin/env bash
# Holds the systemd units against systemd itself, with the packages' files around them:
# scripts/units.sh ROOT, where ROOT is a folder that the deb is installed in.
set -euo pipefail
root=$(realpath "$1")
threshold=15 # an exposure of 1.5

# The units as they are installed, but with the paths that they have below ROOT.
units=$(mktemp -d)
trap 'rm -rf "$units"' EXIT
cp -r "$root"/usr/lib/systemd/system/preauth-sync* "$units"
sed -i "s|^ExecStart=/usr/bin/|ExecStart=$root/usr/bin/|" "$units"/*.service
for service in preauth-sync preauth-sync-backfill; do
	rm "$units/$service.service.d/service.conf"
	sed 's/^#LoadCredential=/LoadCredential=/' "$root/etc/preauth-sync/service.conf" >"$units/$service.service.d/service.conf"
done

# With --recursive-errors=yes a warning in one of them is an error.
MANPATH="$root/usr/share/man" systemd-analyze verify --recursive-errors=yes "$units"/*.service "$units"/*.timer
for unit in "$units"/*.service; do
	systemd-analyze security --offline=true --threshold=$threshold "$unit" | tail -1
done
