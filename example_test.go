package consign_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/consign-dev/consign"
)

// Submit a result and wait until every sink has it.
func ExampleClient_Submit() {
	ctx := context.Background()
	client, err := consign.Dial(ctx, consign.Options{Address: exampleServer()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	handle, err := client.Submit(ctx, consign.Result{
		Source: "scanner",
		ID:     "finding-4711",
		Type:   "vulnerability",
		Data:   json.RawMessage(`{"cve": "CVE-1999-1338", "severity": "medium"}`),
	})
	if err != nil {
		log.Fatal(err) // not in Temporal: keep the result and try again
	}
	receipt, err := handle.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, leg := range receipt.Legs {
		fmt.Println(leg.Sink, leg.Outcome)
	}
	// Output:
	// archive delivered
	// desk parked
}

// The same result is delivered once, and other data under its id is refused.
func ExampleClient_Submit_again() {
	ctx := context.Background()
	client, err := consign.Dial(ctx, consign.Options{Address: exampleServer()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	result := consign.Result{Source: "scanner", ID: "finding-1", Data: json.RawMessage(`{"severity":"low"}`)}
	for range 2 {
		handle, err := client.Submit(ctx, result)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("duplicate:", handle.Duplicate())
	}
	result.Data = json.RawMessage(`{"severity":"high"}`)
	_, err = client.Submit(ctx, result)
	fmt.Println("conflict:", errors.Is(err, consign.ErrConflict))
	// Output:
	// duplicate: false
	// duplicate: true
	// conflict: true
}

// With healthy sinks a result is committed when its first attempts are over.
func ExampleHandle_FirstAttempts() {
	ctx := context.Background()
	client, err := consign.Dial(ctx, consign.Options{Address: exampleServer()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	handle, err := client.Submit(ctx, consign.Result{Source: "scanner", ID: "finding-2", Data: json.RawMessage(`{}`)})
	if err != nil {
		log.Fatal(err)
	}
	first, err := handle.FirstAttempts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("committed:", first.Committed)
	// Output: committed: true
}

// A receiver drops duplicates by the delivery id, which any program can compute.
func ExampleDeliveryID() {
	fmt.Println(consign.WorkflowID("scanner", "a/b"))
	fmt.Println(consign.DeliveryID("scanner", "a/b", "archive"))
	// Output:
	// consign/scanner/a%2Fb
	// msg_56dd8143-d029-5490-a1d6-04f48e6a6c85
}

// The receipt of a consignment of several results, and that of one of them.
func ExampleReceipt_Of() {
	receipt := consign.Receipt{Results: 3, Legs: []consign.LegReceipt{{
		Sink: "archive", Outcome: consign.Delivered, Attempts: 1,
		Except: []consign.Exception{{Index: 2, Outcome: consign.Parked, Cause: "too long"}},
	}}}
	fmt.Println(receipt.Delivered(), receipt.Of(0).Delivered(), receipt.Of(2).Legs[0].Cause)
	// Output: false true too long
}
