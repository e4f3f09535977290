package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manual writes a page of the manual, section 1, for each command. The texts are those
// that --help prints.
type manual struct {
	date time.Time
}

// write makes the pages of a command and of those below it, compressed, in a folder.
func (m manual) write(cmd *cobra.Command, dir string) error {
	err := writeFile(filepath.Join(dir, pageName(cmd)+".1.gz"), compressed(m.page(cmd)))
	for _, below := range offered(cmd) {
		err = errors.Join(err, m.write(below, dir))
	}
	return err
}

// pageName is preauth-sync-parked-list for the command "preauth-sync parked list".
func pageName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-")
}

// offered are the commands below one that help shows.
func offered(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			all = append(all, below)
		}
	}
	return all
}

// page is one command's page.
func (m manual) page(cmd *cobra.Command) []byte {
	var p bytes.Buffer
	fmt.Fprintf(&p, ".TH %s 1 %s preauth\\-sync \"User Commands\"\n%s",
		strings.ToUpper(escape(pageName(cmd))), m.date.UTC().Format(time.DateOnly), ragged)
	fmt.Fprintf(&p, ".SH NAME\n%s \\- %s\n", escape(pageName(cmd)), text(cmd.Short))
	fmt.Fprintf(&p, ".SH SYNOPSIS\n%s\n", synopsis(cmd))
	p.WriteString(".SH DESCRIPTION\n")
	description := cmd.Long
	if description == "" {
		description = cmd.Short + "."
	}
	paragraphs(&p, description)
	if below := offered(cmd); len(below) > 0 {
		p.WriteString(".SH COMMANDS\n")
		for _, c := range below {
			fmt.Fprintf(&p, ".TP\n.BR %s (1)\n%s\n", escape(pageName(c)), text(c.Short))
		}
	}
	p.WriteString(".SH OPTIONS\n")
	options(&p, cmd.LocalFlags())
	options(&p, cmd.InheritedFlags())
	if cmd.HasParent() {
		fmt.Fprintf(&p, ".SH SEE ALSO\n.BR %s (1)\n", escape(pageName(cmd.Parent())))
	} else {
		p.WriteString(surroundings)
	}
	return p.Bytes()
}

// ragged sets lines that are neither stretched nor hyphenated: most words are names.
const ragged = ".ad l\n.nh\n"

// surroundings are the exit codes, the environment and the files, on the first page.
const surroundings = `.SH EXIT STATUS
.TP
.B 0
done; the daemon: stopped by a signal
.TP
.B 1
failed: something could not be read or sent, or is newly parked for an outcome, or an outcome is not known; anything else that went wrong
.TP
.B 2
plan found something to do, or audit a difference
.TP
.B 3
the configuration is refused
.TP
.B 4
the state file is locked by another process
.TP
.B 5
the fuse has blown: a plan is larger than mirror.max_actions_per_cycle (run \-\-once)
.TP
.B 6
the state file is refused: corrupt, foreign, of a newer version, for other addresses or enterprises, or a start that cannot be made safe
.TP
.B 130
interrupted
.PP
When several apply, the first of 6, 4, 3, 130, 5, 1, 2 counts.
.SH ENVIRONMENT
.TP
.B PREAUTH_SYNC_CONFIG
the configuration file, where \-\-config does not name one
.TP
.B CREDENTIALS_DIRECTORY
the folder of ${credential:NAME}, which systemd sets for a service; without it, the folder credentials beside the configuration file
.TP
.B NO_COLOR
no colours, whatever its value
.SH FILES
.TP
.I /etc/preauth\-sync/config.yaml
the configuration
.TP
.I /etc/preauth\-sync/service.conf
what this site adds to the systemd units
.TP
.I /etc/preauth\-sync/credentials/
secrets, for root alone
.TP
.IR /var/lib/preauth\-sync/state.db ", " state.db.gen
the state file and its generation; never delete either
.TP
.I /run/preauth\-sync/control.sock
where a running daemon takes commands
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.IR https://github.com/preauth\-sync/preauth\-sync
`

// synopsis is the command in bold, and what it takes. It is made of Use: what cobra
// makes of that depends on what else has been asked of the command before.
func synopsis(cmd *cobra.Command) string {
	takes := " [OPTION...]" + strings.TrimPrefix(cmd.Use, cmd.Name())
	if len(offered(cmd)) > 0 {
		takes += " COMMAND"
	}
	return "\\fB" + escape(cmd.CommandPath()) + "\\fR" + escape(takes)
}

// options lists flags as help does, but for --help itself.
func options(p *bytes.Buffer, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		p.WriteString(".TP\n")
		if f.Shorthand != "" {
			fmt.Fprintf(p, "\\fB\\-%s\\fR, ", f.Shorthand)
		}
		fmt.Fprintf(p, "\\fB\\-\\-%s\\fR", escape(f.Name))
		if value != "" {
			fmt.Fprintf(p, " \\fI%s\\fR", escape(value))
		}
		fmt.Fprintf(p, "\n%s", text(usage))
		switch f.DefValue {
		case "", "0", "0s", "false", "[]":
		default:
			fmt.Fprintf(p, " (default %s)", escape(f.DefValue))
		}
		p.WriteString("\n")
	})
}

// paragraphs writes a help text. Lines that are indented stay as they are.
func paragraphs(p *bytes.Buffer, long string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(long), "\n\n") {
		if i > 0 {
			p.WriteString(".PP\n")
		}
		asIs := false
		for line := range strings.Lines(paragraph) {
			line = strings.TrimRight(line, "\n")
			switch indented := strings.HasPrefix(line, " "); {
			case indented && !asIs:
				p.WriteString(".EX\n")
				asIs = true
			case !indented && asIs:
				p.WriteString(".EE\n" + ragged)
				asIs = false
			}
			p.WriteString(text(line) + "\n")
		}
		if asIs {
			p.WriteString(".EE\n" + ragged)
		}
	}
}

var code = regexp.MustCompile("`([^`]*)`")

// text escapes a line, with what is between backticks in bold.
func text(line string) string {
	return code.ReplaceAllString(escape(line), `\fB$1\fR`)
}

// escape makes a line mean itself to roff: its backslashes and dashes, and what would
// be a request at its beginning.
func escape(line string) string {
	line = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}
