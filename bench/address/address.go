// Package address finds addresses for processes that tests and the oracle start, and that have to be told where to listen.
package address

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// Ports that are chosen lie below those that Linux gives to outgoing connections, 32768 and up: one of them would be taken
// before, or between two lives of, the process that is to listen there.
const firstPort, lastPort = 10_000, 32_000

// nextPort counts from a port that is another one in each process: runs side by side get no port twice.
var nextPort atomic.Int64

func init() { nextPort.Store(rand.Int64N(lastPort - firstPort)) } //nolint:gochecknoinits // as above

// Free is a host:port of this machine's loopback at which nobody listens.
func Free(ctx context.Context) (string, error) {
	for tries := 0; ; tries++ {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+nextPort.Add(1)%(lastPort-firstPort))
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			return address, listener.Close()
		}
		if tries == 100 {
			return "", err
		}
	}
}
