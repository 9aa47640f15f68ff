// SPDX-License-Identifier: Apache-2.0

// Package nettest makes the networks that tests run on: veth pairs in network
// namespaces of their own, with unique names, removed when the test ends.
package nettest

import (
	"os"
	"testing"
)

// NeedRoot skips the test where it lacks the privileges for namespaces, XDP and
// raw sockets. With REQUIRE_ROOT_TESTS=1, as in CI, the lack is a failure: a
// skipped test must not look like a passed one.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("REQUIRE_ROOT_TESTS") == "1" {
		t.Fatal("REQUIRE_ROOT_TESTS=1, but this test does not run as root")
	}
	t.Skip("needs root: network namespaces, XDP and raw sockets")
}
