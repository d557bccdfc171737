use super::*;
use alloc::string::ToString;
use core::net::Ipv4Addr;
use std::net::TcpStream;
use std::thread;

fn tcp(text: &str) -> ListenAddr {
    text.parse().expect("an address")
}

fn port_of(bound: &Bound) -> SocketAddr {
    match bound.local_addr() {
        Peer::Tcp(address) => *address,
        Peer::Unix(_) => unreachable!("bound to TCP"),
    }
}

/// Accepts on each socket until none gives a connection, and returns the number of each.
fn drain(sockets: &[Socket]) -> Vec<usize> {
    sockets
        .iter()
        .map(|socket| match socket {
            Socket::Tcp(listener) => core::iter::from_fn(|| listener.accept().ok()).count(),
            #[cfg(unix)]
            Socket::Unix(listener) => core::iter::from_fn(|| listener.accept().ok()).count(),
        })
        .collect()
}

#[test]
fn each_worker_gets_a_socket_and_all_of_them_are_served() {
    for reuse_port in [true, false] {
        let mut bound =
            bind(&tcp("127.0.0.1:0"), BindOptions { reuse_port, ..BindOptions::default() }).expect("bind");
        let address = port_of(&bound);
        assert_ne!(address.port(), 0);
        let sockets = bound.sockets(4).expect("sockets");
        assert_eq!(sockets.len(), 4);
        for socket in &sockets {
            assert_eq!(address_of(socket).expect("address"), Peer::Tcp(address));
        }
        let clients: Vec<_> = (0..256).map(|_| TcpStream::connect(address).expect("connect")).collect();
        let accepted = drain(&sockets);
        assert_eq!(accepted.iter().sum::<usize>(), clients.len(), "{accepted:?}");
        if reuse_port && cfg!(target_os = "linux") {
            // The kernel hashes over the group: a socket that got none of 256 was not in it.
            assert!(accepted.iter().all(|&n| n > 0), "{accepted:?}");
        }
        assert!(bound.sockets(1).is_err());
    }
}

#[test]
fn a_port_in_use_is_an_error_even_where_ports_may_be_shared() {
    let mut first = bind(&tcp("127.0.0.1:0"), BindOptions::default()).expect("bind");
    let address = port_of(&first);
    let in_use = |what: &str| {
        let error = bind(&address.into(), BindOptions::default()).expect_err(what);
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{what}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    };
    in_use("bound, not handed out");
    let sockets = first.sockets(3).expect("sockets");
    in_use("handed out and shared");
    drop(first);
    in_use("the sockets outlive the value that bound them");
    drop(sockets);
    bind(&address.into(), BindOptions::default()).expect("free again");
}

#[cfg(target_os = "linux")]
#[test]
fn a_foreign_socket_that_allows_sharing_is_an_error_too() {
    let foreign = tcp_socket((Ipv4Addr::LOCALHOST, 0).into()).expect("socket");
    foreign.set_reuse_port(true).expect("share");
    foreign.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("bind");
    foreign.listen(1).expect("listen");
    let address = foreign.local_addr().expect("address").as_socket().expect("TCP");
    let error = bind(&address.into(), BindOptions::default()).expect_err("taken");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn starting_at_once_only_one_of_many_servers_gets_the_port() {
    let address = port_of(&bind(&tcp("127.0.0.1:0"), BindOptions::default()).expect("bind"));
    let servers: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(move || {
                let mut bound = bind(&address.into(), BindOptions::default())?;
                bound.sockets(2).map(|sockets| (bound, sockets))
            })
        })
        .collect();
    let results: Vec<_> = servers.into_iter().map(|server| server.join().expect("no panic")).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
}

#[test]
fn both_wildcards_fit_on_one_port() {
    let v6 = match bind(&tcp("[::]:0"), BindOptions::default()) {
        Ok(bound) => bound,
        Err(error) => {
            assert!(
                bind(&tcp("[::1]:0"), BindOptions::default()).is_err(),
                "IPv6 is there, but not [::]: {error}"
            );
            return;
        }
    };
    assert!(v6.local_addr().is_wildcard());
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port_of(&v6).port()));
    let v4 = bind(&v4.into(), BindOptions::default()).expect("IPv4 beside IPv6");
    assert!(v4.local_addr().is_wildcard());
}

#[test]
fn a_name_is_looked_up() {
    let bound = bind(&tcp("localhost:0"), BindOptions::default()).expect("bind");
    assert!(port_of(&bound).ip().is_loopback());
    let taken = ListenAddr::Name("localhost".into(), port_of(&bound).port());
    assert_eq!(bind(&taken, BindOptions::default()).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_connection_knows_the_address_it_came_to_and_sends_without_delay() {
    for listen in ["0.0.0.0:0", "127.0.0.1:0"] {
        let mut bound = bind(&tcp(listen), BindOptions::default()).expect("bind");
        let port = port_of(&bound).port();
        let sockets = bound.sockets(1).expect("sockets");
        let listening = adopt(&sockets[0]).expect("adopt");
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
        let Socket::Tcp(listener) = &sockets[0] else { unreachable!("bound to TCP") };
        let (stream, _) = listener.accept().expect("accept");
        let expected = Peer::Tcp((Ipv4Addr::LOCALHOST, port).into());
        assert_eq!(finish_accept(&stream, &listening), expected);
        assert!(stream.nodelay().expect("nodelay"));
    }
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::fs;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("anyloop-{name}-{}", std::process::id()));
            fs::create_dir(&path).expect("a fresh directory");
            Self(path)
        }

        fn socket(&self) -> (PathBuf, ListenAddr) {
            let path = self.0.join("socket");
            (path.clone(), ListenAddr::Unix(path))
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_file_is_there_as_long_as_its_owner() {
        let directory = Directory::new("owner");
        let (path, address) = directory.socket();
        let mut bound = bind(&address, BindOptions::default()).expect("bind");
        assert_eq!(bound.local_addr(), &Peer::Unix(Some(path.clone())));
        let sockets = bound.sockets(2).expect("sockets");
        let _clients: Vec<_> = (0..3).map(|_| UnixStream::connect(&path).expect("connect")).collect();
        assert_eq!(drain(&sockets), [3, 0], "one queue");
        drop(sockets);
        assert!(path.exists());
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_file_is_replaced_and_a_living_server_is_an_error() {
        let directory = Directory::new("dead");
        let (path, address) = directory.socket();
        drop(UnixListener::bind(&path).expect("a server that leaves its file"));
        assert!(path.exists());
        let bound = bind(&address, BindOptions::default()).expect("replaces");
        let error = bind(&address, BindOptions::default()).expect_err("answers");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(UnixStream::connect(&path).is_ok(), "the living server keeps its file");
        drop(bound);
    }

    #[test]
    fn a_living_server_with_a_full_queue_is_an_error() {
        let directory = Directory::new("full");
        let (path, address) = directory.socket();
        let _living = bind(&address, BindOptions { backlog: 0, ..BindOptions::default() }).expect("bind");
        let full = SockAddr::unix(&path).expect("address");
        let clients: Vec<_> = core::iter::from_fn(|| {
            let client = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).expect("socket");
            client.set_nonblocking(true).expect("non-blocking");
            client.connect(&full).is_ok().then_some(client)
        })
        .take(1000)
        .collect();
        assert!(clients.len() < 1000, "the queue is bounded");
        assert_eq!(
            bind(&address, BindOptions::default()).expect_err("full, not dead").kind(),
            io::ErrorKind::AddrInUse
        );
    }

    #[test]
    fn what_is_not_a_socket_is_left_alone() {
        let directory = Directory::new("file");
        let (path, address) = directory.socket();
        fs::write(&path, "precious").expect("write");
        let error = bind(&address, BindOptions::default()).expect_err("a file");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).expect("read"), b"precious");
    }

    #[test]
    fn a_file_that_another_put_there_is_left_alone() {
        let directory = Directory::new("successor");
        let (path, address) = directory.socket();
        let bound = bind(&address, BindOptions::default()).expect("bind");
        fs::remove_file(&path).expect("remove");
        let _successor = UnixListener::bind(&path).expect("bind");
        drop(bound);
        assert!(path.exists());
    }

    #[test]
    fn a_path_that_is_too_long_is_an_error() {
        let address = ListenAddr::Unix("x".repeat(200).into());
        assert!(bind(&address, BindOptions::default()).is_err());
    }
}
