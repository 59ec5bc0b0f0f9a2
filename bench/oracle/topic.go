package main

import (
	"context"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const topicName = "results"

// hostTopic starts a broker of the Kafka protocol behind a proxy, whose address it names to clients.
func hostTopic(ctx context.Context, r *rack, address string) error {
	var behind string
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.SeedTopics(1, topicName), kfake.DataDir(r.plan.path(kafkaName)),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			listener, err := (&net.ListenConfig{}).Listen(ctx, network, "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			behind = listener.Addr().String()
			front, err := net.ResolveTCPAddr(network, address)
			return &behindProxy{listener, front}, err
		}),
	)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, func() error {
		cluster.Close()
		return nil
	})
	return r.between(ctx, kafkaName, address, behind, 60_000)
}

// behindProxy is a listener that says that it is at its proxy's address.
type behindProxy struct {
	net.Listener

	front net.Addr
}

// Addr implements net.Listener.
func (b *behindProxy) Addr() net.Addr { return b.front }

// readTopic reads every record, with the time at which the sink's client made it: the broker of the
// run keeps no other.
func readTopic(ctx context.Context, _ *plan, address string) (taken, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topicName: {0: kgo.NewOffset().AtStart()},
	}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	end, err := endOf(ctx, client)
	if err != nil {
		return nil, err
	}
	found := taken{}
	for next := int64(0); next < end; {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return nil, err
		}
		for _, record := range fetched.Records() {
			next = record.Offset + 1
			attributes := map[string]string{}
			for _, header := range record.Headers {
				attributes[header.Key] = string(header.Value)
			}
			t := take{at: record.Timestamp.UnixNano(), delivery: attributes["ce_deliveryid"]}
			if err := found.add(attributes["ce_id"], record.Value, t); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// endOf is the offset that the next record of the topic would get.
func endOf(ctx context.Context, client *kgo.Client) (int64, error) {
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = -1 // the end
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, topic.Partitions = topicName, []kmsg.ListOffsetsRequestTopicPartition{partition}
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.Topics = -1, []kmsg.ListOffsetsRequestTopic{topic}
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	for _, topic := range answer.Topics {
		for _, partition := range topic.Partitions {
			return partition.Offset, kerr.ErrorForCode(partition.ErrorCode)
		}
	}
	return 0, fmt.Errorf("the broker does not know the topic %s", topicName)
}
