package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
)

// hostSocket listens on a Unix socket, as a local collector does. It is well: a collector that hangs up
// with lines unread loses them, and no sink can know.
func hostSocket(ctx context.Context, r *rack, path string) error {
	ledger, err := r.ledger(unixName)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	r.group.Go(func() error {
		defer stop()
		var readers sync.WaitGroup
		defer readers.Wait()
		var before chan struct{}
		for {
			conn, err := listener.Accept()
			if err != nil {
				return nil // the rack is to end
			}
			hangUp := context.AfterFunc(ctx, func() { _ = conn.Close() })
			ended, all := make(chan struct{}), before
			before = ended
			readers.Go(func() {
				defer hangUp()
				defer close(ended)
				defer conn.Close()
				_ = eachLines(conn, func(lines [][]byte) error { return writeEvents(ledger, 0, lines) })
				if all != nil {
					<-all
				}
			})
		}
	})
	return nil
}

// readSocket reads what the rack has read of the socket. The rack hangs up on a connection that has
// ended when those before it have.
func readSocket(ctx context.Context, p *plan, path string) (taken, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if last, ok := conn.(*net.UnixConn); ok {
		if err := last.CloseWrite(); err != nil {
			return nil, err
		}
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		return nil, err
	}
	return readStream(p, unixName)
}

// eachLines reads a stream, and hands over whole lines, those that come together at once. What comes
// after the last newline is left out: its writer was killed, or hung up, within a line.
func eachLines(from io.Reader, do func(lines [][]byte) error) error {
	var text []byte
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		text = append(text, buffer[:n]...)
		if end := bytes.LastIndexByte(text, '\n'); end >= 0 {
			if err := do(bytes.Split(text[:end], []byte("\n"))); err != nil {
				return err
			}
			text = append([]byte(nil), text[end+1:]...)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// writeEvents writes down the results of a stream, which are CloudEvents, and who wrote them: 0 for
// whoever.
func writeEvents(to *ledger, by int, events [][]byte) error {
	var lines []line
	for _, text := range events {
		var event struct {
			ID         string          `json:"id"`
			DeliveryID string          `json:"deliveryid"`
			Data       json.RawMessage `json:"data"`
		}
		l := line{What: taking, By: by}
		err := json.Unmarshal(text, &event)
		if err == nil {
			l.N, err = number(event.ID)
		}
		if err != nil {
			l.What, l.Text = tornLine, string(text[:min(len(text), 100)])
		}
		l.Delivery, l.Mangled = event.DeliveryID, string(event.Data) != string(result(l.N).Data)
		lines = append(lines, l)
	}
	return to.write(lines...)
}
