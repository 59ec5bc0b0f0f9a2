package main

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/status"
)

// diskFlags bound what the embedded server takes of its disk.
type diskFlags struct{ most, free string }

func (f *diskFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.most, "max-disk", "", "how much the database may hold, such as 10GB: beyond it no new results are taken until retention has made room, and what was accepted goes on (default: no bound)")
	cmd.Flags().StringVar(&f.free, "min-free", "", "how much room to leave on the disk, such as 5GB, by taking no new results below it; 0 for none (default 1GiB, or a twentieth of a smaller disk)")
}

// options takes the flags over.
func (f *diskFlags) options(cmd *cobra.Command, o *embedded.Options) (err error) {
	if o.MaxDisk, err = size(f.most); err != nil {
		return usage(cmd, "--max-disk %w", err)
	}
	if o.MinFree, err = size(f.free); err != nil {
		return usage(cmd, "--min-free %w", err)
	}
	if f.most != "" && o.MaxDisk == 0 {
		return usage(cmd, "--max-disk %s: nothing would be taken; leave it out to have no bound", f.most)
	}
	if f.free != "" && o.MinFree == 0 {
		o.MinFree = embedded.NoMinFree
	}
	return nil
}

// size reads a number of bytes; empty is 0.
func size(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf("%q: no size: give it as 10GB, 500MB or 8GiB", text)
	}
	return int64(n), nil
}

// countDisk adds what the server takes of its disk to the metrics.
func countDisk(registry prometheus.Registerer, server *embedded.Server) {
	for _, gauge := range []struct {
		name, help string
		value      func(embedded.Disk) float64
	}{
		{"bytes", "What the database of the embedded server holds: pages in use, and its write-ahead log.", func(d embedded.Disk) float64 { return float64(d.Used) }},
		{"limit_bytes", "How much it may hold (--max-disk); 0: no bound.", func(d embedded.Disk) float64 { return float64(d.Limit) }},
		{"room_bytes", "How much more its disk has room for: free space, and free pages of its file.", func(d embedded.Disk) float64 { return float64(d.Room) }},
		{"min_free_bytes", "How much room is left free (--min-free); 0: none.", func(d embedded.Disk) float64 { return float64(d.MinFree) }},
		{"full", "Whether no new results are taken, for want of room.", func(d embedded.Disk) float64 {
			if d.Full != nil {
				return 1
			}
			return 0
		}},
	} {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "consign", Subsystem: "disk", Name: gauge.name, Help: gauge.help},
			func() float64 { return gauge.value(server.Disk()) }))
	}
}

// toldDisk is what a worker in the server's process tells of its disk.
func toldDisk(server *embedded.Server) status.Disk {
	d := server.Disk()
	told := status.Disk{Dir: server.DataDir(), Used: d.Used, Limit: d.Limit, Room: d.Room, MinFree: d.MinFree}
	if d.Full != nil {
		told.Full = d.Full.Error()
	}
	return told
}
