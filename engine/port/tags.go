// SPDX-License-Identifier: Apache-2.0

package port

import (
	"fmt"

	"github.com/safchain/ethtool"
)

// stripping is the kernel's name of the offload by which a NIC takes the VLAN
// tag out of a frame before XDP sees it (ethtool -K eth1 rxvlan on).
const stripping = "rx-vlan-hw-parse"

// keepTags has the NIC leave VLAN tags in the frames. With a tag taken out, a
// frame of one network looks like one of another, and would be answered with
// the other's addresses. undo puts the setting back; it is nil if there was
// nothing to change.
//
// On a veth the setting of the other end decides: what it sends with
// tx-vlan-offload on arrives without a tag.
func keepTags(name string) (undo func() error, err error) {
	set := func(on bool) error {
		e, err := ethtool.NewEthtool()
		if err != nil {
			return err
		}
		defer e.Close()
		return e.Change(name, map[string]bool{stripping: on})
	}
	e, err := ethtool.NewEthtool()
	if err != nil {
		return nil, fmt.Errorf("VLAN tags of %s: %w", name, err)
	}
	defer e.Close()
	features, err := e.Features(name)
	if err != nil {
		return nil, fmt.Errorf("VLAN tags of %s: %w", name, err)
	}
	if !features[stripping] {
		return nil, nil
	}
	if err := set(false); err != nil {
		return nil, fmt.Errorf("the NIC takes VLAN tags out of frames and cannot be told not to (ethtool -K %s rxvlan off): %w", name, err)
	}
	return func() error { return set(true) }, nil
}
