package intake_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/intake"
)

// readAll gives each value as "LINE: raw" and each bad one as "LINE! error".
func readAll(t *testing.T, in io.Reader) []string {
	t.Helper()
	var all []string
	reader := intake.NewReader(in)
	for {
		value, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if value.Err != nil {
			all = append(all, fmt.Sprintf("%d! %v", value.Line, value.Err))
			continue
		}
		all = append(all, fmt.Sprintf("%d: %s", value.Line, value.Raw))
	}
}

func TestReader_SplitsOnValues_AndKnowsTheirLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   string
		want []string
	}{
		"nothing":                     {"", nil},
		"white space":                 {" \n\r\n\t", nil},
		"NDJSON":                      {"{\"a\":1}\n{\"b\":2}\n", []string{`1: {"a":1}`, `2: {"b":2}`}},
		"no newline at the end":       {"{\"a\":1}\n{\"b\":2}", []string{`1: {"a":1}`, `2: {"b":2}`}},
		"blank lines":                 {"\n\n{\"a\":1}\n\n{\"b\":2}", []string{`3: {"a":1}`, `5: {"b":2}`}},
		"CRLF and a byte order mark":  {"\uFEFF{\"a\":1}\r\n{\"b\":2}\r\n", []string{`1: {"a":1}`, `2: {"b":2}`}},
		"only a byte order mark":      {"\uFEFF", nil},
		"pretty-printed":              {"{\n  \"a\": [\n    1\n  ]\n}\n{\n}\n", []string{"1: {\n  \"a\": [\n    1\n  ]\n}", "6: {\n}"}},
		"one after the other":         {`{"a":1}{"b":2} {"c":3}`, []string{`1: {"a":1}`, `1: {"b":2}`, `1: {"c":3}`}},
		"scalars":                     {"1\n\"x\"\nnull\n-1.5E+9\n", []string{"1: 1", `2: "x"`, "3: null", "4: -1.5E+9"}},
		"an array":                    {"[\n{\"a\":1},\n{\"b\":2}\n]\n", []string{`2: {"a":1}`, `3: {"b":2}`}},
		"an empty array":              {"[ ]", nil},
		"an array of arrays":          {"[[1],[2]]", []string{"1: [1]", "1: [2]"}},
		"arrays one after the other":  {"[1,2]\n[3]{\"a\":1}", []string{"1: 1", "1: 2", "2: 3", `2: {"a":1}`}},
		"raw U+2028 is no line break": {"{\"a\":\"x\u2028y\"}\n{\"b\":\"\u2029\"}", []string{"1: {\"a\":\"x\u2028y\"}", "2: {\"b\":\"\u2029\"}"}},
		"brackets in strings":         {`{"a":"}]\"\\"}{"b":"{"}`, []string{`1: {"a":"}]\"\\"}`, `1: {"b":"{"}`}},
	} {
		require.Equal(t, test.want, readAll(t, strings.NewReader(test.in)), name)
		require.Equal(t, test.want, readAll(t, iotest.OneByteReader(strings.NewReader(test.in))), "%s, byte by byte", name)
		require.Equal(t, test.want, readAll(t, iotest.DataErrReader(strings.NewReader(test.in))), "%s, with the end beside the last bytes", name)
	}
}

func TestReader_WhenAValueIsBad_NamesItsLineAndGoesOn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   string
		want []string
	}{
		"a word":                       {"{\"a\":1}\nnonsense and more\n{\"b\":2}\n", []string{`1: {"a":1}`, "2! invalid result: not JSON: invalid character 'o' in literal null (expecting 'u')", `3: {"b":2}`}},
		"a key without quotes":         {"{a:1}\n{\"b\":2}\n", []string{"1! invalid result: not JSON: unexpected 'a'", `2: {"b":2}`}},
		"a bad number, its end known":  {"{\"a\":NaN}{\"b\":2}\n", []string{"1! invalid result: not JSON: invalid character 'N' looking for beginning of value", `1: {"b":2}`}},
		"a string that is not closed":  {"{\"a\":\"x}\n{\"b\":2}\n", []string{"1! invalid result: not JSON: a string without its closing quote", `2: {"b":2}`}},
		"a line that was cut off":      {"{\"a\":1,\n{\"b\":2}\n{\"c\":3}\n", []string{"1! invalid result: not JSON: unexpected '{' on line 2", `2: {"b":2}`, `3: {"c":3}`}},
		"a line cut off in an array":   {"{\"a\":[\n{\"b\":2}\n{\"c\":3}\n", []string{"1! invalid result: not JSON: unexpected '{' on line 3", `2: {"b":2}`, `3: {"c":3}`}},
		"a pretty-printed object":      {"{\n  \"a\": oops,\n  \"b\" 1\n}\n{\"c\":3}\n", []string{"1! invalid result: not JSON: unexpected '1' on line 3; lines 1 to 4 were skipped", `5: {"c":3}`}},
		"the end is cut off":           {"{\"a\":1}\n{\"b\":", []string{`1: {"a":1}`, "2! invalid result: not JSON: the input ends in the middle of a value"}},
		"a comma between lines":        {"{\"a\":1},\n{\"b\":2}\n", []string{`1: {"a":1}`, "1! invalid result: not JSON: unexpected ','", `2: {"b":2}`}},
		"a bracket too many":           {"{\"a\":1}}\n{\"b\":2}\n", []string{`1: {"a":1}`, "1! invalid result: not JSON: unexpected '}'", `2: {"b":2}`}},
		"a bad number in an array":     {"[{\"a\":+1},\n{\"b\":2}]", []string{"1! invalid result: not JSON: invalid character '+' looking for beginning of value", `2: {"b":2}`}},
		"a broken element in an array": {"[{\"a\":1},\n{b:2},{\"c\":3}]", []string{`1: {"a":1}`, "2! invalid result: not JSON: unexpected 'b'; the rest of this array, which begins on line 1, was left out"}},
		"no comma in an array":         {"[1\n2]", []string{"1: 1", "2! invalid result: not JSON: unexpected '2' in an array: a comma belongs between its elements; the rest of this array, which begins on line 1, was left out"}},
		"a comma at an array's end":    {"[1,\n]", []string{"1: 1", "1! invalid result: not JSON: unexpected ']' after a comma on line 2; the rest of this array, which begins on line 1, was left out"}},
		"an array that is not closed":  {"\n[1,2", []string{"2: 1", "2: 2", "2! invalid result: the array that begins here is not closed: was the input cut off?"}},
		"nested too deep":              {strings.Repeat("[", 20_000) + "\n{\"b\":2}\n", []string{"1! invalid result: not JSON: nested more than 10000 deep; the rest of this array, which begins on line 1, was left out"}},
	} {
		require.Equal(t, test.want, readAll(t, strings.NewReader(test.in)), name)
		require.Equal(t, test.want, readAll(t, iotest.OneByteReader(strings.NewReader(test.in))), "%s, byte by byte", name)
	}
}

func TestReader_WhenAValueIsOver3MiB_NamesSizeAndLimitAndGoesOn(t *testing.T) {
	t.Parallel()
	huge := `{"a":"` + strings.Repeat("x", 5<<20) + `"}`
	pretty := "{\"a\":[\n" + strings.Repeat("1,\n", 1<<20) + "1]}"
	message := fmt.Sprintf("result too large: %d bytes, at most 1048576 (1 MiB) can be delivered: store the bulk elsewhere and submit a reference to it", len(huge))
	require.Equal(t, []string{"1: {}", "2! " + message, "3: 7"}, readAll(t, strings.NewReader("{}\n"+huge+"\n7\n")), "a line")
	require.Equal(t, []string{"1: {}", "1! " + message, "1: 7"}, readAll(t, strings.NewReader("[{},"+huge+",7]")), "an element")
	all := readAll(t, strings.NewReader(pretty+"\n{}"))
	require.Len(t, all, 2)
	require.Contains(t, all[0], fmt.Sprintf("1! result too large: %d bytes", len(pretty)))
	require.Equal(t, fmt.Sprintf("%d: {}", 3+1<<20), all[1], "lines go on being counted")
	require.Equal(t, []string{fmt.Sprintf("%d: {}", 1+4<<20)}, readAll(t, strings.NewReader(strings.Repeat("\n", 4<<20)+"{}")), "white space counts as nothing")
}

func TestReader_WhenALineIs2MiB_PassesItOn(t *testing.T) {
	t.Parallel()
	line := `{"a":"` + strings.Repeat("x", 2<<20) + `"}`
	require.Equal(t, []string{"1: " + line, "2: {}"}, readAll(t, strings.NewReader(line+"\n{}")))
}

func TestReader_HandsOverALine_BeforeTheNextOneComes(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	defer out.Close()
	go func() { _, _ = out.Write([]byte("{\"a\":1}")) }()
	value, err := intake.NewReader(in).Next()
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(value.Raw))
}

func TestReader_StreamsAFileThatIsLargerThanMemoryWouldTake(t *testing.T) {
	t.Parallel()
	const lines = 20_000
	line := []byte(`{"source":"s","id":"1","data":{"x":"` + strings.Repeat("y", 1000) + "\"}}\n")
	reader := intake.NewReader(io.LimitReader(&forever{line: line}, int64(lines*len(line))))
	for n := 1; n <= lines; n++ {
		value, err := reader.Next()
		require.NoError(t, err)
		require.Equal(t, n, value.Line)
	}
	_, err := reader.Next()
	require.ErrorIs(t, err, io.EOF)
	require.Less(t, reader.Buffered(), 1<<20, "bytes held after %d MB", lines*len(line)>>20)
}

func TestReader_AValueStays_WhenTheNextOnesAreRead(t *testing.T) {
	t.Parallel()
	const values = 100_000 // several chunks
	var in bytes.Buffer
	for n := range values {
		fmt.Fprintln(&in, n)
	}
	reader := intake.NewReader(&in)
	raws := make([]json.RawMessage, values)
	for n := range raws {
		value, err := reader.Next()
		require.NoError(t, err)
		raws[n] = value.Raw
	}
	for n, raw := range raws {
		require.Equal(t, fmt.Sprint(n), string(raw))
	}
}

func TestReader_WhenReadingFails_SaysSo(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	reader := intake.NewReader(io.MultiReader(strings.NewReader("{}\n"), iotest.ErrReader(broken)))
	_, err := reader.Next()
	require.NoError(t, err)
	_, err = reader.Next()
	require.ErrorIs(t, err, broken)
}

func TestReader_RealResults_KeepTheBytesOfTheirData(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../shared/data/*.ndjson")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("../shared/data is not here: it holds the output of real engines")
	}
	count := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
		reader := intake.NewReader(bytes.NewReader(content))
		for n, line := range lines {
			value, err := reader.Next()
			require.NoError(t, err)
			require.NoError(t, value.Err, "%s:%d", file, n+1)
			require.Equal(t, n+1, value.Line, file)
			require.Equal(t, string(line), string(value.Raw), "%s:%d", file, n+1)
			result, err := intake.Envelope{}.Read(value.Raw)
			require.NoError(t, err, "%s:%d", file, n+1)
			_, data, found := bytes.Cut(line, []byte(`"data":`))
			require.True(t, found)
			require.Equal(t, string(bytes.TrimSuffix(data, []byte("}"))), string(result.Data), "%s:%d", file, n+1)
			require.NotEmpty(t, result.ID)
			count++
		}
		_, err = reader.Next()
		require.ErrorIs(t, err, io.EOF)
	}
	require.Equal(t, 503, count)
}

// FuzzReader holds the reader against encoding/json: what that reads without an error comes out the
// same, and what comes out is always JSON that stands in the input on the line that is named.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"", "\uFEFF{}", "{\"a\":1}\n{\"b\":[1,2,{\"c\":\"\u2028\"}]}\r\n", "[1,\"a\",null]", "[{},\n{}]\n[]", "{\n \"a\": 1\n}{}", "{a}\n{}", "[1,]",
		"{\"a\":\"\n", "{\"a\":1,\n{\"b\":2}", "1 2 true", "\"\\\"\\\\\"", "[[[]]]", "{\"a\":{}}}", "nul\n[", "{\"a\":NaN} {}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var raws []string
		clean, last := true, 1
		reader := intake.NewReader(bytes.NewReader(in))
		lines := bytes.Split(in, []byte("\n"))
		for {
			value, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			require.GreaterOrEqual(t, value.Line, 1)
			require.LessOrEqual(t, value.Line, len(lines))
			if value.Err != nil {
				clean = false
				require.True(t, errors.Is(value.Err, consign.ErrInvalid) || errors.Is(value.Err, consign.ErrTooLarge))
				continue
			}
			require.GreaterOrEqual(t, value.Line, last)
			last = value.Line
			require.True(t, json.Valid(value.Raw))
			first, _, _ := bytes.Cut(value.Raw, []byte("\n"))
			require.True(t, bytes.Contains(lines[value.Line-1], first), "line %d: %s", value.Line, first)
			raws = append(raws, string(value.Raw))
		}
		if expected, ok := oracle(bytes.TrimPrefix(in, []byte("\uFEFF"))); ok && clean {
			require.Equal(t, expected, raws)
		} else if ok && json.Valid(in) {
			require.True(t, clean, "refused what is JSON")
		}
	})
}

// oracle reads values one after the other with encoding/json, arrays opened; false if one is bad.
func oracle(in []byte) ([]string, bool) {
	var raws []string
	decoder := json.NewDecoder(bytes.NewReader(in))
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return raws, true
		}
		if err != nil {
			return nil, false
		}
		if raw[0] != '[' {
			raws = append(raws, string(raw))
			continue
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return nil, false
		}
		for _, element := range elements {
			raws = append(raws, string(element))
		}
	}
}

// forever is one line again and again.
type forever struct {
	line []byte
	at   int
}

func (f *forever) Read(p []byte) (int, error) {
	n := copy(p, f.line[f.at:])
	f.at = (f.at + n) % len(f.line)
	return n, nil
}
