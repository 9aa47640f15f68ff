/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */

/* Headers of the wire, every field in network byte order. */
#ifndef XDHCP_WIRE_H
#define XDHCP_WIRE_H

#include "kernel.h"

#define ETH_P_IPV4 0x0800
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define ETH_P_QINQ1 0x9100 /* the outer tag before 802.1ad gave it a number */

#define IPPROTO_HOPOPTS 0
#define IPPROTO_UDP 17
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH 51
#define IPPROTO_DSTOPTS 60
#define IPPROTO_MH 135
#define IPPROTO_HIP 139
#define IPPROTO_SHIM6 140

#define PORT_DHCP4 67  /* RFC 2131 §4.1 */
#define PORT_DHCP6 547 /* RFC 8415 §7.2 */

struct eth {
	__u8 dst[6];
	__u8 src[6];
	__be16 type;
};

struct vlan {
	__be16 tci;
	__be16 type;
};

struct ip4 { /* RFC 791 §3.1 */
	__u8 version_ihl;
	__u8 tos;
	__be16 total;
	__be16 id;
	__be16 frag;
	__u8 ttl;
	__u8 proto;
	__be16 sum;
	__be32 src;
	__be32 dst;
};

#define IP4_MORE_FRAGMENTS 0x2000
#define IP4_OFFSET 0x1fff

struct addr6 {
	__be32 word[4];
};

struct ip6 { /* RFC 8200 §3 */
	__be32 version_class_flow;
	__be16 payload;
	__u8 next;
	__u8 hops;
	struct addr6 src;
	struct addr6 dst;
};

struct udp {
	__be16 src;
	__be16 dst;
	__be16 len;
	__be16 sum;
};

struct bootp { /* RFC 2131 §2, up to the options */
	__u8 op;
	__u8 htype;
	__u8 hlen;
	__u8 hops;
	__be32 xid;
	__be16 secs;
	__be16 flags;
	__be32 addrs[4];
	__u8 chaddr[16];
	__u8 sname[64];
	__u8 file[128];
	__be32 cookie;
};

#define BOOTREQUEST 1
#define BOOTREPLY 2
#define DHCP_COOKIE 0x63825363

struct dhcp6 { /* RFC 8415 §8; of a relayed message the first bytes: §9 */
	__u8 type;
	__u8 xid[3];
};

#endif
