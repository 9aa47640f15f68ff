// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"reflect"
	"testing"
)

// A record is one cache line, and lies in one.
func TestRecordIsACacheLine(t *testing.T) {
	if n := reflect.TypeFor[record]().Size(); n != 64 {
		t.Errorf("a record has %d bytes", n)
	}
	hot, _ := reflect.TypeFor[slab]().FieldByName("hot")
	if hot.Offset%64 != 0 {
		t.Errorf("records begin at %d in the slab", hot.Offset)
	}
	at := reflect.ValueOf(new(slab)).Pointer()
	if at%64 != 0 {
		t.Errorf("a slab lies at %#x", at)
	}
	if n := reflect.TypeFor[spool]().Size(); n != 64 {
		t.Errorf("a spool has %d bytes", n)
	}
	if n := reflect.TypeFor[shard]().Size(); n%64 != 0 {
		t.Errorf("a shard has %d bytes", n)
	}
}
