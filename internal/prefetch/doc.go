// SPDX-License-Identifier: Apache-2.0

// Package prefetch makes the processor fetch memory into its caches while we do
// something else. It reads nothing: any address will do, and a hint too many
// costs an instruction. Where there is no such instruction it does nothing.
package prefetch

// LineSize is what a hint fetches, in bytes, on the machines that we run on.
const LineSize = 64
