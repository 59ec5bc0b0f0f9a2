package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// counts is what a receiver has taken.
type counts struct {
	Posts int64 `json:"posts"`
	// Signed are those among the posts that carry a signature.
	Signed int64 `json:"signed"`
	Lines  int64 `json:"lines"`
}

// receive is the other process: it takes POSTs at /take and, slowly, at /slow, keeps those at /hang waiting
// for ever, counts the lines of in, and ends when in does, which it does when the process that writes there ends. The
// first line of out is the URL it listens at.
func receive(ctx context.Context, in io.Reader, out io.Writer) error {
	var posts, signed, lines atomic.Int64
	mux := http.NewServeMux()
	take := func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			posts.Add(1)
			if r.Header.Get("webhook-signature") != "" {
				signed.Add(1)
			}
		}
	}
	mux.HandleFunc("POST /take", take)
	mux.HandleFunc("POST /slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(slowTake)
		take(w, r)
	})
	mux.HandleFunc("POST /hang", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(counts{Posts: posts.Load(), Signed: signed.Load(), Lines: lines.Load()})
	})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("receiver: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return errors.Join(err, server.Close(), ignoreClosed(<-served))
	}
	reader := bufio.NewReaderSize(in, 64<<10)
	for {
		// A line longer than the buffer comes in pieces; only its end counts.
		_, err := reader.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return errors.Join(server.Close(), ignoreClosed(<-served))
		}
		lines.Add(1)
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// receiver is that process as seen from here.
type receiver struct{ *child }

func startReceiver(ctx context.Context) (*receiver, error) {
	c, err := startChild(ctx, "the receiver", receiverFlag)
	return &receiver{c}, err
}

func (r *receiver) counts(ctx context.Context) (counts, error) {
	var taken counts
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/counts", http.NoBody)
	if err != nil {
		return taken, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return taken, fmt.Errorf("asking the receiver: %w", err)
	}
	defer response.Body.Close()
	err = json.NewDecoder(response.Body).Decode(&taken)
	return taken, err
}

// receiverPatience is how long what the sinks have taken may be on its way: a pipe holds what was written to it.
const receiverPatience = 10 * time.Second

// await returns once the receiver has taken this much more than before; an error when it has not within limit.
func (r *receiver) await(ctx context.Context, before, more counts, limit time.Duration) error {
	const pause = 20 * time.Millisecond
	for deadline := time.Now().Add(limit); ; {
		taken, err := r.counts(ctx)
		if err != nil {
			return err
		}
		posts, lines := taken.Posts-before.Posts, taken.Lines-before.Lines
		if posts >= more.Posts && lines >= more.Lines {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("of %d results the webhook's receiver holds %d, and of %d the pipe's reader %d", more.Posts, posts, more.Lines, lines)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
