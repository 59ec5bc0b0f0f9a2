package embedded

import (
	"errors"
	"fmt"
	"strings"
)

// ErrForeignSchema is returned, wrapped, by [Start] for a database whose tables are not those of the
// Temporal server in this binary. The file has not been touched.
var ErrForeignSchema = errors.New("its tables are not those of the Temporal server in this release of Consign")

// foreignSchema says in what a database differs, and which releases have recorded themselves in it.
type foreignSchema struct {
	differing []string
	releases  map[string]release
}

func (e *foreignSchema) Error() string {
	return fmt.Sprintf("%v (%s)", ErrForeignSchema, strings.Join(e.differing, ", "))
}

func (e *foreignSchema) Unwrap() error { return ErrForeignSchema }

// origin says which release made the database.
func (e *foreignSchema) origin() string {
	maker, runner := e.releases[made], e.releases[ran]
	switch {
	case runner == release{}:
		return "It does not record which release of Consign made it"
	case maker == release{}:
		return fmt.Sprintf("It was last run by %s", runner)
	case maker == runner:
		return fmt.Sprintf("It was made by %s", runner)
	}
	return fmt.Sprintf("It was made by %s and last run by %s", maker, runner)
}

// wayOut is how its content comes to this release: through the one that knows its tables.
func (e *foreignSchema) wayOut(dir string, this release) string {
	old := "the release that made it"
	if runner := e.releases[ran]; runner != (release{}) {
		old = "Consign " + runner.consign
	}
	return fmt.Sprintf(`%s; this is %s. To take along what is in it:
1. with %s: consign up --data-dir %s
2. beside it, also with %s: consign drain, then consign dead-letters export > dead.ndjson, then stop it
3. with this release: consign up --data-dir NEW, then consign dead-letters import dead.ndjson
Or leave it where it is and start afresh with --data-dir NEW.`, e.origin(), this, old, dir, old)
}
