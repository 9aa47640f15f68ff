// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultFrames = 8192 // 2048 lose packets when the owner stalls for 20 ms
	minFrames     = 64
	maxFrames     = 1 << 20

	smallChunk = 2048
	largeChunk = 4096 // the kernel takes none above the page size

	// headroom is what the kernel keeps free in front of a received frame.
	headroom = unix.XDP_PACKET_HEADROOM
	// linkHeader is what comes on top of the MTU: Ethernet and two VLAN tags.
	linkHeader = 14 + 4 + 4

	defaultBindWait = time.Second
	bindPause       = 10 * time.Millisecond
)

// BindMode says how the kernel and the socket share packets.
type BindMode uint8

const (
	// Auto tries zero-copy and falls back to copy; Info says why.
	Auto BindMode = iota
	// ZeroCopy demands that the driver uses our memory.
	ZeroCopy
	// Copy has the kernel copy each packet. Works with every driver.
	Copy
)

func (m BindMode) String() string {
	switch m {
	case Auto:
		return "auto"
	case ZeroCopy:
		return "zerocopy"
	case Copy:
		return "copy"
	}
	return "invalid"
}

// Config says which queue a socket serves and how.
type Config struct {
	// Ifname or Ifindex names the interface, in the network namespace of the
	// calling thread. Ifindex wins when both are set.
	Ifname  string
	Ifindex int
	Queue   int
	// Port is what Recv writes into frame.Frame.Port.
	Port uint16

	// Frames is the number of frames in the UMEM. Default 8192.
	Frames int
	// Reserve is how many of them are for Alloc and not for receiving. Default
	// none; at least one is left to receive.
	Reserve int
	// FrameSize is 2048 or 4096. Default: 2048 if the interface's MTU fits.
	FrameSize int
	// Bind chooses between zero-copy and copy. Default: Auto.
	Bind BindMode
	// BindWait is how long to go on trying while the queue is taken: a process
	// that is being killed holds it for a moment. Default one second; negative:
	// not at all.
	BindWait time.Duration
	// Busy makes Wait spin, with the kernel's preferred busy polling where it
	// has it, instead of sleep.
	Busy bool
}

// device is what Open needs to know of the interface.
type device struct {
	name  string
	index int
	mtu   int
	up    bool
}

func findLink(c *Config) (device, error) {
	var (
		ifi *net.Interface
		err error
	)
	if c.Ifindex != 0 {
		ifi, err = net.InterfaceByIndex(c.Ifindex)
	} else {
		ifi, err = net.InterfaceByName(c.Ifname)
	}
	if err != nil {
		name := c.Ifname
		if name == "" {
			name = fmt.Sprintf("interface %d", c.Ifindex)
		}
		// The net package has one unexported error for an interface that does
		// not exist and wraps the others, such as EMFILE.
		var errno unix.Errno
		if !errors.As(err, &errno) {
			err = unix.ENODEV
		}
		return device{name: name}, err
	}
	return device{name: ifi.Name, index: ifi.Index, mtu: ifi.MTU, up: ifi.Flags&net.FlagUp != 0}, nil
}

// complete checks the configuration against the interface and fills what was
// left to default.
func (c *Config) complete(l device) error {
	if c.Frames == 0 {
		c.Frames = defaultFrames
	}
	if c.Frames < minFrames || c.Frames > maxFrames {
		return fmt.Errorf("%d frames: want %d to %d", c.Frames, minFrames, maxFrames)
	}
	if c.Reserve < 0 || c.Reserve >= c.Frames {
		return fmt.Errorf("a reserve of %d frames: want 0 to %d", c.Reserve, c.Frames-1)
	}
	if c.BindWait == 0 {
		c.BindWait = defaultBindWait
	}
	if c.Bind > Copy {
		return fmt.Errorf("bind mode %d does not exist", c.Bind)
	}
	need := l.mtu + linkHeader
	switch c.FrameSize {
	case 0:
		c.FrameSize = smallChunk
		if need > smallChunk-headroom {
			c.FrameSize = largeChunk
		}
	case smallChunk, largeChunk:
	default:
		return fmt.Errorf("frame size %d: want %d or %d", c.FrameSize, smallChunk, largeChunk)
	}
	if room := c.FrameSize - headroom; need > room {
		return fmt.Errorf("MTU %d makes frames of up to %d bytes, and %d fit into a frame of %d: set the MTU to %d or less, or serve this interface without XDP",
			l.mtu, need, room, c.FrameSize, room-linkHeader)
	}
	return nil
}
