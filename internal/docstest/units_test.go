package docstest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	daemonUnit   = "systemd/preauth-sync.service"
	backfillUnit = "systemd/preauth-sync-backfill.service"
)

// sandbox is the part of a unit that is the same in both.
func sandbox(t *testing.T, unit string) string {
	t.Helper()
	_, from, found := strings.Cut(read(t, unit), "# Every line of the log counts")
	if !found {
		t.Fatalf("%s has no such part", unit)
	}
	text, _, _ := strings.Cut(from, "\n[Install]")
	return strings.TrimSpace(text)
}

func TestBothUnitsHaveTheSameSandbox(t *testing.T) {
	if diff := cmp.Diff(sandbox(t, daemonUnit), sandbox(t, backfillUnit)); diff != "" {
		t.Errorf("(-daemon +backfill):\n%s", diff)
	}
}

// setting is what a unit sets a key to.
func setting(t *testing.T, unit, key string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(read(t, unit), -1)
	if len(found) != 1 {
		t.Fatalf("%s sets %s %d times", unit, key, len(found))
	}
	return found[0][1]
}

func TestBothUnitsAreOneUserWithOneState(t *testing.T) {
	for _, key := range []string{"DynamicUser", "User", "UMask", "StateDirectory", "StateDirectoryMode"} {
		if daemon, backfill := setting(t, daemonUnit, key), setting(t, backfillUnit, key); daemon != backfill {
			t.Errorf("%s is %s for the daemon and %s for the backfill", key, daemon, backfill)
		}
	}
	if strings.Contains(read(t, backfillUnit), "\nRuntimeDirectory=") {
		t.Error("the end of a backfill would remove the daemon's control socket")
	}
}

func TestTheUnitsRunCommandsThatExist(t *testing.T) {
	for _, unit := range []string{daemonUnit, backfillUnit} {
		words := strings.Fields(setting(t, unit, "ExecStart"))
		if words[0] != "/usr/bin/preauth-sync" || !strings.Contains(read(t, "packaging/nfpm.yaml"), "dst: "+words[0]+",") {
			t.Errorf("%s starts %s, which no package has", unit, words[0])
		}
		checkCommand(t, unit, words[1:])
	}
}

func TestTheFilesThatAreSaidToBeInstalledAreInThePackages(t *testing.T) {
	const path = "docs/installing.md"
	packed := read(t, "packaging/nfpm.yaml")
	var files []string
	for _, said := range spans(section(t, path, "installed")) {
		if strings.HasPrefix(said, "/") {
			files = append(files, said)
		}
	}
	if len(files) < 7 {
		t.Fatalf("%s names only %q", path, files)
	}
	for _, file := range files {
		if !strings.Contains(packed, "dst: "+file+",") {
			t.Errorf("%s names %s, which no package has", path, file)
		}
	}
}

func TestTheContainerStartsWhatItContains(t *testing.T) {
	file := read(t, "packaging/Containerfile")
	for _, want := range []string{
		"COPY --from=build /out/preauth-sync /usr/bin/preauth-sync\n",
		`ENTRYPOINT ["/usr/bin/preauth-sync"]`,
		`CMD ["run"]`,
		"VOLUME /var/lib/preauth-sync\n", // state.path, by default
		"USER 65532:65532\n",
	} {
		if !strings.Contains(file, want) {
			t.Errorf("there is no %q any more", want)
		}
	}
	version := regexp.MustCompile(`(?m)^go ([0-9]+\.[0-9]+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	if !strings.Contains(file, "/golang:"+version+".") {
		t.Errorf("it is not built with Go %s", version)
	}
	for _, flag := range []string{"-trimpath", "-buildvcs=true", "-s -w"} {
		if !strings.Contains(file, flag) || !strings.Contains(read(t, "packaging/main.go"), flag) {
			t.Errorf("%s is not in both builds: the binaries differ", flag)
		}
	}
}
