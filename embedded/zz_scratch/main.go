package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/consign-dev/consign/embedded"
)

func rss() string {
	b, _ := os.ReadFile("/proc/self/status")
	for _, l := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(l, "VmRSS") { return l }
	}
	return ""
}

func main() {
	dir := flag.String("dir", "", "")
	stock := flag.Bool("stock", false, "")
	n := flag.Int("n", 5000, "")
	hold := flag.Bool("hold", false, "")
	flag.Parse()
	l, _ := zap.NewDevelopment()
	t0 := time.Now()
	s, err := embedded.Start(context.Background(), embedded.Options{DataDir: *dir, Stock: *stock, Port: -1, UIPort: -1, Logger: l})
	if err != nil { fmt.Println(err); os.Exit(1) }
	fmt.Println("start", time.Since(t0), s.UIURL(), rss())
	c, err := client.Dial(client.Options{HostPort: s.Address(), Logger: sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))})
	if err != nil { panic(err) }
	w := worker.New(c, "q", worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "Noop"})
	w.Start()
	t0 = time.Now()
	r, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{TaskQueue: "q", EnableEagerStart: true}, "Noop")
	if err != nil { panic(err) }
	r.Get(context.Background(), nil)
	fmt.Println("first", time.Since(t0))
	for round := 0; round < *n/5000; round++ {
	var done atomic.Int64
	t0 = time.Now()
	var wg sync.WaitGroup
	for i := 0; i < 64; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for done.Add(1) <= 5000 {
				r, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{TaskQueue: "q", EnableEagerStart: true}, "Noop")
				if err != nil { fmt.Println(err); continue }
				if err := r.Get(context.Background(), nil); err != nil { fmt.Println(err) }
			}
		}()
	}
	wg.Wait()
	fmt.Printf("%.0f/s %s\n", 5000/time.Since(t0).Seconds(), rss())
	}
	if *hold { select {} }
	w.Stop(); c.Close()
	t0 = time.Now()
	fmt.Println(s.Stop(context.Background()), time.Since(t0))
}
