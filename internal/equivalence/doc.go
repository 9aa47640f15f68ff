// SPDX-License-Identifier: Apache-2.0

// Package equivalence holds the two codecs of the server against each other: what
// the fast path answers, the slow path answers with the same bytes; what the fast
// path drops, the slow path drops for the same Reason; and what the fast path
// punts, the slow path answers as if nobody had looked at the frame before. It has
// tests only, and is the one place that knows both codecs.
package equivalence
