package exit_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
)

func TestReport_SaysOneLineAndChoosesTheCode(t *testing.T) {
	t.Parallel()
	broken := errors.New("it broke")
	for name, test := range map[string]struct {
		err  error
		code int
		line string
	}{
		"nothing":              {nil, exit.OK, ""},
		"any error":            {broken, exit.Failed, "consign: it broke\n"},
		"usage":                {exit.With(exit.Usage, broken), exit.Usage, "consign: it broke\n"},
		"wrapped":              {fmt.Errorf("so: %w", exit.With(exit.Usage, broken)), exit.Usage, "consign: so: it broke\n"},
		"unreachable":          {fmt.Errorf("%w: gone", consign.ErrUnreachable), exit.NoTemporal, "consign: temporal is unreachable: gone\n"},
		"not set up":           {fmt.Errorf("%w: gone", consign.ErrNotSetUp), exit.NoTemporal, "consign: temporal is not set up for consign: gone\n"},
		"a code given wins":    {exit.With(exit.Failed, consign.ErrUnreachable), exit.Failed, "consign: temporal is unreachable\n"},
		"all was said already": {exit.With(exit.NotDelivered, nil), exit.NotDelivered, ""},
	} {
		var out bytes.Buffer
		require.Equal(t, test.code, exit.Report(&out, "consign", test.err), name)
		require.Equal(t, test.line, out.String(), name)
	}
}
