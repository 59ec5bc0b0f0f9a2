package intake

// Buffered is how many bytes the reader holds room for.
func (r *Reader) Buffered() int { return cap(r.buf) }
