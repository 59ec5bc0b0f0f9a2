package status

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// reloadPatience is how long a worker may take to open its sinks: a database that is away is waited for.
const reloadPatience = 30 * time.Second

// unknownActivity is the type of error by which a worker says that it does not know what it is asked.
const unknownActivity = "ActivityNotRegisteredError"

// Changes are what a reload has changed in a worker.
type Changes struct {
	// Sinks by name, in the order of the configuration.
	Added     []string `json:"added,omitempty"`
	Changed   []string `json:"changed,omitempty"`
	Removed   []string `json:"removed,omitempty"`
	Unchanged []string `json:"unchanged,omitempty"`
	// Restart names parts of the configuration that have changed and that change with a restart of the worker only.
	Restart []string `json:"restart_needed,omitempty"`
}

// ReloadInput is the argument of the activity "reload".
type ReloadInput struct {
	// By is who asks for it, for the log: user@host.
	By string `json:"by,omitempty"`
}

// Reload is what a worker says of having read its configuration anew: the answer of the activity "reload".
type Reload struct {
	// Identity of the worker.
	Identity string `json:"identity"`
	// Config that it goes by now: the one from before, where it has refused.
	Config Config `json:"config"`
	// Changes are all empty where it has refused.
	Changes
	// Refused are the mistakes for which it keeps the configuration from before, one text for each: with file, line and
	// column where it is one of the file. Empty: it has reloaded.
	Refused []string `json:"refused,omitempty"`
}

// Reloading is what became of asking one worker to reload.
type Reloading struct {
	// Identity of the worker.
	Identity string `json:"identity"`
	// Answer of it; nil: there is none.
	Answer *Reload `json:"answer,omitempty"`
	// Silence says why there is none.
	Silence string `json:"silence,omitempty"`
}

// Done tells whether the worker goes by its configuration of now.
func (r Reloading) Done() bool { return r.Answer != nil && len(r.Answer.Refused) == 0 }

// ReloadAll asks every worker to read its configuration anew, side by side, and returns what each has said, by identity.
// by says who asks: user@host. The error is [ErrOldServer], wrapped, where workers cannot be asked.
func ReloadAll(ctx context.Context, c client.Client, namespace, by string) ([]Reloading, error) {
	seen, err := Identities(ctx, c)
	if err != nil {
		return nil, err
	}
	all := make([]Reloading, len(seen))
	var group errgroup.Group
	group.SetLimit(4 * atOnce)
	for i, identity := range slices.Sorted(maps.Keys(seen)) {
		group.Go(func() error {
			var answer Reload
			err := Ask(ctx, c, namespace, identity, consign.ReloadActivity, reloadPatience, &answer, ReloadInput{By: by})
			all[i] = Reloading{Identity: identity}
			failed, _ := errors.AsType[*temporal.ApplicationError](err)
			switch {
			case err == nil:
				all[i].Answer = &answer
			case errors.Is(err, ErrOldServer):
				return err
			case failed != nil && failed.Type() == unknownActivity:
				all[i].Silence = "its release cannot reload: restart it"
			default:
				all[i].Silence = err.Error()
			}
			return nil
		})
	}
	return all, group.Wait()
}
