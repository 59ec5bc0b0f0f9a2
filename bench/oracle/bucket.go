package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/consign-dev/consign"
)

const (
	bucketName = "results"
	// storeKey is the name and the secret of the key; the store of the run checks neither.
	storeKey = "oracle-oracle-oracle"
)

// bucket is a store of S3 that misbehaves. Its ledger tells when an object was stored, and what was
// said of it; the key stands for the delivery.
type bucket struct {
	store  http.Handler
	seed   uint64
	ledger *ledger
	healed atomic.Bool

	mu   sync.Mutex
	puts map[string]int // by key
}

// hostBucket starts a store with one bucket.
func hostBucket(ctx context.Context, r *rack, address string) error {
	ledger, err := r.ledger(s3Name)
	if err != nil {
		return err
	}
	store := s3mem.New()
	if err := store.CreateBucket(bucketName); err != nil {
		return err
	}
	b := &bucket{
		store: gofakes3.New(store, gofakes3.WithIntegrityCheck(true)).Server(),
		seed:  r.plan.seed, ledger: ledger, puts: map[string]int{},
	}
	r.heal = append(r.heal, func() { b.healed.Store(true) })
	return r.serve(ctx, address, b)
}

// ServeHTTP implements http.Handler.
func (b *bucket) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPut {
		b.store.ServeHTTP(w, request)
		return
	}
	began := time.Now()
	does := b.next(request.URL.Path)
	if does.instead(w, request) {
		return
	}
	answer := httptest.NewRecorder()
	b.store.ServeHTTP(answer, request)
	if answer.Code == http.StatusOK {
		l := line{What: taking, Delivery: request.URL.Path, Answer: does}
		if err := b.ledger.write(l); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if request.Context().Err() != nil || time.Since(began) > mayBeGone {
			l.What = unheard
			_ = b.ledger.write(l)
		}
		if does.afterwards(w) {
			return
		}
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// next is what the store does with a request for this key.
func (b *bucket) next(key string) fault {
	if b.healed.Load() {
		return none
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts[key]++
	return pick(deskOdds(), b.seed, key, b.puts[key])
}

// readBucket reads every line of every object. A result is there since its object was first stored.
func readBucket(ctx context.Context, p *plan, address string) (taken, error) {
	stored, err := readLedger(p.path(s3Name + ledgerSuffix))
	if err != nil {
		return nil, err
	}
	objects := map[string]take{}
	for _, l := range stored {
		o := objects[l.Delivery]
		if o.at == 0 {
			o.at = l.At
		}
		o.spoiled = o.spoiled || l.What == unheard || l.Answer.spoils()
		objects[l.Delivery] = o
	}
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String("http://" + address), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(storeKey, storeKey, ""),
	})
	found := taken{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: aws.String(bucketName)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, object := range page.Contents {
			if err := readObject(ctx, client, *object.Key, objects["/"+bucketName+"/"+*object.Key], found); err != nil {
				return nil, fmt.Errorf("the object %s: %w", *object.Key, err)
			}
		}
	}
	return found, nil
}

func readObject(ctx context.Context, client *s3.Client, key string, put take, found taken) error {
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucketName), Key: &key})
	if err != nil {
		return err
	}
	defer object.Body.Close()
	text, err := gzip.NewReader(object.Body)
	if err != nil {
		return err
	}
	return eachLines(text, func(lines [][]byte) error {
		for _, text := range lines {
			var held struct {
				consign.Result

				DeliveryID string `json:"delivery_id"`
			}
			if err := json.NewDecoder(bytes.NewReader(text)).Decode(&held); err != nil {
				return err
			}
			put.delivery = held.DeliveryID
			if err := found.add(held.ID, held.Data, put); err != nil {
				return err
			}
		}
		return nil
	})
}
