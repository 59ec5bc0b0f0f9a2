package deadletters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// ErrNotImported marks an import of which some lines did not become dead letters. Each was reported.
var ErrNotImported = errors.New("not imported")

// Imported is what became of one line.
type Imported struct {
	// Line of the input, from 1, and the id of its dead letter, where it has one.
	Line int
	ID   string
	// There is true when the dead letter was there already, open or closed, or stands in an earlier
	// line too.
	There bool
	// Err says why the line did not become a dead letter.
	Err error
}

// Import starts a dead letter for each line that [Export] wrote, under its old id and with all that
// its record holds, and tells report of each, one at a time. No worker is needed. Blank lines are
// skipped.
//
// All lines are checked before the first is imported: when one is bad, each bad one is reported,
// nothing is imported, and the error is [ErrNotImported].
//
// It can be repeated at any time, also when it was broken off: what is there already stays as it
// is, for as long as the namespace keeps closed workflows also what was replayed or discarded since.
// One that was terminated is started again.
//
// Whether its sink is configured shows when it is replayed. Sinks under dead_letters.also_to have
// been told when it was parked, and are not told again.
func Import(ctx context.Context, temporal client.Client, from io.ReadSeeker, report func(Imported)) error {
	bad := 0
	for line, err := range read(from) {
		if err != nil {
			return err
		}
		if line.err != nil {
			bad++
			report(Imported{Line: line.number, ID: line.record.ID, Err: line.err})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if bad > 0 {
		return fmt.Errorf("nothing was imported: %w: %d bad", ErrNotImported, bad)
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the import from its beginning: %w", err)
	}
	return start(ctx, temporal, from, report)
}

// start starts the dead letters of lines that were checked.
func start(ctx context.Context, temporal client.Client, from io.Reader, report func(Imported)) error {
	var mu sync.Mutex
	failed := 0
	tell := func(imported Imported) {
		mu.Lock()
		defer mu.Unlock()
		if imported.Err != nil {
			failed++
		}
		report(imported)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	seen := map[string]bool{}
	for line, err := range read(from) {
		if err = errors.Join(err, line.err, ctx.Err()); err != nil {
			group.Go(func() error { return err })
			break
		}
		imported := Imported{Line: line.number, ID: line.record.ID, There: seen[line.record.ID]}
		if imported.There {
			tell(imported)
			continue
		}
		seen[line.record.ID] = true
		group.Go(func() error {
			there, err := startOne(ctx, temporal, line.record)
			if ctx.Err() != nil || errors.Is(err, consign.ErrUnreachable) || errors.Is(err, consign.ErrNotSetUp) {
				return err
			}
			imported.There, imported.Err = there, err
			tell(imported)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d of the dead letters", ErrNotImported, failed)
	}
	return nil
}

// startOne starts one dead letter, or says that it is there.
func startOne(ctx context.Context, temporal client.Client, record consign.Record) (there bool, err error) {
	// Encoded here, not by the client's converter, which might rewrite the data.
	input, err := consign.DataConverter().ToPayload(map[string]any{"record": record})
	if err != nil {
		return false, err
	}
	options := StartOptions(record)
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	_, err = temporal.ExecuteWorkflow(ctx, options, consign.DeadLetterWorkflow, converter.NewRawValue(input))
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return true, nil
	}
	if err != nil {
		return false, explain("importing "+record.ID, err)
	}
	return false, nil
}
