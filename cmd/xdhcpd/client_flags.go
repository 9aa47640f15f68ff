// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"strings"
)

// clientFlags say which client is meant; what is given must all agree.
type clientFlags struct {
	MAC      string `name:"mac" help:"Only this client's." placeholder:"MAC"`
	ClientID string `help:"Only the client with this identifier (option 61), in hexadecimal." placeholder:"HEX"`
	Circuit  string `help:"Only clients behind this circuit (option 82), as text or as 0x and hexadecimal." placeholder:"ID"`
	Remote   string `help:"Only clients behind this remote-id (option 82), as text or as 0x and hexadecimal." placeholder:"ID"`
	DUID     string `name:"duid" help:"Only the client with this DUID, in hexadecimal (DHCPv6)." placeholder:"HEX"`
	Iface    string `name:"interface-id" help:"Only clients behind this interface-id (DHCPv6), as text or as 0x and hexadecimal." placeholder:"ID"`
}

// clientIs is clientFlags as bytes; nil where nothing was given.
type clientIs struct{ mac, clientID, circuit, remote, duid, interfaceID []byte }

func (c *clientFlags) parse() (is clientIs, err error) {
	if c.MAC != "" {
		if is.mac, err = net.ParseMAC(c.MAC); err != nil {
			return is, fmt.Errorf("--mac: %w", err)
		}
	}
	if is.clientID, err = hex.DecodeString(strings.TrimPrefix(strings.ReplaceAll(c.ClientID, ":", ""), "0x")); err != nil {
		return is, fmt.Errorf("--client-id: %w", err)
	}
	if is.circuit, err = textOrHex(c.Circuit); err != nil {
		return is, fmt.Errorf("--circuit: %w", err)
	}
	if is.remote, err = textOrHex(c.Remote); err != nil {
		return is, fmt.Errorf("--remote: %w", err)
	}
	if is.duid, err = hex.DecodeString(strings.ReplaceAll(c.DUID, ":", "")); err != nil {
		return is, fmt.Errorf("--duid: %w", err)
	}
	if is.interfaceID, err = textOrHex(c.Iface); err != nil {
		return is, fmt.Errorf("--interface-id: %w", err)
	}
	return is, nil
}

func textOrHex(s string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		return hex.DecodeString(digits)
	}
	return []byte(s), nil
}
