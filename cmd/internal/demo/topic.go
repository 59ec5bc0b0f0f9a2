package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/consign-dev/consign"
)

const topicName = "detections"

// readTime is how long the topic and the collector have to come up with what they are to hold.
const readTime = 10 * time.Second

// startTopic starts a broker that speaks Kafka's protocol, with a topic of one partition.
func startTopic() (*kfake.Cluster, error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topicName))
	if err != nil {
		return nil, fmt.Errorf("start the Kafka broker: %w", err)
	}
	return cluster, nil
}

// readTopic consumes the topic from its first record to its last, as any consumer would.
func readTopic(ctx context.Context, broker string) ([]kept, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(broker),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topicName: {0: kgo.NewOffset().AtStart()}}),
		kgo.DisableClientMetrics(),
	)
	if err != nil {
		return nil, fmt.Errorf("read the topic: %w", err)
	}
	defer client.Close()
	end, err := endOfTopic(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("read the end of the topic: %w", err)
	}
	var held []kept
	for next := int64(0); next < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read the topic from record %d of %d: %w", next, end, err)
		}
		for _, record := range fetches.Records() {
			held = append(held, keptRecord(record))
			next = record.Offset + 1
		}
	}
	return held, nil
}

// endOfTopic is the offset behind the last record.
func endOfTopic(ctx context.Context, client *kgo.Client) (int64, error) {
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = -1 // the end
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, topic.Partitions = topicName, []kmsg.ListOffsetsRequestTopicPartition{partition}
	request := kmsg.NewPtrListOffsetsRequest()
	request.Topics = []kmsg.ListOffsetsRequestTopic{topic}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	for _, topic := range response.Topics {
		for _, partition := range topic.Partitions {
			return partition.Offset, kerr.ErrorForCode(partition.ErrorCode)
		}
	}
	return 0, fmt.Errorf("%s does not know the topic %s", client.OptValue(kgo.SeedBrokers), topicName)
}

func keptRecord(record *kgo.Record) kept {
	k := kept{result: consign.Result{Data: json.RawMessage(record.Value)}}
	for _, header := range record.Headers {
		switch value := string(header.Value); header.Key {
		case "ce_deliveryid":
			k.deliveryID = value
		case "ce_source":
			k.result.Source = value
		case "ce_id":
			k.result.ID = value
		}
	}
	return k
}
