#!/bin/sh
# After the files are there. Nothing is started or enabled by an installation: without
# its configuration the service could do nothing but fail.
#
# An upgrade restarts the daemon where it runs. That is safe, what is under way is waited
# for and what is in doubt is looked up; to leave the old program running until somebody
# thinks of it would leave what the upgrade mends.
set -e

# dpkg says "configure" and the version before; rpm how many versions there are now.
case "$1" in
configure) upgraded=$2 ;;
[0-9]*) [ "$1" -lt 2 ] || upgraded=yes ;;
esac

# Not in a chroot, an image or a container, where there is no systemd to tell.
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	if [ -n "$upgraded" ] && ! systemctl try-restart preauth-sync.service; then
		echo "preauth-sync: the service did not come back: see systemctl status preauth-sync" >&2
	fi
fi
