#!/usr/bin/env bash
# Builds the packages and uses them: the deb is installed into a throw-away root, tried,
# installed again and purged, the units are held against systemd, and the rpm against the
# deb. Needs root's rights within a user namespace at least, dpkg, systemd-analyze and rpm.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
	exec unshare --map-root-user "$0" "$@"
fi

go run ./packaging
(cd dist && sha256sum --check --quiet SHA256SUMS && du -h --apparent-size -- *.deb *.rpm)
deb=$(ls dist/*_"$(dpkg --print-architecture)".deb)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/var/lib/dpkg/{info,updates}
touch "$root/var/lib/dpkg/status"
# Nothing else is installed there, not even what it depends on.
to_root() {
	dpkg --root="$root" --force-script-chrootless --force-depends --log=/dev/null "$@" >/dev/null
}
fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

echo "-- installed, and what is installed is used"
to_root --install "$deb"
[ -z "$(dpkg --root="$root" --verify preauth-sync)" ] || fail "what is installed is not what the deb says"
preauth_sync=$root/usr/bin/preauth-sync
"$preauth_sync" version
"$preauth_sync" demo | tail -1
"$preauth_sync" -c "$root/etc/preauth-sync/config.yaml" check --offline
for script in "$root"/usr/share/bash-completion/completions/*; do bash -n "$script"; done
[ "$(stat -c %a "$root/etc/preauth-sync/credentials")" = 700 ] || fail "the credentials are not root's alone"
[ -s "$root/usr/share/doc/preauth-sync/docs/runbook.md" ] || fail "the runbook is not there"
scripts/units.sh "$root"

echo "-- root's commands find the credentials that the service gets copies of"
config=$root/etc/preauth-sync/config.yaml
# shellcheck disable=SC2016 # ${ is the configuration's, not the shell's
sed -i 's/\(client_token:\) replace-me/\1 ${credential:mews-client}/' "$config"
if "$preauth_sync" -c "$config" check --offline 2>"$root/said"; then fail "a credential that is missing was not missed"; fi
grep "credentials/mews-client: no such file" "$root/said"
echo secret >"$root/etc/preauth-sync/credentials/mews-client"
"$preauth_sync" -c "$config" check --offline >/dev/null

echo "-- installed again, it leaves the configuration; purged, it leaves state and secrets"
mkdir -p "$root/var/lib/preauth-sync"
touch "$root/var/lib/preauth-sync/state.db"
to_root --install "$deb"
grep -q 'credential:mews-client' "$config" || fail "the configuration was replaced"
to_root --purge preauth-sync
[ -e "$root/var/lib/preauth-sync/state.db" ] || fail "a purge removed the state file"
[ -e "$root/etc/preauth-sync/credentials/mews-client" ] || fail "a purge removed a secret"
if [ -e "$preauth_sync" ] || [ -e "$config" ]; then fail "a purge left the program or its configuration"; fi

echo "-- the rpm has what the deb has, less the folders that rpm leaves to others"
for rpm in dist/*.rpm; do
	diff <(dpkg-deb --fsys-tarfile "$deb" | tar --list | grep -v '/$' | sed 's|^\.||; s|vendor-completions/|site-functions/|' | sort) \
		<(rpm --query --package --queryformat '[%{FILEMODES:perms} %{FILENAMES}\n]' "$rpm" | sed -n 's/^[^d][^ ]* //p' | sort)
done
[ "$(rpm --query --package --configfiles "$rpm" | sort | tr '\n' ' ')" = "/etc/preauth-sync/config.yaml /etc/preauth-sync/service.conf " ] ||
	fail "the rpm would replace a configuration"
rpm --query --package --requires "$rpm" | grep -qx /usr/bin/kill || fail "the rpm does without what a reload needs"
[ "$(dpkg-deb --field "$deb" Depends)" = procps ] || fail "the deb does without what a reload needs"
