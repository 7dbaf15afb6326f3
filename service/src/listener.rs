//! Binds listeners, on machines with and without IPv6.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

/// Binds `address`. `[::]` means every address of the machine, IPv4 included; on a machine without IPv6 it is `0.0.0.0`.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let other_reason = matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied);
    if address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED) || other_reason {
        return Err(error);
    }
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await.map_err(|_| error)?;
    tracing::warn!(%address, "this machine has no IPv6: listening on 0.0.0.0 instead");
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpStream;

    use super::bind;

    #[tokio::test]
    async fn a_listener_on_every_address_is_reached_over_ipv4_with_and_without_ipv6() {
        let listener = bind("[::]:0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connected, accepted) =
            tokio::join!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)), listener.accept());
        assert!(connected.is_ok());
        assert!(accepted.unwrap().1.ip().to_canonical().is_loopback());
    }

    #[tokio::test]
    async fn an_address_that_is_taken_stays_an_error() {
        let taken = bind("[::]:0".parse().unwrap()).await.unwrap();
        assert!(bind(taken.local_addr().unwrap()).await.is_err());
    }
}
