// SPDX-License-Identifier: Apache-2.0

package port

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// rxQueues counts the interface's receive queues, as sysfs shows them in the
// network namespace that it was mounted for. A process that was put into another
// namespace without a sysfs of its own (nsenter --net) asks the driver instead.
func rxQueues(name string) (int, error) {
	n := 0
	entries, err := os.ReadDir("/sys/class/net/" + name + "/queues")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "rx-") {
			n++
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		n, err = channels(name)
	}
	if err != nil {
		return 0, fmt.Errorf("receive queues of %s: %w", name, err)
	}
	if n == 0 {
		return 0, fmt.Errorf("interface %s has no receive queue", name)
	}
	return n, nil
}

// channels is what ethtool -l shows: the queues that receive, alone or combined
// with transmission (ethtool netlink, CHANNELS_GET).
func channels(name string) (int, error) {
	family, err := netlink.GenlFamilyGet(unix.ETHTOOL_GENL_NAME)
	if err != nil {
		return 0, err
	}
	req := nl.NewNetlinkRequest(int(family.ID), 0)
	req.AddData(&nl.Genlmsg{Command: unix.ETHTOOL_MSG_CHANNELS_GET, Version: unix.ETHTOOL_GENL_VERSION})
	head := nl.NewRtAttr(unix.ETHTOOL_A_CHANNELS_HEADER|unix.NLA_F_NESTED, nil)
	head.AddRtAttr(unix.ETHTOOL_A_HEADER_DEV_NAME, nl.ZeroTerminated(name))
	req.AddData(head)
	msgs, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, m := range msgs {
		if len(m) < nl.SizeofGenlmsg {
			continue
		}
		attrs, err := nl.ParseRouteAttr(m[nl.SizeofGenlmsg:])
		if err != nil {
			return 0, err
		}
		for _, a := range attrs {
			switch a.Attr.Type {
			case unix.ETHTOOL_A_CHANNELS_RX_COUNT, unix.ETHTOOL_A_CHANNELS_COMBINED_COUNT:
				if len(a.Value) >= 4 {
					n += int(binary.NativeEndian.Uint32(a.Value))
				}
			}
		}
	}
	return n, nil
}
