// SPDX-License-Identifier: Apache-2.0

package nettest

import (
	"bytes"
	"sync"
)

// Transcript collects what a program writes, from several goroutines, while the
// test may read it.
type Transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds to the transcript.
func (b *Transcript) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is what has been written so far.
func (b *Transcript) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
