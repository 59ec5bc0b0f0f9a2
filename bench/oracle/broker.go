package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/consign-dev/consign"
)

// The stream that the workers read, and the source of theirs that reads it.
const (
	sourceName    = "upstream"
	sourceStream  = "UPSTREAM"
	sourceSubject = "upstream"
	// durable is the name of the consumer.
	durable = "consign"
	// ackWait is how long the stream waits for a sign of life of a message's reader.
	ackWait = 5 * time.Second
	// brokerMean is after how many bytes a worker's connection to it breaks, on average.
	brokerMean = 150_000
)

// hostBroker starts a NATS server with the stream, in a file, and a proxy for the workers. What the workers
// ack there is written down. It is not killed: what a broker loses then is not Consign's doing.
func hostBroker(at addresses) hosting {
	return func(ctx context.Context, r *rack) error {
		_, port, err := net.SplitHostPort(at.Broker)
		if err != nil {
			return err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return err
		}
		conn, js, err := r.startNATS(brokerName, number)
		if err != nil {
			return err
		}
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: sourceStream, Subjects: []string{sourceSubject}}); err != nil {
			return err
		}
		if err := r.tap(ctx, conn, js); err != nil {
			return err
		}
		return r.between(ctx, brokerName, at.Source, at.Broker, brokerMean)
	}
}

// startNATS starts a NATS server whose streams are in files, and connects to it until the rack ends.
func (r *rack) startNATS(name string, port int) (*nats.Conn, jetstream.JetStream, error) {
	running, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: r.plan.path(name), NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, nil, err
	}
	running.Start()
	r.closers = append(r.closers, func() error {
		running.Shutdown()
		running.WaitForShutdown()
		return nil
	})
	if !running.ReadyForConnections(natsWait) {
		return nil, nil, errors.New("the server does not start")
	}
	conn, js, err := connectJetStream(running.Addr().String())
	if err == nil {
		r.closers = append(r.closers, func() error { conn.Close(); return nil })
	}
	return conn, js, err
}

// Words that JetStream is told of a message.
const (
	wordAck       = "+ACK"
	wordTerminate = "+TERM"
)

// tap writes down each ack as it passes, and where the consumer's floor is: one is what the workers said, the
// other what the stream holds to be acked, however it came to that.
func (r *rack) tap(ctx context.Context, conn *nats.Conn, js jetstream.JetStream) error {
	ledger, err := r.ledger(brokerName)
	if err != nil {
		return err
	}
	// The time and the archive's size are those of the moment; writing may take longer.
	lines := make(chan line, 100_000)
	_, err = conn.Subscribe(ackPrefix+sourceStream+"."+durable+".>", func(m *nats.Msg) {
		word, _, _ := strings.Cut(string(m.Data), " ")
		if word != wordAck && word != wordTerminate && word != "" {
			return // a sign of life, or given back
		}
		of, err := deliveryOf(m.Subject)
		if err != nil {
			word = err.Error() // the judge takes it for no ack
		}
		lines <- line{At: time.Now().UnixNano(), What: acked, N: of.message, Times: of.times, Text: word, Archive: r.plan.archiveSize()}
	})
	if err != nil {
		return err
	}
	r.group.Go(func() error {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		last := 0
		for {
			var all []line
			select {
			case <-ctx.Done():
				return nil
			case l := <-lines:
				all = append(all, l)
				for len(lines) > 0 {
					all = append(all, <-lines)
				}
			case <-tick.C:
				now := floorOf(ctx, js)
				if now == last {
					continue
				}
				last = now
				all = append(all, line{What: floor, N: now, Archive: r.plan.archiveSize()})
			}
			if err := ledger.write(all...); err != nil {
				return err
			}
		}
	})
	return conn.Flush()
}

// floorOf is the number of the last message before which, and with it, all are acked.
func floorOf(ctx context.Context, js jetstream.JetStream) int {
	consumer, err := js.Consumer(ctx, sourceStream, durable)
	if err != nil {
		return 0 // no worker has made it yet
	}
	return int(consumer.CachedInfo().AckFloor.Stream) //nolint:gosec // a count
}

const ackPrefix = "$JS.ACK."

// delivered is one delivery of a message: the number in the stream, and how often it had been delivered
// with this one.
type delivered struct{ message, times int }

// deliveryOf reads the subject of an ack: $JS.ACK.<stream>.<consumer>.<times>.<message>.…, with a domain and an
// account before the stream in newer ones.
func deliveryOf(subject string) (delivered, error) {
	parts := strings.Split(subject, ".")
	at := 4
	if len(parts) > 9 {
		at = 6
	}
	if len(parts) < 9 {
		return delivered{}, fmt.Errorf("the subject %q acks no message", subject)
	}
	times, err := strconv.Atoi(parts[at])
	message, other := strconv.Atoi(parts[at+1])
	return delivered{message, times}, errors.Join(err, other)
}

// upstreamMessages are the results of the stream's messages, by the numbers of these.
func upstreamMessages(ctx context.Context, js jetstream.JetStream) (map[int]int, error) {
	stream, err := js.Stream(ctx, sourceStream)
	if err != nil {
		return nil, err
	}
	found := map[int]int{}
	state := stream.CachedInfo().State
	for sequence := max(state.FirstSeq, 1); sequence <= state.LastSeq; sequence++ {
		m, err := stream.GetMsg(ctx, sequence)
		if err != nil {
			return nil, fmt.Errorf("reading message %d: %w", sequence, err)
		}
		var held consign.Result
		if err := json.Unmarshal(m.Data, &held); err != nil {
			return nil, fmt.Errorf("reading message %d: %w", sequence, err)
		}
		if found[int(sequence)], err = number(held.ID); err != nil { //nolint:gosec // a count
			return nil, err
		}
	}
	return found, nil
}

// untilAcked waits until the stream has nothing that is not acked, as long as something happens. The judge finds what is left.
func untilAcked(ctx context.Context, at addresses) error {
	conn, js, err := connectJetStream(at.Broker)
	if err != nil {
		return err
	}
	defer conn.Close()
	last, since := uint64(0), time.Now()
	for time.Since(since) < patience/3 {
		consumer, err := js.Consumer(ctx, sourceStream, durable)
		if err == nil {
			info := consumer.CachedInfo()
			if info.NumPending == 0 && info.NumAckPending == 0 {
				return nil
			}
			if left := info.NumPending + uint64(info.NumAckPending); left != last { //nolint:gosec // a count
				last, since = left, time.Now()
			}
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// readBroker reads what was acked at the stream, and what it holds to be open.
func (e *evidence) readBroker(ctx context.Context, p *plan, at addresses) error {
	conn, js, err := connectJetStream(at.Broker)
	if err != nil {
		return err
	}
	defer conn.Close()
	messages, err := upstreamMessages(ctx, js)
	if err != nil {
		return err
	}
	lines, err := readLedger(p.path(brokerName + ledgerSuffix))
	if err != nil {
		return err
	}
	e.messageAcks(messages, lines)
	consumer, err := js.Consumer(ctx, sourceStream, durable)
	if err != nil {
		return err
	}
	info := consumer.CachedInfo()
	for message := range messages {
		if message > int(info.AckFloor.Stream) { //nolint:gosec // a count
			e.pending = append(e.pending, fmt.Sprintf("message %d with %s", message, resultID(messages[message])))
		}
	}
	return nil
}

// messageAcks makes acks of results of those of messages, and of the consumer's floor.
func (e *evidence) messageAcks(messages map[int]int, lines []line) {
	last := 0
	for _, l := range lines {
		from, to := l.N, l.N
		switch {
		case l.What == floor:
			from, last = last+1, l.N
		case l.What != acked:
			continue
		case l.Text == wordTerminate:
			e.terminated = append(e.terminated, fmt.Sprintf("message %d with %s", l.N, resultID(messages[l.N])))
		case l.Text != wordAck && l.Text != "":
			e.torn = append(e.torn, "an ack: "+l.Text)
			continue
		}
		if l.Times > 1 {
			e.redelivered++
		}
		for message := from; message <= to; message++ {
			n, ok := messages[message]
			if !ok {
				e.torn = append(e.torn, fmt.Sprintf("an ack of message %d, which the stream has not", message))
				continue
			}
			e.acks[n] = append(e.acks[n], line{At: l.At, N: n, Archive: l.Archive, Unsaid: true})
		}
	}
}
