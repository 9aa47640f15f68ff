// SPDX-License-Identifier: Apache-2.0

// Package invariants turns expensive self-checks on at build time.
//
// A check reads
//
//	if invariants.Enabled { … }
//
// and costs nothing in a build without the tag. A broken invariant panics: it
// is our bug, never a packet's doing.
package invariants
