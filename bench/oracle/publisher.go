package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const publishingAtOnce = 16

// publisher is an upstream that publishes to the stream. A message of which it was not told that the stream
// has it, when it was killed, it publishes again, and then the stream has it twice.
func publish(ctx context.Context, p *plan, at addresses) error {
	ledger, before, err := openLedger(p.path(submitterName + ledgerSuffix))
	if err != nil {
		return err
	}
	conn, js, err := connectJetStream(at.Broker)
	if err != nil {
		return err
	}
	defer conn.Close()
	sayReady()
	err = p.eachReleased(ctx, p.rest(before), publishingAtOnce, func(ctx context.Context, u unit) error {
		if err := publishOne(ctx, js, ledger, u); err != nil {
			return fmt.Errorf("publishing %s: %w", resultID(u.first), err)
		}
		return nil
	})
	return errors.Join(err, ledger.close())
}

func publishOne(ctx context.Context, js jetstream.JetStream, ledger *ledger, u unit) error {
	text, err := result(u.first).Encode()
	if err != nil {
		return err
	}
	for {
		if err := ledger.write(line{What: meant, N: u.first}); err != nil {
			return err
		}
		if _, err = js.Publish(ctx, sourceSubject, text); err == nil {
			return ledger.write(line{What: submitted, N: u.first})
		}
		fmt.Fprintln(os.Stderr, "again:", err)
		if pause(ctx, 100*time.Millisecond) != nil {
			return nil //nolint:nilerr // this process is to end
		}
	}
}
