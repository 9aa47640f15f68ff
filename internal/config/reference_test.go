// SPDX-License-Identifier: Apache-2.0

package config

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"xdhcp/internal/option"
)

var update = flag.Bool("update", false, "rewrite docs/config.md and schema.json")

//go:embed reference.yaml
var reference string

// What the reference calls a default is what holds without it.
func TestReferenceDefaults(t *testing.T) {
	full := mustParse(t, reference)
	if len(full.Warnings) > 0 {
		t.Error(full.Warnings)
	}
	var kept []string
	defaults := 0
	for _, l := range strings.Split(reference, "\n") {
		if !strings.HasPrefix(l, "#") && strings.Contains(l, "# default") {
			defaults++
			// A map that is left without keys, a line that closes a bracket.
			switch {
			case strings.Contains(l, "array"):
				kept = append(kept, "     }")
			case strings.HasPrefix(strings.TrimSpace(l), "valid:"):
				kept[len(kept)-1] = ""
			}
			continue
		}
		kept = append(kept, l)
	}
	if defaults < 40 { // the comparison below finds one that is wrong, not one that is not read
		t.Errorf("%d defaults", defaults)
	}
	bare := mustParse(t, strings.Join(kept, "\n"))
	if d := cmp.Diff(full, bare, diffOptions, cmpopts.IgnoreTypes(Place{})); d != "" {
		t.Error(d)
	}
}

// Every key is in the reference, and in the page for operators.
func TestReferenceIsComplete(t *testing.T) {
	for name, set := range keySets {
		for _, key := range set.known {
			if !strings.Contains(reference, key+":") {
				t.Errorf("%s: no %s in reference.yaml", name, key)
			}
		}
	}
}

var keySets = map[string]*keySet{
	"top": &topKeys, "history": &historyKeys, "interfaces": &interfaceKeys, "lease": &leaseKeys, "option-definitions": &definitionKeys,
	"shared-networks": &networkKeys, "links": &linkKeys, "filters": &filterKeys, "limits": &limitKeys, "fqdn": &fqdnKeys, "fqdn-below": &fqdnBelowKeys, "rogue-detection": &rogueKeys,
	"classes": &classKeys, "match": &matchKeys, "prefix": &prefixKeys, "vendor-id": &vendorIDKeys, "subnets": &subnetKeys, "pools": &poolKeys, "reservations": &reservationKeys,
	"dhcpv6": &dhcp6Keys, "routes": &routesKeys, "shared-networks.dhcpv6": &network6Keys, "classes.dhcpv6": &class6Keys, "lease6": &lease6Keys,
	"subnets6": &subnet6Keys, "pools6": &pool6Keys, "delegate": &delegateKeys, "exclude6": &excludeKeys, "reservations6": &reservation6Keys,
	"leasequery": &leaseQueryKeys, "ddns": &ddnsKeys, "ddns.zones": &ddnsZoneKeys, "ddns.keys": &ddnsKeyKeys,
}

// A name that leads to another, or that will have a meaning, is not a key.
func TestKeySets(t *testing.T) {
	for name, set := range keySets {
		for other, to := range set.others {
			if slices.Contains(set.known, other) || slices.Contains(set.later, other) {
				t.Errorf("%s: %s is a key", name, other)
			}
			if !strings.Contains(to, ":") && !slices.Contains(set.known, to) {
				t.Errorf("%s: %s leads to %s, which is none", name, other, to)
			}
		}
		for _, later := range set.later {
			if slices.Contains(set.known, later) {
				t.Errorf("%s: %s is a key already", name, later)
			}
		}
	}
}

const docs = "../../docs/config.md"

// The page for operators holds the reference as it is and the options as the
// tables have them. `go test ./internal/config -update` writes them.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	want := replacePart(t, page, "reference", "```yaml\n"+reference+"```\n")
	want = replacePart(t, want, "options", optionTable())
	want = replacePart(t, want, "options6", optionTable6())
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if page != want {
		t.Errorf("docs/config.md is not up to date: go test ./internal/config -update\n%s", cmp.Diff(page, want))
	}
	// What else it shows is right too.
	for _, block := range strings.Split(want, "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		mustParse(t, text)
	}
	for _, block := range strings.Split(want, "```text\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		file, rest, _ := strings.Cut(text, "$ xdhcpd check -c dhcp.yaml\n")
		_, problems := Parse("dhcp.yaml", []byte(file))
		got := ""
		for _, p := range problems {
			got += p.String() + "\n" + p.Excerpt + "\n"
		}
		if got != rest {
			t.Errorf("the page shows\n%s\nbut it is\n%s", rest, got)
		}
	}
}

func replacePart(t *testing.T, page, name, with string) string {
	t.Helper()
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("no part %q in docs/config.md", name)
	}
	return before + begin + with + end + after
}

func optionTable() string {
	var b strings.Builder
	b.WriteString("| code | name | value | defined in |\n| --- | --- | --- | --- |\n")
	for _, d := range option.All(option.DHCP4) {
		if why := refused[uint8(d.Code)]; why != "" || d.Code == 0 || d.Code == 255 {
			continue
		}
		if d.Code >= 128 && strings.HasPrefix(d.Name, "pxe-undefined-") || strings.HasPrefix(d.Name, "site-specific-") {
			continue
		}
		rfc := strings.Trim(d.RFC, "-")
		if len(rfc) == 4 && rfc[0] >= '0' && rfc[0] <= '9' {
			rfc = "RFC " + rfc
		}
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s |\n", d.Code, d.Name, d.Usage(), rfc)
	}
	return b.String()
}

func optionTable6() string {
	var b strings.Builder
	b.WriteString("| code | name | value | defined in |\n| --- | --- | --- | --- |\n")
	for _, d := range option.All(option.DHCP6) {
		if refusal6(d) == "" {
			fmt.Fprintf(&b, "| %d | `%s` | %s | RFC %s |\n", d.Code, d.Name, d.Usage(), d.RFC)
		}
	}
	return b.String()
}
