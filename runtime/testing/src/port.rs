//! Ports that stay ours while nobody listens on them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port of 127.0.0.1 that the operating system gives to nobody who does not ask for it by number.
///
/// A port of a server that is down is free, and the next outgoing connection of any process may get it, for hours. A
/// socket that is bound but does not listen prevents that: whoever connects is refused, and a server that asks for this
/// very port gets it, because both sockets allow the reuse of their address. Only Linux is known to be so generous;
/// elsewhere the port is merely one that was free a moment ago.
#[derive(Debug)]
pub(super) struct ReservedPort {
    number: u16,
    _socket: Option<TcpSocket>,
}

impl ReservedPort {
    /// Reserves a port that nobody listens on; any for 0.
    pub(super) fn new(number: u16) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, number)))?;
        let number = socket.local_addr()?.port();
        Ok(Self { number, _socket: cfg!(target_os = "linux").then_some(socket) })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_refuses_clients_until_a_server_asks_for_it() {
        let reserved = ReservedPort::new(0).unwrap();
        let address = (Ipv4Addr::LOCALHOST, reserved.number());

        assert!(TcpStream::connect(address).is_err());
        let _server = TcpListener::bind(address).unwrap();
        assert!(TcpStream::connect(address).is_ok());
    }

    #[test]
    fn a_port_that_somebody_listens_on_cannot_be_reserved() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();

        assert!(ReservedPort::new(server.local_addr().unwrap().port()).is_err());
    }
}
