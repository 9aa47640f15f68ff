// SPDX-License-Identifier: Apache-2.0

package worker

import "xdhcp/engine/lease"

// Memory is a Journal that keeps nothing: every change counts as durable at
// once. It serves labs and benchmarks that measure the rest of the path.
type Memory struct{}

// Append forgets the changes.
func (Memory) Append(*lease.Batch) {}

// Durable is always true.
func (Memory) Durable(lease.Ticket) bool { return true }

// Err is always nil.
func (Memory) Err() error { return nil }

// Notify never calls: nothing ever waits.
func (Memory) Notify(uint8, func()) {}
