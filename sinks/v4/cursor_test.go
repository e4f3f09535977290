package v4

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzParseObject compares what is taken apart here with what encoding/json makes of it.
func FuzzParseObject(f *testing.F) {
	for _, body := range []string{
		created(holdJSON(1, ownToken)), declined, foundJSON(holdJSON(1, ownToken), holdJSON(2, "x")),
		" {\t\"a\" :\r\n[ 1 ,-2.5e-3, true,false , null ] , \"b\":{ } } ", `{"a":[[],[{}],{"b":"]}"}],"c":"\\\""}`,
		`{"É":1,"é":2}`, `{"Errors":[],"errors":[]}`, `{"\u0041":1,"a":2}`, "{\"\xff\":1,\"\xfe\":2}", `{"K":1,"k":2}`,
		`{"a":"😀 \ud83d\ude00 \ud83d é \xff"}`, "{\"a\":\"\xff\"}", `{}`, `[]`, `null`, ``, `{"a":}`, `{"a":1}{}`, `{"a":1,}`,
		manyFields(fewFields), manyFields(fewFields + 1), manyFields(1000),
		strings.Replace(manyFields(1000), `"999"`, `"998"`, 1), strings.Replace(manyFields(1000), `"999"`, `"1"`, 1),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseObject(body)
		want, wantErr := parseSlowly(body)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, but encoding/json says %v", err, wantErr)
		}
		sameObject(t, got, want)
	})
}

// manyFields is an object of so many.
func manyFields(n int) string {
	body := "{"
	for i := range n {
		body += fmt.Sprintf(`"%d":%d,`, i, i)
	}
	return strings.TrimSuffix(body, ",") + "}"
}

// sameObject looks into the values too, as whatever they may be.
func sameObject(t *testing.T, got object, want map[string]json.RawMessage) {
	t.Helper()
	fields := map[string]json.RawMessage{}
	for _, f := range got {
		fields[string(f.name)] = f.value
	}
	if diff := cmp.Diff(want, fields, cmpopts.EquateEmpty()); diff != "" {
		t.Fatal(diff)
	}
	for name, raw := range fields {
		var wantText string
		text, err := got.text(name)
		if wantErr := json.Unmarshal(raw, &wantText); (err == nil) != (wantErr == nil) || text != wantText {
			t.Errorf("the text %q, %v, and not %q, %v", text, err, wantText, wantErr)
		}
		if _, there := got.get(name); !there {
			continue
		}
		var wantItems []json.RawMessage
		items, err := got.array(name)
		if wantErr := json.Unmarshal(raw, &wantItems); (err == nil) != (wantErr == nil) {
			t.Errorf("the array: %v, and not %v", err, wantErr)
		}
		if diff := cmp.Diff(wantItems, items); err == nil && diff != "" {
			t.Error(diff)
		}
		inner, err := got.object(name)
		wantInner, wantErr := parseSlowly(raw)
		if (err == nil) != (wantErr == nil) {
			t.Errorf("the object: %v, and not %v", err, wantErr)
		}
		sameObject(t, inner, wantInner)
	}
}

// parseSlowly is parseObject by encoding/json alone.
func parseSlowly(raw []byte) (map[string]json.RawMessage, error) {
	if !json.Valid(raw) {
		return nil, errNoObject
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errNoObject
	}
	fields := map[string]json.RawMessage{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		name, _ := key.(string)
		name = strings.ToLower(name)
		if _, twice := fields[name]; twice {
			return nil, errors.New("twice")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		fields[name] = value
	}
	return fields, nil
}
