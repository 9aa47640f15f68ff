// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"testing"

	"xdhcp/engine/journal/errfs"
)

// The package documentation bounds the disk space: SnapshotEvery bytes of log and three
// segments (and the reserve), and two snapshots. It holds over many times that much
// log, over restarts, and with a crash before each of them.
func TestDiskSpaceIsBounded(t *testing.T) {
	fs := errfs.New()
	o := small(fs)
	c := newClient(5)
	var written uint64
	var most int64
	space := func(dir string) (bytes int64, files int) {
		t.Helper()
		infos, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			bytes += i.Size
		}
		return bytes, len(infos)
	}
	const starts, steps = 3, 400
	for range starts {
		o.FS = fs
		j, _, err := openModel("state", newModel(), o)
		if err != nil {
			t.Fatal(err)
		}
		j.table = Tables{c.table, c.table.six}
		for range steps {
			for _, b := range c.batches {
				c.some(6, b)
				c.append(j, b)
			}
			if err := j.step(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-j.snapWanted:
				if err := j.Snapshot(context.Background()); err != nil {
					t.Fatal(err)
				}
			default:
			}
			reserve := max(o.SegmentSize/8, 4*page)
			log, _ := space(logDir)
			if bound := o.SnapshotEvery + 3*o.SegmentSize + reserve; log > bound {
				t.Fatalf("%d bytes of log after %d were written, more than %d", log, j.Stats().Written, bound)
			}
			most = max(most, log)
			if snap, files := space(snapDir); files > 2 || snap > 2*(page+snapBlock) {
				t.Fatalf("%d snapshot files of %d bytes", files, snap)
			}
		}
		written += j.Stats().Written
		j.Close()
		fs = fs.Crash(true, func(i int) bool { return i%2 == 0 })
	}
	if int64(written) < 20*most {
		t.Errorf("%d bytes were written with at most %d on the disk: nothing is proven", written, most)
	}
}
