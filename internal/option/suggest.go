// SPDX-License-Identifier: Apache-2.0

package option

// Nearest returns the word of words that was probably meant by got: the one
// with the fewest edits, if that is few enough for its length. It returns ""
// when nothing is near. Of equally near words the first counts.
func Nearest(got string, words []string) string {
	got = canonical(got)
	limit := max(1, len(got)/3)
	best, bestDist := "", limit+1
	for _, w := range words {
		if d := distance(got, w, bestDist); d < bestDist {
			best, bestDist = w, d
		}
	}
	return best
}

// distance counts the edits (insert, delete, replace, swap of neighbours)
// between a and b; it gives up with a number ≥ limit when there are as many.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	if len(a) > 64 || len(b) > 64 { // no name is that long
		return limit
	}
	var rows [3][65]int
	prev2, prev, cur := rows[0][:], rows[1][:], rows[2][:]
	for j := 0; j <= len(b); j++ {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		least := cur[0]
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
			least = min(least, cur[j])
		}
		if least >= limit {
			return limit
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
