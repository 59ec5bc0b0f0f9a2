package embedded

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDisk_Judge_OpensOnlyWithATenthMoreRoom(t *testing.T) {
	t.Parallel()
	const gb = 1_000_000_000
	for name, test := range map[string]struct {
		disk       Disk
		open, shut bool // whether it is full, having been open or shut before
	}{
		"no bounds":                 {Disk{Used: 100 * gb}, false, false},
		"below the limit":           {Disk{Used: 8 * gb, Limit: 10 * gb}, false, false},
		"just below the limit":      {Disk{Used: 95 * gb / 10, Limit: 10 * gb}, false, true},
		"at the limit":              {Disk{Used: 10 * gb, Limit: 10 * gb}, true, true},
		"room":                      {Disk{Room: 2 * gb, Free: 2 * gb, MinFree: gb}, false, false},
		"just room":                 {Disk{Room: 105 * gb / 100, Free: 105 * gb / 100, MinFree: gb}, false, true},
		"no room":                   {Disk{Room: 9 * gb / 10, Free: 9 * gb / 10, MinFree: gb}, true, true},
		"room in the file":          {Disk{Room: 5 * gb, Free: gb / 5, MinFree: gb}, false, false},
		"room in the file alone":    {Disk{Room: 5 * gb, Free: gb / 10, MinFree: gb}, true, true},
		"a full disk of no concern": {Disk{Room: 0, Free: 0}, false, false},
	} {
		require.Equal(t, test.open, test.disk.judge() != nil, name)
		test.disk.Full = ErrForeignSchema // any
		require.Equal(t, test.shut, test.disk.judge() != nil, name)
	}
}
