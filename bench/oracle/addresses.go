package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/consign-dev/consign/bench/address"
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
		var chosen string
		chosen, err = address.Free(ctx)
		return chosen
	}
	for _, one := range []*string{&at.Server, &at.Hook, &at.Desk, &at.Upstream, &at.Rack, &at.HTTP[0], &at.HTTP[1], &at.Broker, &at.Source, &at.Door} {
		*one = free()
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
