// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// Table6 is Table for DHCPv6; *lease6.Table is one. All changes of one prefix come from
// one goroutine, in the order of the log.
type Table6 interface {
	Apply(rec []byte) error
	Shards() int
	EachShard(shard int, fn func(*lease6.Entry) bool) bool
}

// Tables is a Table with the one for DHCPv6. Open takes it from who serves both.
type Tables struct {
	Table
	V6 Table6
}

// split is a table's two parts; the second may be nil.
func split(t Table) (Table, Table6) {
	if both, ok := t.(Tables); ok {
		return both.Table, both.V6
	}
	return t, nil
}

// errNoTable6 keeps a server that has no table for them from losing leases with its next
// snapshot.
var errNoTable6 = errors.New("the state directory has leases of DHCPv6, and there is no table for them")

// passOver is a table for DHCPv6 that keeps nothing.
type passOver struct{}

func (passOver) Apply([]byte) error                           { return nil }
func (passOver) Shards() int                                  { return 0 }
func (passOver) EachShard(int, func(*lease6.Entry) bool) bool { return true }

// emitAll calls emit with every record of the tables, encoded for a snapshot.
func emitAll(t Table, emit func(rec []byte) error) (err error) {
	four, six := split(t)
	var rec []byte
	for shard := range four.Shards() {
		four.EachShard(shard, func(e *lease.Entry) bool {
			rec = e.AppendTo(rec[:0])
			err = emit(rec)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	if six == nil {
		return nil
	}
	for shard := range six.Shards() {
		six.EachShard(shard, func(e *lease6.Entry) bool {
			rec = e.AppendTo(rec[:0])
			err = emit(rec)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
