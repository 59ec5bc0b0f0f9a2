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
