package ledgertest_test

import (
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// Both are ledgers for the engine.
var (
	_ engine.Ledger = (*state.Ledger)(nil)
	_ engine.Ledger = (*memory.Ledger)(nil)
)
