package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
)

// addresses where the processes listen, the same after a restart.
type addresses struct {
	Server   string `json:"server"`
	Hook     string `json:"hook"`
	Desk     string `json:"desk"`
	Upstream string `json:"upstream"` // for acks
	Rack     string `json:"rack"`
	// HTTP is where the workers take results.
	HTTP [2]string `json:"http"`
	// Broker is the server of the stream that the workers read, Source where they reach it, and Door where it
	// is healed.
	Broker string `json:"broker"`
	Source string `json:"source"`
	Door   string `json:"door"`
	// Of is where sinks reach their counterparts, by the names of the sinks.
	Of map[string]string `json:"of"`
}

// chooseAddresses finds free ports, and tells the processes to be of them.
func chooseAddresses(ctx context.Context, p *plan, socket string) (at addresses, err error) {
	at.Of = map[string]string{}
	free := func() string {
		if err != nil {
			return ""
		}
		var address string
		address, err = freeAddress(ctx)
		return address
	}
	for _, address := range []*string{&at.Server, &at.Hook, &at.Desk, &at.Upstream, &at.Rack, &at.HTTP[0], &at.HTTP[1], &at.Broker, &at.Source, &at.Door} {
		*address = free()
	}
	for _, c := range p.counterparts() {
		at.Of[c.name] = free()
	}
	at.Of[unixName] = socket
	if err != nil {
		return at, err
	}
	text, err := json.Marshal(at)
	if err != nil {
		return at, err
	}
	return at, os.WriteFile(p.path(addressesName), text, 0o600)
}

// Ports that are chosen lie below those that Linux gives to outgoing connections, 32768 and up: one of them would be taken
// before, or between two lives of, the process that is to listen there.
const firstPort, lastPort = 10_000, 32_000

// nextPort counts from a port that is another one in each process: runs side by side get no port twice.
var nextPort atomic.Int64

func init() { nextPort.Store(rand.Int64N(lastPort - firstPort)) } //nolint:gochecknoinits // as above

// freeAddress is one at which nobody listens.
func freeAddress(ctx context.Context) (string, error) {
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

const addressesName = "addresses.json"

func readAddresses(p *plan) (at addresses, err error) {
	text, err := os.ReadFile(p.path(addressesName))
	if err != nil {
		return at, err
	}
	if err := json.Unmarshal(text, &at); err != nil {
		return at, fmt.Errorf("%s: %w", addressesName, err)
	}
	return at, nil
}
