package main

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // which the sink compresses with
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// collector is a receiver of OTLP logs that misbehaves. A request fares as the first record in it; a
// record that is refused is refused for good.
type collector struct {
	collectorpb.UnimplementedLogsServiceServer

	seed   uint64
	ledger *ledger
	healed atomic.Bool

	mu       sync.Mutex
	requests map[string]int // by the first delivery id
}

// hostCollector starts a collector, over gRPC, behind a proxy.
func hostCollector(ctx context.Context, r *rack, address string) error {
	ledger, err := r.ledger(otlpName)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c := &collector{seed: r.plan.seed, ledger: ledger, requests: map[string]int{}}
	server := grpc.NewServer()
	collectorpb.RegisterLogsServiceServer(server, c)
	stop := context.AfterFunc(ctx, server.Stop)
	r.group.Go(func() error {
		defer stop()
		return server.Serve(listener)
	})
	r.heal = append(r.heal, func() { c.healed.Store(true) })
	return r.between(ctx, otlpName, address, listener.Addr().String(), 200_000)
}

// Export implements the service.
func (c *collector) Export(ctx context.Context, request *collectorpb.ExportLogsServiceRequest) (*collectorpb.ExportLogsServiceResponse, error) {
	began := time.Now()
	lines, refused, err := c.read(ctx, request)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	all := slices.Concat(lines, refused)
	if len(all) == 0 {
		return &collectorpb.ExportLogsServiceResponse{}, nil
	}
	does := c.next(all[0].Delivery)
	if err := does.insteadOfLogs(ctx); err != nil {
		return nil, err
	}
	// Where some are refused, every other request is taken in part, and the rest not at all.
	if len(refused) > 0 && (len(lines) == 0 || dice(c.seed, all[0].Delivery, "in part", 0) < .5) {
		return nil, status.Error(codes.InvalidArgument, "refused")
	}
	for i := range lines {
		lines[i].Answer = does
		if len(refused) > 0 {
			lines[i].Answer = takenInPart // which ones the client cannot know
		}
	}
	if err := c.ledger.write(lines...); err != nil {
		return nil, err
	}
	if ctx.Err() != nil || time.Since(began) > mayBeGone {
		for i := range lines {
			lines[i].What = unheard
		}
		_ = c.ledger.write(lines...)
	}
	switch does { //nolint:exhaustive // the others do nothing afterwards
	case takenFail:
		return nil, status.Error(codes.Unavailable, "taken, says nobody")
	case takenHang:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	answer := &collectorpb.ExportLogsServiceResponse{}
	if len(refused) > 0 {
		answer.PartialSuccess = &collectorpb.ExportLogsPartialSuccess{RejectedLogRecords: int64(len(refused)), ErrorMessage: "refused"}
	}
	return answer, nil
}

// read returns what is to be written down, and what is refused.
func (c *collector) read(ctx context.Context, request *collectorpb.ExportLogsServiceRequest) (lines, refused []line, err error) {
	by := 0
	if sent, _ := metadata.FromIncomingContext(ctx); len(sent.Get(workerHeader)) == 1 {
		if by, err = strconv.Atoi(sent.Get(workerHeader)[0]); err != nil {
			return nil, nil, err
		}
	}
	for _, of := range request.GetResourceLogs() {
		for _, scope := range of.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				l, err := lineOf(record)
				if err != nil {
					return nil, nil, err
				}
				l.By = by
				if !c.healed.Load() && dice(c.seed, l.Delivery, string(refuse), 0) < refuseOdds {
					refused = append(refused, l)
				} else {
					lines = append(lines, l)
				}
			}
		}
	}
	return lines, refused, nil
}

func lineOf(record *logspb.LogRecord) (l line, err error) {
	attributes := map[string]string{}
	for _, attribute := range record.GetAttributes() {
		attributes[attribute.GetKey()] = attribute.GetValue().GetStringValue()
	}
	l = line{What: taking, Delivery: attributes["log.record.uid"]}
	if l.N, err = number(attributes["cloudevents.event_id"]); err == nil {
		l.Mangled = record.GetBody().GetStringValue() != string(result(l.N).Data)
	}
	return l, err
}

// next is what the collector does with a request.
func (c *collector) next(delivery string) fault {
	if c.healed.Load() {
		return none
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[delivery]++
	return pick(collectorOdds(), c.seed, delivery, c.requests[delivery])
}

// insteadOfLogs is what is answered instead of taking a request. Nil: it is to be taken.
func (f fault) insteadOfLogs(ctx context.Context) error {
	switch f { //nolint:exhaustive // the others take it
	case fail:
		return status.Error(codes.Unavailable, "failed")
	case busy:
		answer, err := status.New(codes.ResourceExhausted, "busy").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
		if err != nil {
			return err
		}
		return answer.Err()
	case hang:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func readCollected(_ context.Context, p *plan, _ string) (taken, error) {
	return readTakes(p.path(otlpName + ledgerSuffix))
}
