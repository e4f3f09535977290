#!/bin/sh
# After the files have gone. The state file is never removed, not by a purge either:
# without it an installation to come would hold and charge guests a second time.
set -e

if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ] && [ -e "$DPKG_ROOT/var/lib/preauth-sync" ]; then
	echo "preauth-sync: the state file in $DPKG_ROOT/var/lib/preauth-sync is left; delete it only when no host mirrors these properties any more" >&2
fi
