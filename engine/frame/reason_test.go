// SPDX-License-Identifier: Apache-2.0

package frame

import "testing"

// Every Reason is a counter's label: it needs a name of its own and a sentence.
func TestEveryReasonHasANameAndASentence(t *testing.T) {
	seen := map[string]Reason{}
	for r := range NumReasons {
		if r.String() == "" || r.Sentence() == "" {
			t.Errorf("reason %d has name %q and sentence %q", r, r.String(), r.Sentence())
		}
		if other, dup := seen[r.String()]; dup {
			t.Errorf("reasons %d and %d are both named %q", other, r, r.String())
		}
		seen[r.String()] = r
		if got, ok := ReasonNamed(r.String()); !ok || got != r {
			t.Errorf("ReasonNamed(%q) = %v, %v", r.String(), got, ok)
		}
	}
	if _, ok := ReasonNamed("no such reason"); ok {
		t.Error("ReasonNamed finds a name that nobody has")
	}
	if got := NumReasons.String(); got != "invalid" {
		t.Errorf("NumReasons is named %q", got)
	}
}

func TestVerdictNames(t *testing.T) {
	for v, want := range map[Verdict]string{Drop: "drop", Reply: "reply", Await: "await", Punt: "punt", 9: "invalid"} {
		if v.String() != want {
			t.Errorf("Verdict(%d) = %q, want %q", v, v, want)
		}
	}
}
