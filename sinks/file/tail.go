package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// maxTail is the longest unended line that is looked at, in bytes. No line of ours comes near it.
const maxTail = 16 << 20

// mend makes the end of a locked file fit to append to. It returns where the file ends then, and
// whether its last line is whole: if not, it needs a newline first.
//
// A line of ours is an object, so that a torn one is no JSON, and is cut. After a loss of power it
// can end in zero bytes, or be nothing else. What cannot be ours is kept.
func mend(file *os.File) (end int64, whole bool, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, false, err
	}
	size := info.Size()
	tail, err := unended(file, size)
	if err != nil {
		return 0, false, fmt.Errorf("read the last line: %w", err)
	}
	if len(tail) == 0 {
		return size, true, nil
	}
	torn := len(tail) < maxTail && (tail[0] == '{' || tail[0] == 0) && !json.Valid(tail)
	if !torn {
		return size, false, nil
	}
	end = size - int64(len(tail))
	if err := file.Truncate(end); err != nil {
		return 0, false, fmt.Errorf("cut a torn line: %w", err)
	}
	return end, true, nil
}

// unended returns what follows the last newline of a file, at most maxTail bytes of it.
func unended(file *os.File, size int64) ([]byte, error) {
	for span := int64(1); ; span = min(span*512, maxTail) {
		span = min(span, size)
		tail := make([]byte, span)
		if _, err := file.ReadAt(tail, size-span); err != nil {
			return nil, err
		}
		if newline := bytes.LastIndexByte(tail, '\n'); newline >= 0 {
			return tail[newline+1:], nil
		}
		if span == size || span == maxTail {
			return tail, nil
		}
	}
}
