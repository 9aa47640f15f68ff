// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
)

type versionCmd struct{}

// Run prints the version and what built it.
func (*versionCmd) Run(e *env) error {
	fmt.Fprintf(e.stdout, "xdhcpd %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
