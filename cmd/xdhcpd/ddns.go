// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"xdhcp/engine/ddns"
	"xdhcp/engine/policy"
	"xdhcp/internal/config"
)

// updatesNames says whether names are put into the DNS.
func updatesNames(cfg *config.Config) bool { return len(cfg.DDNS.Zones) > 0 }

// fqdn says how options 81 and 39 (DHCPv6) are answered: that of what engine/ddns does.
func fqdn(cfg *config.Config) policy.FQDNSpec {
	on := updatesNames(cfg)
	return policy.FQDNSpec{
		Ignore: cfg.FQDN.Ignore, Suffix: cfg.FQDN.Suffix,
		Updates: on, Record: on, HostNames: on && cfg.DDNS.HostNames,
		OverrideClient: cfg.DDNS.OverrideClient, OverrideNoUpdate: cfg.DDNS.OverrideNoUpdate,
	}
}

func (s *server) newDDNS(cfg *config.Config) *ddns.Updater {
	if !updatesNames(cfg) {
		return nil
	}
	c := ddns.Config{TTL: cfg.DDNS.TTL}
	for _, z := range cfg.DDNS.Zones {
		zone := ddns.Zone{Name: z.Name, Server: z.Server}
		if z.Key != nil {
			key := ddns.Key(*z.Key)
			zone.Key = &key
		}
		c.Zones = append(c.Zones, zone)
	}
	return ddns.New(c, s.table, s.table6, s.journal.Clock().Now, s.log)
}

// namesBehind bounds the changes that wait to be looked at.
const namesBehind = 16 << 20

// followNames keeps the DNS until ctx ends.
func (s *server) followNames(ctx context.Context) {
	feed := s.journal.Follow(namesBehind)
	defer feed.Close()
	s.ddns.Run(ctx, feed)
}
