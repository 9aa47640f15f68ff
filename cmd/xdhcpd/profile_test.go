// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The file is what go tool pprof takes: gzip (RFC 1952 §2.3.1), complete when
// stop returns.
func TestCPUProfile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "cpu.pprof")
	stop, err := profile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := profile(filepath.Join(t.TempDir(), "second")); err == nil {
		t.Error("two profiles at once")
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(name); err != nil || !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		t.Errorf("% x, %v", b, err)
	}
	stop, err = profile("")
	if err != nil || stop() != nil {
		t.Errorf("no profile: %v", err)
	}
	if stop, err = profile(filepath.Join(t.TempDir(), "no", "directory")); err == nil || stop() != nil {
		t.Error("a profile in no directory")
	}
}
