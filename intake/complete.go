package intake

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/consign-dev/consign"
)

// Complete checks a result as its submission would, gives it a UUID if it has no id, and compacts its data.
//
// Errors: [consign.ErrInvalid] and [consign.ErrTooLarge].
func Complete(r consign.Result) (consign.Result, error) {
	if r.ID == "" {
		r.ID = uuid.NewString()
	}
	if err := r.Check(); err != nil {
		return r, fmt.Errorf("%w: %w", consign.ErrInvalid, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, r.Data); err != nil {
		return r, fmt.Errorf("%w: not JSON: %w", consign.ErrInvalid, err)
	}
	r.Data = compact.Bytes()
	encoded, err := r.Encode()
	if err != nil {
		return r, fmt.Errorf("%w: %w", consign.ErrInvalid, err)
	}
	if len(encoded) > consign.MaxConsignmentBytes {
		return r, fmt.Errorf("%w: %d bytes, at most %d (1 MiB) can be delivered: store the bulk elsewhere and submit a reference to it",
			consign.ErrTooLarge, len(encoded), consign.MaxConsignmentBytes)
	}
	return r, nil
}
