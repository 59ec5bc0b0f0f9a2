package config

import "strconv"

// node is a value of a YAML file with its place: what decoding and showing work on.
type node struct {
	shape  shape
	line   int
	column int
	// text of a scalar, as it stands in the file with quotes and escapes undone.
	text string
	// quoted scalars are texts, whatever they look like.
	quoted  bool
	entries []entry
	items   []*node
}

type shape int

const (
	null shape = iota
	scalar
	mapping
	list
)

// entry is one key of a mapping.
type entry struct {
	key    string
	line   int
	column int
	value  *node
}

// get returns the entry of a key.
func (n *node) get(key string) (entry, bool) {
	if n != nil {
		for _, e := range n.entries {
			if e.key == key {
				return e, true
			}
		}
	}
	return entry{}, false
}

// split divides a mapping into the entries that are wanted and all others.
func (n *node) split(wanted func(key string) bool) (in, out *node) {
	in, out = n.like(), n.like()
	for _, e := range n.entries {
		if wanted(e.key) {
			in.entries = append(in.entries, e)
		} else {
			out.entries = append(out.entries, e)
		}
	}
	return in, out
}

// like returns an empty mapping at the same place.
func (n *node) like() *node { return &node{shape: mapping, line: n.line, column: n.column} }

// find follows a path such as "retry.max", "headers.X-Key" or "to[0]" as far as it leads. Keys may
// hold dots themselves, so the longest key that fits is followed. It returns the value's node, or
// the last one on the way there, and whether the whole path was found.
func (n *node) find(path string) (*node, bool) {
	if path == "" {
		return n, true
	}
	switch n.shape {
	case mapping:
		var best *entry
		for i, e := range n.entries {
			if within(path, e.key) && (best == nil || len(e.key) > len(best.key)) {
				best = &n.entries[i]
			}
		}
		if best == nil {
			return n, false
		}
		rest := path[len(best.key):]
		if rest != "" && rest[0] == '.' {
			rest = rest[1:]
		}
		return best.value.find(rest)
	case list:
		for i, item := range n.items {
			for _, index := range []string{"[" + strconv.Itoa(i) + "]", strconv.Itoa(i)} {
				if within(path, index) {
					rest := path[len(index):]
					if rest != "" && rest[0] == '.' {
						rest = rest[1:]
					}
					return item.find(rest)
				}
			}
		}
	case null, scalar:
	}
	return n, false
}
