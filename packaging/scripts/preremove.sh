#!/bin/sh
# Before the files go: not for an upgrade, in which the daemon runs on until the new
# files are there.
set -e

# dpkg says "remove", or "upgrade" and more; rpm how many versions will be left.
case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
	systemctl disable --now preauth-sync-backfill.timer preauth-sync.service || true
	systemctl stop preauth-sync-backfill.service || true
fi
