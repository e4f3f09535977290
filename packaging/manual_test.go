package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/cli"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// every gives a command and all those below it that help shows.
func every(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, below := range offered(cmd) {
		all = append(all, every(below)...)
	}
	return all
}

func TestEveryCommandHasAPageThatIsNamedAfterIt(t *testing.T) {
	dir := t.TempDir()
	root := cli.Commands()
	if err := (manual{noon}).write(root, dir); err != nil {
		t.Fatal(err)
	}
	commands := every(root)
	if len(commands) < 20 {
		t.Fatalf("only %d commands are registered", len(commands))
	}
	for _, cmd := range commands {
		packed, err := os.Open(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1.gz"))
		if err != nil {
			t.Error(err)
			continue
		}
		unpacked, err := gzip.NewReader(packed)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		if want := (manual{noon}).page(cmd); !bytes.Equal(page, want) {
			t.Errorf("the page of %s is not its own:\n%s", cmd.CommandPath(), page)
		}
		_ = packed.Close()
	}
}

func TestManReadsEveryPageWithoutAComplaint(t *testing.T) {
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("there is no man here")
	}
	for _, cmd := range every(cli.Commands()) {
		path := filepath.Join(t.TempDir(), "page.1")
		if err := writeFile(path, (manual{noon}).page(cmd)); err != nil {
			t.Fatal(err)
		}
		read := exec.CommandContext(t.Context(), "man", "--warnings", "--encoding=UTF-8", "--local-file", "-Tutf8", "--ditroff", path)
		read.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=120")
		var complaints bytes.Buffer
		read.Stderr = &complaints
		if err := read.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v: %s", cmd.CommandPath(), err, complaints.String())
		}
	}
}

var exitRow = regexp.MustCompile(`(?m)^\| (\d+) \|`)

// TestTheFirstPageHasTheExitCodesOfTheReadme, which are held against the code.
func TestTheFirstPageHasTheExitCodesOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "<!-- exit codes -->\n")
	table, order, _ := strings.Cut(table, "\n\n")
	_, status, _ := strings.Cut(surroundings, ".SH EXIT STATUS\n")
	status, _, _ = strings.Cut(status, ".SH ")
	want, got := []string{}, []string{}
	for _, row := range exitRow.FindAllStringSubmatch(table, -1) {
		want = append(want, row[1])
	}
	for _, paragraph := range regexp.MustCompile(`(?m)^\.B (\d+)$`).FindAllStringSubmatch(status, -1) {
		got = append(got, paragraph[1])
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 5 {
		t.Errorf("(-README +page):\n%s", diff)
	}
	if order, _, _ = strings.Cut(order, "\n"); order == "" || !strings.Contains(status, order) {
		t.Errorf("the page does not say %q", order)
	}
}

func TestAPageSaysWhatTheCommandSays(t *testing.T) {
	root := &cobra.Command{Use: "tool", Short: "Do it"}
	root.PersistentFlags().StringP("config", "c", "", "configuration `FILE`")
	cmd := &cobra.Command{
		Use: "turn [ID...]", Short: "Turn it", Run: func(*cobra.Command, []string) {},
		Long: "Turns `tool turn`.\n'Quoted', on a line\nof its own.\n\nOne of\n\n  .left   C:\\left\n  right\n\nthen ends.",
	}
	cmd.Flags().Int("times", 1, "how often")
	cmd.Flags().Bool("dry", false, "only say so")
	root.AddCommand(cmd)
	root.InitDefaultHelpCmd()
	cmd.InitDefaultHelpFlag()
	want := `.TH TOOL\-TURN 1 2026-03-01 preauth\-sync "User Commands"
.ad l
.nh
.SH NAME
tool\-turn \- Turn it
.SH SYNOPSIS
\fBtool turn\fR [OPTION...] [ID...]
.SH DESCRIPTION
Turns \fBtool turn\fR.
\&'Quoted', on a line
of its own.
.PP
One of
.PP
.EX
  .left   C:\eleft
  right
.EE
.ad l
.nh
.PP
then ends.
.SH OPTIONS
.TP
\fB\-\-dry\fR
only say so
.TP
\fB\-\-times\fR \fIint\fR
how often (default 1)
.TP
\fB\-c\fR, \fB\-\-config\fR \fIFILE\fR
configuration FILE
.SH SEE ALSO
.BR tool (1)
`
	if diff := cmp.Diff(want, string((manual{noon}).page(cmd))); diff != "" {
		t.Errorf("the page (-want +got):\n%s", diff)
	}
}

func TestAFileThatIsPackedTwiceIsTheSame(t *testing.T) {
	content := []byte(strings.Repeat("the same ", 1000))
	if !bytes.Equal(compressed(content), compressed(content)) {
		t.Error("it differs")
	}
	if size := len(compressed(content)); size > 200 {
		t.Errorf("%d bytes are not compressed", size)
	}
}
