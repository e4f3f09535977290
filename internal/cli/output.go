package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/preauth"
)

const (
	outputTable = "table"
	outputJSON  = "json"
)

func addOutput(cmd *cobra.Command, output *string) {
	addOutputs(cmd, output, "output as table or json", outputTable, outputJSON)
}

func addOutputs(cmd *cobra.Command, output *string, usage string, all ...string) {
	cmd.Flags().StringVarP(output, "output", "o", outputTable, usage)
	completes(cmd, "output", func() []string { return all })
}

func checkOutput(output string) error {
	if output != outputTable && output != outputJSON {
		return fmt.Errorf("-o %q: use table or json", output)
	}
	return nil
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// plural gives "1 request", "2 requests".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// money gives an amount as people write it, "-" for none.
func money(amount, currency string) string {
	if amount == "" {
		return "-"
	}
	m, err := preauth.NewMoney(amount, currency)
	if err != nil {
		return amount + " " + currency
	}
	return m.String()
}

// figure gives an amount with its currency's decimals and without its name, "" for none.
func figure(amount, currency string) string {
	if amount == "" {
		return ""
	}
	return strings.TrimSuffix(money(amount, currency), " "+currency)
}

// moment gives a time as it stands in logs.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// counts says how many there are of each kind, "none" for nothing.
func counts(n map[string]int) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, n[kind]))
	}
	return orNone(parts)
}

func orNone(parts []string) string {
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
