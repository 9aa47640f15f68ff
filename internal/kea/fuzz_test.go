// SPDX-License-Identifier: Apache-2.0

package kea

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing panics or hangs; what is taken is a configuration that config.Parse
// reads, or refuses at a place in the file.
func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, members := range []string{
		`"option-data":[{"name":"domain-name","data":"hex:00"},{"code":66,"data":"a: b # c"},{"name":"root-path","data":"\u00e9\n\"\\"}]`,
		`"server-tag":"\u0085","client-classes":[{"name":"a\n- b: {","test":"option[60].hex == 'x: {[' "}]`,
		`"client-classes":[{"name":"<<: [","test":"pkt4.mac==0x01"}],"option-data":[{"name":"domain-name","data":"x","client-classes":["<<: ["]},{"name":"routers","never-send":true,"data":"1.2.3.4"}]`,
		`"hooks-libraries":[{"library":"libdhcp_limits.so"},{"library":"libdhcp_flex_id.so","parameters":{"identifier-expression":"split(relay4[1].hex,'\"',2)"}}],"client-classes":[{"name":"a","user-context":{"limits":{"address-limit":1}}}]`,
		`"hooks-libraries":[{"library":"libdhcp_lease_query.so","parameters":{"requesters":["::1","1.2.3.4"]}}],"reservations-global":true,"reservations":[{"duid":"01:02","hostname":"x"}]`,
		`"shared-networks":[{"name":"# x\t","subnet4":[{"subnet":"1.0.0.0/8"}]}]`,
	} {
		f.Add([]byte(whole(members)))
	}
	o := Options{
		ReadFile:   func(string) ([]byte, error) { return []byte(`"included"`), nil },
		Interfaces: func() ([]string, error) { return []string{"eth1"}, nil },
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		Is(text)
		r, problems := Convert("f", text, o)
		if (r == nil) == (problems == nil) {
			t.Fatalf("%v, %v", r, problems)
		}
		if r == nil {
			return
		}
		if strings.Count(string(r.YAML), "\n") != len(r.places) {
			t.Fatalf("%d places for\n%s", len(r.places), r.YAML)
		}
		cfg, problems := r.Config("f")
		if (cfg == nil) == (problems == nil) {
			t.Fatal(problems)
		}
		for _, p := range problems {
			if p.Line == 0 || strings.Contains(p.Msg, "not YAML") || strings.Contains(p.Msg, "unknown key") {
				t.Fatalf("%v in\n%s", p, r.YAML)
			}
		}
	})
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{
		"option[60].hex == 'x'", "not (relay4[1].exists and member('KNOWN'))", "ifelse(pkt4.htype == 1, 'a', 0xff) + 10.0.0.1 == ::1",
		"substring(vendor[4491].option[2].hex, -1, all) == vendor-class[*].data[1]", "hexstring(pkt4.mac, ':') == '00:11'",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseExpr(s, false, code, class)
		if (e == nil) == (err == nil) {
			t.Fatal(e, err)
		}
		if err != nil {
			if err.at < 0 || err.at > len(s) {
				t.Fatal(err.at)
			}
			return
		}
		c := &converter{defs: stdDefs, classes: map[string]bool{}}
		c.match(e)
	})
}

// 100 k reservations in 100 subnets.
func BenchmarkConvert100k(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"Dhcp4":{"interfaces-config":{"interfaces":["eth1"]},"subnet4":[`)
	for i := range 100 {
		fmt.Fprintf(&s, "%s{\"subnet\":\"10.%d.0.0/16\",\"reservations\":[\n", map[bool]string{true: ","}[i > 0], i)
		for j := range 1000 {
			fmt.Fprintf(&s, "%s{\"hw-address\":\"02:00:00:%02x:%02x:%02x\",\"ip-address\":\"10.%d.%d.%d\",\"hostname\":\"h%d\"}\n", map[bool]string{true: ","}[j > 0], i, j>>8, j&255, i, 1+j>>8, j&255, j)
		}
		s.WriteString("]}")
	}
	s.WriteString("]}}")
	text := []byte(s.String())
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r, problems := Convert("f", text, Options{})
		if problems != nil {
			b.Fatal(problems[0])
		}
		if cfg, problems := r.Config("f"); cfg == nil {
			b.Fatal(problems[0])
		}
	}
}

// Whatever names and values hold, the output is YAML that says the same.
func FuzzNames(f *testing.F) {
	f.Add("a: b", "# c", "- {x}")
	f.Add("hex:00", "\u0085\u2028", "null")
	f.Add("\"'", "\\x", " y ")
	f.Add("0x10", "~", "!!str &a *a")
	f.Fuzz(func(t *testing.T, class, value, network string) {
		q := func(s string) string {
			b, err := json.Marshal(s)
			if err != nil {
				t.Skip()
			}
			return string(b)
		}
		text := whole(`"client-classes":[{"name":` + q(class) + `,"test":"option[60].hex == 'x'","boot-file-name":` + q(value) + `}],` +
			`"option-data":[{"name":"root-path","data":` + q(value) + `}],` +
			`"shared-networks":[{"name":` + q(network) + `,"subnet4":[{"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.9-192.0.2.9","client-class":` + q(class) + `}],` +
			`"reservations":[{"circuit-id":` + q("'"+value+"'") + `,"hostname":` + q(network) + `,"boot-file-name":` + q(class) + `}]}]}]`)
		r, _ := Convert("f", []byte(text), Options{})
		if r == nil {
			return
		}
		cfg, problems := r.Config("f")
		for _, p := range problems {
			if p.Line == 0 || strings.Contains(p.Msg, "not YAML") || strings.Contains(p.Msg, "unknown") {
				t.Fatalf("%v in\n%s", p, r.YAML)
			}
		}
		if cfg == nil {
			return
		}
		if got := cfg.Networks[0].Name; got != network {
			t.Fatalf("network %q is %q in\n%s", network, got, r.YAML)
		}
		if got := cfg.Classes[0]; got.Name != class || got.BootFile != value {
			t.Fatalf("class %q, file %q are %q, %q in\n%s", class, value, got.Name, got.BootFile, r.YAML)
		}
	})
}
