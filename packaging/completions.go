package main

import (
	"bytes"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"
)

// completions writes a script for each shell, by the name under which the shell
// looks for it.
func completions(root *cobra.Command, dir string) error {
	var bash, zsh, fish bytes.Buffer
	err := errors.Join(
		root.GenBashCompletionV2(&bash, true),
		root.GenZshCompletion(&zsh),
		root.GenFishCompletion(&fish, true),
	)
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "preauth-sync"), bash.Bytes()),
		writeFile(filepath.Join(dir, "_preauth-sync"), zsh.Bytes()),
		writeFile(filepath.Join(dir, "preauth-sync.fish"), fish.Bytes()),
	)
}
