//! What the machine says of itself.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use sysinfo::Networks;

/// The machine's name.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The addresses under which clients may reach it, loopback included.
pub fn addresses() -> Vec<IpAddr> {
    let networks = Networks::new_with_refreshed_list().ok(); // not to be had in some containers
    let found = networks
        .iter()
        .flat_map(|networks| networks.values())
        .flat_map(|network| network.ip_networks());
    let found = found.map(|network| network.addr);
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let all: BTreeSet<IpAddr> = found.filter(is_usable).chain(loopback).collect();
    all.into_iter().collect()
}

/// Link-local addresses need an interface beside them, which no certificate can name.
fn is_usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_unspecified(),
    }
}
