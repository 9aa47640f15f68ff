//go:build ignore
// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

/*
 * Steers DHCP that is for this server into AF_XDP sockets; everything else
 * goes on to the kernel untouched. The program writes no packet byte. What it
 * drops is garbage: it came to the server's own port and address and cannot be
 * DHCP, so nobody behind could do anything with it, and a flood of it costs
 * neither a ring nor a worker.
 *
 *	| Ethernet | 0..2 VLAN tags | IPv4 | UDP, to port 67 |
 *	                            | IPv6 | UDP, to port 547 |
 *
 * "For this server" is the limited broadcast, one of our addresses, the
 * broadcast address of one of our subnets, or a group that DHCPv6 servers
 * listen to. An edge server also routes other people's DHCP, which must pass.
 *
 * What the rings cannot serve (IPv4 options, fragments, IPv6 extension
 * headers, frames longer than a ring's) passes too: the slow path reads it
 * from a socket of the kernel.
 *
 * Lengths are checked only as far as the program reads; the parser behind the
 * ring checks them all. Each frame moves exactly one counter.
 */
#include "include/kernel.h"
#include "include/wire.h"

/* What became of a frame. The order is the order in `xdhcpd status`. */
enum counter {
	steered4,   /* to a socket */
	steered6,
	no_socket,  /* for us, on a queue without a socket */
	not_dhcp,   /* other protocols and ports */
	not_ours,   /* DHCP to somebody else's address */
	truncated,  /* ends within a header */
	bad_header, /* IP version or header length */
	extra_tags, /* more than two VLAN tags */
	ip_options, /* IPv4 UDP with header options to us */
	fragment,   /* fragment of IPv4 UDP to us */
	ext_header, /* IPv6 extension header to us */
	too_long,   /* for us, longer than a frame of the ring */
	v4_off,     /* for us, but steering of the kind is off */
	v6_off,
	vlan_off,
	garbage,   /* to us, and no DHCP message begins there; dropped */
	counters_len,
};

/* Which kinds of frames are steered; settable while the program runs. */
enum steer {
	steer_v4 = 1,
	steer_v6 = 2,
	steer_vlan = 4, /* frames with a VLAN tag, of the kinds above */
};

enum steer steering = steer_v4 | steer_vlan;

/* Longest frame that a ring takes. */
__u32 frame_max = 1792;

/* Kernels before 5.18 have no frames in several buffers, and no such helper. */
const volatile _Bool multi_buffer = 1;

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64); /* the loader sets the number of queues */
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

/* Our addresses and the broadcast addresses of our subnets. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __be32);
	__type(value, __u8);
} addrs4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct addr6);
	__type(value, __u8);
} addrs6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, counters_len);
	__type(key, enum counter);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline int is_tag(__be16 type)
{
	return type == be16(ETH_P_8021Q) || type == be16(ETH_P_8021AD) ||
	       type == be16(ETH_P_QINQ1);
}

static __always_inline int ours4(__be32 dst)
{
	return dst == 0xffffffff || bpf_map_lookup_elem(&addrs4, &dst);
}

static __always_inline int ours6(const struct ip6 *ip)
{
	struct addr6 dst = ip->dst;

	/* ff02::1:2 and ff05::1:3, RFC 8415 §7.1 */
	if (!dst.word[1] && !dst.word[2] &&
	    ((dst.word[0] == be32(0xff020000) && dst.word[3] == be32(0x00010002)) ||
	     (dst.word[0] == be32(0xff050000) && dst.word[3] == be32(0x00010003))))
		return 1;
	return !!bpf_map_lookup_elem(&addrs6, &dst);
}

static __always_inline int is_ext_header(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_FRAGMENT || next == IPPROTO_AH ||
	       next == IPPROTO_DSTOPTS || next == IPPROTO_MH ||
	       next == IPPROTO_HIP || next == IPPROTO_SHIM6;
}

/*
 * Can a ring take the frame, which is DHCP for us? A frame in several buffers
 * is longer than a ring's, or the kernel gathers it (since 6.6).
 */
static __always_inline enum counter fits(struct xdp_md *ctx, int tagged, enum counter steered)
{
	void *p = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if (tagged && !(steering & steer_vlan))
		return vlan_off;
	if (multi_buffer ? bpf_xdp_get_buff_len(ctx) > frame_max : p + (frame_max & 0xffff) < end)
		return too_long;
	return steered;
}

/* The fixed part of a DHCPv4 message and the magic cookie: RFC 2131 §2, §3. */
static __always_inline int is_dhcp4(const struct bootp *m, void *end)
{
	return (void *)(m + 1) <= end && (m->op == BOOTREQUEST || m->op == BOOTREPLY) &&
	       m->cookie == be32(DHCP_COOKIE);
}

/* Message types begin at 1: RFC 8415 §7.3. */
static __always_inline int is_dhcp6(const struct dhcp6 *m, void *end)
{
	return (void *)(m + 1) <= end && m->type;
}

static __always_inline enum counter ip4(struct xdp_md *ctx, void *p, int tagged)
{
	void *end = (void *)(long)ctx->data_end;
	struct ip4 *ip = p;
	struct udp *udp = (void *)(ip + 1);
	enum counter c;
	__u32 hlen;

	if ((void *)(ip + 1) > end)
		return truncated;
	hlen = (ip->version_ihl & 15) * 4;
	if (ip->version_ihl >> 4 != 4 || hlen < sizeof(*ip))
		return bad_header;
	if (ip->proto != IPPROTO_UDP)
		return not_dhcp;
	/* Only a first fragment has ports, and they are at no fixed place behind
	 * options (an offset from the packet would need CAP_PERFMON), so the
	 * address has to tell. */
	if (ip->frag & be16(IP4_MORE_FRAGMENTS | IP4_OFFSET))
		return ours4(ip->dst) ? fragment : not_dhcp;
	if (hlen != sizeof(*ip))
		return ours4(ip->dst) ? ip_options : not_dhcp;
	if ((void *)(udp + 1) > end)
		return truncated;
	if (udp->dst != be16(PORT_DHCP4))
		return not_dhcp;
	if (!ours4(ip->dst))
		return not_ours;
	if (!(steering & steer_v4))
		return v4_off;
	c = fits(ctx, tagged, steered4);
	if (c == steered4 && !is_dhcp4((void *)(udp + 1), end))
		return garbage;
	return c;
}

static __always_inline enum counter ip6(struct xdp_md *ctx, void *p, int tagged)
{
	void *end = (void *)(long)ctx->data_end;
	struct ip6 *ip = p;
	struct udp *udp = (void *)(ip + 1);
	enum counter c;

	if ((void *)(ip + 1) > end)
		return truncated;
	if ((ip->version_class_flow & be32(0xf0000000)) != be32(0x60000000))
		return bad_header;
	if (ip->next != IPPROTO_UDP)
		return is_ext_header(ip->next) && ours6(ip) ? ext_header : not_dhcp;
	if ((void *)(udp + 1) > end)
		return truncated;
	if (udp->dst != be16(PORT_DHCP6))
		return not_dhcp;
	if (!ours6(ip))
		return not_ours;
	if (!(steering & steer_v6))
		return v6_off;
	c = fits(ctx, tagged, steered6);
	if (c == steered6 && !is_dhcp6((void *)(udp + 1), end))
		return garbage;
	return c;
}

/* Steered, if there is a socket, or why not. */
static __always_inline enum counter classify(struct xdp_md *ctx)
{
	void *p = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct eth *eth = p;
	struct vlan *tag;
	__be16 type;
	int tags;

	if ((void *)(eth + 1) > end)
		return truncated;
	type = eth->type;
	p = eth + 1;

#pragma unroll
	for (tags = 0; tags < 2; tags++) {
		if (!is_tag(type))
			break;
		tag = p;
		if ((void *)(tag + 1) > end)
			return truncated;
		type = tag->type;
		p = tag + 1;
	}

	if (type == be16(ETH_P_IPV4))
		return ip4(ctx, p, tags);
	if (type == be16(ETH_P_IPV6))
		return ip6(ctx, p, tags);
	return is_tag(type) ? extra_tags : not_dhcp;
}

SEC("xdp.frags")
int xdhcp_steer(struct xdp_md *ctx)
{
	enum counter c = classify(ctx);
	long verdict = XDP_PASS;
	__u64 *n;

	if (c == steered4 || c == steered6) {
		verdict = bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
		if (verdict != XDP_REDIRECT)
			c = no_socket;
	} else if (c == garbage) {
		verdict = XDP_DROP;
	}
	n = bpf_map_lookup_elem(&counters, &c);
	if (n)
		*n += 1; /* nobody else writes this CPU's slot */
	return verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
