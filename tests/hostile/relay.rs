//! A relay on the way to the server that resets the connection after so many bytes of the client's.

use rustix::net::sockopt::set_socket_linger;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Relays one connection; the address to connect to.
pub fn resetting_after(server: SocketAddr, bytes: usize) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (near, _) = listener.accept().expect("a connection");
        let far = TcpStream::connect(server).expect("the server accepts");
        let (mut down_from, mut down_to) = (far.try_clone().expect("a handle"), near.try_clone().expect("a handle"));
        let down = std::thread::spawn(move || {
            let _ = std::io::copy(&mut down_from, &mut down_to);
            let _ = down_to.shutdown(Shutdown::Both);
        });
        pass(&near, &far, bytes);
        // Zero linger: the system sends a reset.
        for end in [&near, &far] {
            let _ = set_socket_linger(end, Some(Duration::ZERO));
        }
        let _ = near.shutdown(Shutdown::Read);
        let _ = far.shutdown(Shutdown::Read);
        drop((near, far));
        let _ = down.join();
    });
    address
}

/// At most `left` bytes of the client's, or until it ends.
fn pass(mut near: &TcpStream, mut far: &TcpStream, mut left: usize) {
    let mut bytes = [0; 4096];
    while left > 0 {
        let size = left.min(bytes.len());
        match near.read(&mut bytes[..size]) {
            Ok(0) | Err(_) => return,
            Ok(count) if far.write_all(&bytes[..count]).is_ok() => left -= count,
            Ok(_) => return,
        }
    }
}
