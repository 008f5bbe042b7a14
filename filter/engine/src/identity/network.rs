//! Where callers come from of whom nothing else is known.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The network of an address, as the host tells it: `192.0.2.1:4711`, `[2001:db8::1]:4711`, with or without a port. An IPv4
/// address, or the first 64 bits of an IPv6 address, for a single host has all addresses under those; anything else as it
/// is.
pub fn network(address: &str) -> Box<str> {
    let plain = address.trim_start_matches('[').trim_end_matches(']');
    let parsed = match address.parse::<SocketAddr>() {
        Ok(socket) => Some(socket.ip()),
        Err(_) => plain.parse().ok(),
    };
    match parsed.map(|ip: IpAddr| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => ip.to_string().into(),
        Some(IpAddr::V6(ip)) => {
            let network = Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64);
            format!("{network}/64").into()
        }
        None => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn a_host_is_one_network() {
        let cases = [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("192.0.2.1:4712", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
            ("[2001:db8:1:2:ffff::1]:80", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
            ("[2001:db8:1:3::9]", "2001:db8:1:3::/64"),
            ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
            ("[::1]:1", "::/64"),
            ("@/run/mesh.sock", "@/run/mesh.sock"),
            ("", ""),
        ];
        for (address, expected) in cases {
            assert_eq!(&*network(address), expected, "{address}");
        }
    }
}
