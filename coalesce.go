package consign

import "go.opentelemetry.io/otel/trace"

// item is a submission on its way.
type item struct {
	Submission
	entry Entry
	size  int
	span  trace.Span // until it is stored
}

func (i *item) stored(where Stored, err error) {
	endSpan(i.span, err)
	if i.Stored != nil {
		where.ID = i.entry.ID
		i.Stored(where, err)
	}
}

func (i *item) committed(r Receipt, err error) {
	if i.Committed != nil {
		i.Committed(r, err)
	}
}

// queue is what waits for a place in flight, in its order.
type queue struct {
	items []*item
	bytes int
}

func (q *queue) add(i *item) {
	q.items = append(q.items, i)
	q.bytes += i.size
}

// next takes what goes into one consignment; nil if nothing waits. Two of the same source and id do not
// go into one, where they would have one delivery id: the second stays, with what came after it.
func (q *queue) next(most, bytes int) []*item {
	taken, size := 0, 0
	seen := make(map[[2]string]bool, min(most, len(q.items)))
	for taken < min(most, len(q.items)) {
		i := q.items[taken]
		key := [2]string{i.entry.Source, i.entry.ID}
		if taken > 0 && (size+i.size > bytes || seen[key]) {
			break
		}
		seen[key] = true
		size += i.size
		taken++
	}
	if taken == 0 {
		return nil
	}
	batch := q.items[:taken:taken]
	q.items = q.items[taken:]
	q.bytes -= size
	return batch
}
